"""The rows are consistent, and prices are those of the call."""

import subprocess
import sys
from datetime import date

import pytest

from lambda_src.shared import catalog
from stacks.geography import REGIONS
from stacks.model_catalog import ANY_REGION, CATALOG, Row, destinations, source_regions, ways

ROWS = tuple(CATALOG.models.values())
HAIKU = "anthropic.claude-haiku-5-5"


def test_a_row_s_key_is_its_id() -> None:
    assert [row.id for row in ROWS] == list(CATALOG.models) == [model.id for model in catalog.models()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_complete(row: Row) -> None:
    assert row.regions or row.profiles
    assert {*row.regions} <= {*REGIONS}
    assert {*row.profiles.values()} <= {*CATALOG.routings}
    prices = [price for price in row.prices.values() if price]
    life = row.lifecycle
    for day in (life.legacy_at, life.end_of_life_at, life.extended_access_at, *(price.as_of for price in prices)):
        assert day is None or date.fromisoformat(day)
    assert life.status != "ended" or life.end_of_life_at
    for name, allowed in row.parameters.items():
        assert allowed.min < allowed.max, name
        assert allowed.default is None or allowed.min <= allowed.default <= allowed.max, name
    assert {*row.prices} <= {"", *row.profiles}
    assert all({*pair} <= {*row.parameters} for pair in row.exclusive)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_kind_of_figure_has_its_source(row: Row) -> None:
    kinds = {"limits", "lifecycle"}
    kinds |= {kind for kind in ("regions", "profiles", "prices", "thinking") if getattr(row, kind)}
    assert kinds <= {*row.sources}
    for keys in row.sources.values():
        for key in (keys,) if isinstance(keys, str) else keys:
            assert date.fromisoformat(CATALOG.sources[key].read)


def test_a_routing_leads_from_regions_to_regions() -> None:
    used = {routing for row in ROWS for routing in row.profiles.values()}
    assert used == {*CATALOG.routings}
    for name, table in CATALOG.routings.items():
        for source, reached in table.items():
            assert source in REGIONS, name
            assert reached == (ANY_REGION,) or {*reached} <= {*REGIONS}, name


def test_a_profile_resolves_to_its_model() -> None:
    invocation = catalog.resolve(f"us.{HAIKU}")

    assert (invocation.profile, invocation.model.family, invocation.target) == ("us", "claude", f"us.{HAIKU}")


def test_destinations_depend_on_the_region_of_the_call() -> None:
    invocation = catalog.resolve(f"us.{HAIKU}")

    assert destinations(invocation, "us-west-2") == ("us-east-1", "us-east-2", "us-west-2")
    assert destinations(invocation, "ca-central-1") == ("ca-central-1", "us-east-1", "us-east-2", "us-west-2")
    assert destinations(invocation, "eu-central-1") == ()
    assert destinations(catalog.resolve(f"global.{HAIKU}"), "sa-east-1") == (ANY_REGION,)
    assert "eu-west-2" in source_regions(catalog.resolve(f"eu.{HAIKU}"))


def test_a_model_id_is_called_in_its_own_region() -> None:
    titan = catalog.resolve("amazon.titan-embed-text-v2:0")

    assert destinations(titan, "sa-east-1") == ("sa-east-1",)
    assert destinations(titan, "us-west-1") == ()
    assert [way.id for way in ways(titan.model)] == ["amazon.titan-embed-text-v2:0"]


def test_an_application_inference_profile_stands_for_its_model() -> None:
    arn = "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc"
    invocation = catalog.resolve(f"us.{HAIKU}={arn}")

    assert (invocation.id, invocation.target, invocation.profile) == (f"us.{HAIKU}", arn, "us")
    assert invocation.price == catalog.resolve(f"us.{HAIKU}").price


@pytest.mark.parametrize("unknown", ["", "nothing", f"in.{HAIKU}", "us.amazon.titan-embed-text-v2:0", "us."])
def test_an_unknown_id_is_an_error(unknown: str) -> None:
    with pytest.raises(catalog.UnknownModel):
        catalog.resolve(unknown)


def test_the_price_is_the_profile_s() -> None:
    def cost(invocation_id: str) -> float | None:
        return catalog.cost(catalog.resolve(invocation_id), input_tokens=100_000, output_tokens=10_000)

    assert cost(f"global.{HAIKU}") == pytest.approx(0.015)
    assert cost(f"eu.{HAIKU}") == pytest.approx(0.0165)


def test_cached_tokens_cost_less() -> None:
    invocation = catalog.resolve(f"global.{HAIKU}")

    assert catalog.cost(invocation, input_tokens=100_000, cached_tokens=90_000) == pytest.approx(0.0019)


def test_a_long_prompt_has_prices_of_its_own_for_all_its_tokens() -> None:
    invocation = catalog.resolve(f"global.{HAIKU}")

    assert catalog.cost(invocation, input_tokens=100_001, output_tokens=1) == pytest.approx(0.050003)


def test_images_and_queries_have_prices() -> None:
    assert catalog.cost(catalog.resolve("stability.stable-image-core-v1:1"), images=2) == pytest.approx(0.08)
    assert catalog.cost(catalog.resolve("cohere.rerank-v3-5:0"), queries=3) == pytest.approx(0.006)


def test_an_unknown_price_is_not_estimated() -> None:
    assert catalog.cost(catalog.resolve("in.anthropic.claude-haiku-4-5-20251001-v1:0"), input_tokens=1) is None


def test_only_rows_that_are_asked_for_are_decoded() -> None:
    """The rows of other models must not cost a function's start anything."""
    code = (
        "from lambda_src.shared import catalog\n"
        f"catalog.resolve('us.{HAIKU}'); catalog.resolve('us.{HAIKU}')\n"
        "print(len(catalog._decoded))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed == "1\n"
