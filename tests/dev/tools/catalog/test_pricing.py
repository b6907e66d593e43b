"""Prices follow AWS's price lists where those are clear; what is not clear is reported."""

from typing import Any

import pytest

from tests.dev.tools.catalog.conftest import Case
from tests.dev.tools.catalog.test_refresh import CASE_NOTES, HAIKU, HAIKU_4, NOVA, TITAN

EAST, WEST, BEDROCK = (
    "prices-marketplace-us-east-1.json",
    "prices-marketplace-us-west-2.json",
    "prices-bedrock-us-east-1.json",
)
AMBIGUOUS = "Prices that are ambiguous: the row keeps its own"
UNREAD = "Usage types that the tool does not read"
EDITION = " (Amazon Bedrock Edition)"


def sku(offer: Any, name: str, usage: str) -> str:
    """The product of a model whose usage type ends like this."""
    (found,) = (
        sku
        for sku, product in offer["products"].items()
        if name in product["attributes"].values() and product["attributes"]["usagetype"].endswith(usage)
    )
    return found


def set_price(offer: Any, name: str, usage: str, usd: str) -> None:
    for term in offer["terms"]["OnDemand"][sku(offer, name, usage)].values():
        for dimension in term["priceDimensions"].values():
            dimension["pricePerUnit"]["USD"] = usd


def add(offer: Any, usd: str, unit: str, **attributes: str) -> None:
    """Adds a product."""
    number = f"NEW{len(offer['products'])}"
    region = next(iter(offer["products"].values()))["attributes"]["regionCode"]
    offer["products"][number] = {"attributes": {"regionCode": region, **attributes}}
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}, "description": ""}
    offer["terms"]["OnDemand"][number] = {"T": {"priceDimensions": {"D": dimension}}}


def haiku(usage: str, prefix: str = "USE1") -> str:
    return f"{prefix}_{usage}-Units"


def test_a_price_changes_for_its_profile_only(case: Case) -> None:
    for name, prefix in ((EAST, "USE1"), (WEST, "USW2")):
        with case.edit(name) as offer:
            set_price(offer, f"Claude Haiku 5.5{EDITION}", haiku("input_tokens_standard", prefix), "0.1200000000")

    (prices,) = case.changes()[HAIKU].values()
    assert prices["us"] == {
        "asOf": "2026-11-24",
        "inputPerMillion": 0.12,
        "outputPerMillion": 0.55,
        "cachedInputPerMillion": 0.011,
        "longContext": {
            "above": 100000,
            "inputPerMillion": 0.55,
            "outputPerMillion": 2.75,
            "cachedInputPerMillion": 0.055,
        },
    }
    assert prices[""]["asOf"] == "2026-11-01"
    assert [*prices] == ["", "us"]
    refresh = case.refresh()
    assert refresh.document["models"][HAIKU]["sources"]["prices"] == "price-lists-2026-11-24"
    assert refresh.document["sources"]["price-lists-2026-11-24"] == {
        "title": "AWS's price lists AmazonBedrock, AmazonBedrockFoundationModels",
        "read": "2026-11-24",
        "regions": ["us-east-1", "us-west-2"],
    }


def test_the_price_of_a_model_id_that_nobody_can_call_is_the_global_one(case: Case) -> None:
    for name, prefix in ((EAST, "USE1"), (WEST, "USW2")):
        with case.edit(name) as offer:
            set_price(offer, f"Claude Haiku 5.5{EDITION}", haiku("cache_read_tokens_global_standard", prefix), "0.02")
            set_price(
                offer, f"Claude Haiku 5.5{EDITION}", haiku("output_tokens_long_ctx_global_standard", prefix), "2.4"
            )

    (prices,) = case.changes()[HAIKU].values()
    assert prices[""]["cachedInputPerMillion"] == 0.02
    assert prices[""]["longContext"]["outputPerMillion"] == 2.4
    assert prices["us"]["asOf"] == "2026-11-01"


def test_the_older_usage_types_are_read(case: Case) -> None:
    for name, prefix in ((EAST, "USE1"), (WEST, "USW2")):
        with case.edit(name) as offer:
            set_price(offer, f"Claude Haiku 4.5{EDITION}", haiku("OutputTokenCount", prefix), "5.0000000000")

    (prices,) = case.changes()[HAIKU_4].values()
    assert prices["us"]["outputPerMillion"] == 5.0
    assert prices[""] == {
        "asOf": "2026-11-01",
        "inputPerMillion": 1.0,
        "outputPerMillion": 5.0,
        "cachedInputPerMillion": 0.1,
    }


def test_prices_of_a_thousand_tokens_are_read(case: Case) -> None:
    with case.edit(BEDROCK) as offer:
        set_price(offer, "Titan Embeddings V2", "input-tokens", "0.0000300000")

    assert case.changes() == {TITAN: {"prices": {"": {"asOf": "2026-11-24", "inputPerMillion": 0.03}}}}
    # No list is about Ireland, but what a model id costs there is the same as long as no list says otherwise.
    assert case.refresh().document["models"][TITAN]["sources"]["prices"] == "price-lists-2026-11-24"


def test_a_profile_that_cost_what_the_model_id_costs_keeps_its_price_without_one_of_its_own(case: Case) -> None:
    case.only(BEDROCK)
    with case.edit(BEDROCK) as offer:
        set_price(offer, "Nova Lite", "NovaLite-input-tokens", "0.0000500000")
        set_price(offer, "Nova Lite", "amazon.nova-lite-mantle-input-tokens-standard", "0.0000500000")
        for product in offer["products"].values():
            product["attributes"]["regionCode"] = "eu-west-2"

    (prices,) = case.changes()[NOVA].values()
    assert {way: price["inputPerMillion"] for way, price in prices.items()} == {"": 0.05, "us": 0.06}
    assert case.refresh().document["models"][NOVA]["sources"]["prices"] == ["price-lists-2026-11-24", "price-file"]


def test_a_profile_that_costs_what_the_model_id_costs_needs_no_price(case: Case) -> None:
    with case.edit(BEDROCK) as offer:
        set_price(offer, "Nova Lite", "NovaLite-input-tokens", "0.0000500000")
        set_price(offer, "Nova Lite", "amazon.nova-lite-mantle-input-tokens-standard", "0.0000500000")

    (prices,) = case.changes()[NOVA].values()
    assert {way: price["inputPerMillion"] for way, price in prices.items()} == {"": 0.05}


def test_a_geographic_price_is_the_profile_s(case: Case) -> None:
    with case.edit(BEDROCK) as offer:
        for figure, usd in (("input-tokens", "0.00007"), ("output-tokens", "0.00025")):
            usage = f"USE1-NovaLite-{figure}-cross-region-geo"
            add(offer, usd, "1K tokens", model="Nova Lite", usagetype=usage)

    (prices,) = case.changes()[NOVA].values()
    assert prices[""]["inputPerMillion"] == 0.06
    assert prices["us"] == {
        "asOf": "2026-11-24",
        "inputPerMillion": 0.07,
        "outputPerMillion": 0.25,
        "cachedInputPerMillion": 0.015,
    }
    assert case.refresh().notes["Figures that the price lists lack, next to changed ones"] == [
        f"{NOVA}, us: cachedInputPerMillion"
    ]


def test_an_unknown_price_becomes_known(case: Case) -> None:
    with case.edit_row(HAIKU) as row:
        row["prices"]["us"] = None

    (prices,) = case.changes()[HAIKU].values()
    assert prices["us"]["inputPerMillion"] == 0.11
    assert prices["us"]["longContext"]["above"] == 100000


def test_a_price_that_differs_between_source_regions_is_not_guessed(case: Case) -> None:
    with case.edit(WEST) as offer:
        set_price(offer, f"Claude Haiku 4.5{EDITION}", haiku("InputTokenCount", "USW2"), "1.3")

    assert case.changes() == {}
    assert case.refresh().notes[AMBIGUOUS] == [
        f"{HAIKU_4}, us: input 1.1, output 5.5, cachedInput 0.11 in us-east-1; "
        "input 1.3, output 5.5, cachedInput 0.11 in us-west-2"
    ]


def test_two_prices_of_one_figure_are_not_guessed(case: Case) -> None:
    with case.edit(BEDROCK) as offer:
        set_price(offer, "Nova Lite", "amazon.nova-lite-mantle-input-tokens-standard", "0.00007")

    assert case.changes() == {}
    assert case.refresh().notes[AMBIGUOUS] == [
        f"{NOVA}: regional inputPerMillion in us-east-1: 0.06 or 0.07",
        f"{NOVA}, model id: only output 0.24, cachedInput 0.015",
        f"{NOVA}, us: only output 0.24, cachedInput 0.015",
    ]


def test_a_price_by_volume_is_not_guessed(case: Case) -> None:
    with case.edit(BEDROCK) as offer:
        term = offer["terms"]["OnDemand"][sku(offer, "Titan Embeddings V2", "input-tokens")].popitem()[1]
        cheaper = {"unit": "1K tokens", "pricePerUnit": {"USD": "0.00001"}, "description": "over a billion"}
        dimensions = {**term["priceDimensions"], "second": cheaper}
        offer["terms"]["OnDemand"][sku(offer, "Titan Embeddings V2", "input-tokens")] = {
            "T": {"priceDimensions": dimensions}
        }

    assert case.changes() == {}
    assert case.refresh().notes[AMBIGUOUS] == [f"{TITAN}: regional inputPerMillion in us-east-1: 0.01 or 0.02"]


def test_long_contexts_need_a_known_threshold(case: Case) -> None:
    with case.edit_row(HAIKU) as row:
        for price in row["prices"].values():
            del price["longContext"]

    assert case.changes() == {}
    note = "long context input 0.55, output 2.75, cachedInput 0.055, no threshold is known"
    assert f"{HAIKU}, us: {note}" in case.refresh().notes[AMBIGUOUS]


@pytest.mark.parametrize(
    ("usage", "unit", "usd"),
    [
        ("USE1-NovaLite-input-video-token-count", "1K tokens", "0.1"),
        ("USE1-NovaLite-input-tokens-lunar", "1K tokens", "0.1"),
        ("USE1-MP:USE1_input_tokens_global-Units", "1M tokens", "0.1"),
        ("USE1-NovaLite-input-tokens", "1K characters", "0.1"),
        ("USE1-NovaLite-input-tokens", "1K tokens", "free"),
    ],
)
def test_what_is_not_understood_is_reported(case: Case, usage: str, unit: str, usd: str) -> None:
    with case.edit(BEDROCK) as offer:
        add(offer, usd, unit, model="Nova Lite", usagetype=usage)

    assert case.changes() == {}
    assert case.refresh().notes[UNREAD] == [f"{NOVA}: {usage}"]


@pytest.mark.parametrize(
    "usage", ["priority", "flex", "batch", "latency-optimized", "custom-model", "cross-region-geo-batch"]
)
def test_other_services_are_no_on_demand_prices(case: Case, usage: str) -> None:
    with case.edit(BEDROCK) as offer:
        add(offer, "9", "1K tokens", model="Nova Lite", usagetype=f"USE1-NovaLite-input-tokens-{usage}")

    assert case.changes() == {}
    assert case.refresh().notes == CASE_NOTES


def test_another_model_s_name_is_not_taken_for_the_row_s(case: Case) -> None:
    with case.edit(BEDROCK) as offer:
        add(offer, "9", "1K tokens", model="Nova Lite Plus", usagetype="USE1-NovaLitePlus-input-tokens")
        # Two names of two models.
        add(offer, "9", "1K tokens", model="Nova Lite", usagetype="USE1-TitanEmbeddingV2-Text-output-tokens")

    assert case.changes() == {}
    (names,) = case.refresh().notes["Names in the price lists without a row"]
    assert names == "Nova Lite, Nova Lite Plus, Ray v2"


def test_a_name_of_two_rows_is_neither_s(case: Case) -> None:
    with case.edit_row(HAIKU_4) as row:
        row["name"] = "Nova Lite"
    with case.edit(BEDROCK) as offer:
        set_price(offer, "Nova Lite", "NovaLite-input-tokens", "0.0000500000")

    assert case.changes() == {}
    assert case.refresh().notes["Names in the price lists without a row"] == ["Nova Lite, Ray v2"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"usagetype": "USE1-Nova2.0Lite-input-tokens", "model": "Nova 2.0 Lite"},
        {"usagetype": "USE1-amazon.nova-2-lite-mantle-input-tokens-standard"},
        {"usagetype": "USE1-MP:USE1_InputTokenCount-Units", "servicename": f"Amazon Nova 2 Lite{EDITION}"},
    ],
)
def test_a_name_is_compared_without_version_and_punctuation(case: Case, attributes: dict[str, str]) -> None:
    case.only(BEDROCK)
    with case.edit(BEDROCK) as offer:
        add(offer, "9", "1K tokens", **attributes)
    with case.edit_row(NOVA) as row:
        row["name"] = "Nova 2 Lite"
    case.file.write_text(case.file.read_text("utf-8").replace(NOVA, "amazon.nova-2-lite-v1:0"), "utf-8")

    assert "amazon.nova-2-lite-v1:0, model id: only input 9000" in case.refresh().notes[AMBIGUOUS]


def test_rows_without_a_price_are_reported(case: Case) -> None:
    case.only(BEDROCK)

    assert case.refresh().notes["Rows without a price in the price lists"] == [HAIKU, HAIKU_4]
