"""Regions, profiles and life cycles of the catalog follow the answers, and nothing else changes."""

from datetime import date
from typing import Any

import pytest

from dev.tools.catalog import document
from dev.tools.catalog.answers import read_folder
from dev.tools.catalog.refresh import Refresh
from tests.dev.tools.catalog.conftest import TODAY, Case

HAIKU = "anthropic.claude-haiku-5-5"
HAIKU_4 = "anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
EAST, IRELAND = "models-us-east-1.json", "models-eu-west-1.json"


def summary(answer: Any, model_id: str) -> Any:
    return next(model for model in answer["modelSummaries"] if model["modelId"] == model_id)


def profile(answer: Any, profile_id: str) -> Any:
    return next(entry for entry in answer["inferenceProfileSummaries"] if entry["inferenceProfileId"] == profile_id)


def arns(model_id: str, *regions: str) -> list[dict[str, str]]:
    return [{"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{model_id}"} for region in regions]


def new_profile(region: str, profile_id: str, *destinations: str) -> dict[str, Any]:
    return {
        "inferenceProfileArn": f"arn:aws:bedrock:{region}:111122223333:inference-profile/{profile_id}",
        "inferenceProfileId": profile_id,
        "models": arns(profile_id.partition(".")[2], *destinations),
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def test_answers_that_agree_change_nothing(case: Case) -> None:
    assert case.refresh().document == document.read(case.file)


def test_the_committed_catalog_survives_a_refresh_of_other_models(case: Case) -> None:
    case.only(IRELAND)
    case.save(IRELAND, {"region": "me-south-1", "modelSummaries": []})

    assert Refresh(document.read(), read_folder(case.answers, TODAY), TODAY).document == document.read()


def test_a_new_region_is_added(case: Case) -> None:
    with case.edit(IRELAND) as answer:
        answer["modelSummaries"].append(
            {
                "modelArn": f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}",
                "modelId": NOVA,
                "inferenceTypesSupported": ["ON_DEMAND"],
                "modelLifecycle": {"status": "ACTIVE"},
            }
        )

    assert case.changes() == {NOVA: {"regions": ["eu-west-1", "eu-west-2", "us-east-1"]}}


def test_a_region_without_the_model_is_removed(case: Case) -> None:
    with case.edit(EAST) as answer:
        answer["modelSummaries"].remove(summary(answer, TITAN))

    assert case.changes() == {TITAN: {"regions": ["eu-west-1"]}}


@pytest.mark.parametrize("types", [["INFERENCE_PROFILE"], ["PROVISIONED"], []])
def test_a_region_without_on_demand_calls_is_removed(case: Case, types: list[str]) -> None:
    with case.edit(EAST) as answer:
        summary(answer, NOVA)["inferenceTypesSupported"] = types

    assert case.changes() == {NOVA: {"regions": ["eu-west-2"]}}


def test_regions_without_an_answer_stay(case: Case) -> None:
    case.only(IRELAND)

    assert case.changes() == {}


def test_an_answer_about_one_model_says_nothing_about_others(case: Case) -> None:
    with case.edit(EAST) as answer:
        details = summary(answer, NOVA) | {"modelLifecycle": {"status": "LEGACY"}}
    case.only()
    case.save("details.json", [{"modelDetails": details}])

    assert case.changes() == {NOVA: {"lifecycle": {"status": "legacy"}}}
    assert case.refresh().document["models"][NOVA]["sources"]["lifecycle"] == "foundation-model-2026-11-24"


def test_a_variant_is_not_a_model(case: Case) -> None:
    with case.edit(EAST) as answer:
        variant = summary(answer, f"{NOVA}:24k")
        variant["inferenceTypesSupported"] = ["ON_DEMAND"]

    assert case.changes() == {}
    assert case.refresh().notes == CASE_NOTES


def test_a_legacy_model_gets_all_its_dates(case: Case) -> None:
    for name in (EAST, IRELAND):
        with case.edit(name) as answer:
            summary(answer, HAIKU)["modelLifecycle"] = {
                "status": "LEGACY",
                "startOfLifeTime": "2026-10-07T00:00:00+00:00",
                "legacyTime": "2026-11-01T00:00:00+00:00",
                "publicExtendedAccessTime": 1801440000.0,
                "endOfLifeTime": "2027-05-01T00:00:00+00:00",
            }

    life = {
        "status": "legacy",
        "legacyAt": "2026-11-01",
        "extendedAccessAt": "2027-02-01",
        "endOfLifeAt": "2027-05-01",
    }
    assert case.changes() == {HAIKU: {"lifecycle": life}}
    assert case.refresh().document["models"][HAIKU]["sources"]["lifecycle"] == "foundation-models-2026-11-24"


def test_a_date_that_bedrock_does_not_report_keeps_its_source(case: Case) -> None:
    with case.edit_row(HAIKU_4) as row:
        row["lifecycle"] = {"status": "legacy", "endOfLifeAt": "2027-05-01"}
    with case.edit(EAST) as answer:
        summary(answer, HAIKU_4)["modelLifecycle"] = {"status": "LEGACY", "legacyTime": "2026-11-01T00:00:00Z"}

    life = {"status": "legacy", "legacyAt": "2026-11-01", "endOfLifeAt": "2027-05-01"}
    assert case.changes() == {HAIKU_4: {"lifecycle": life}}
    sources = case.refresh().document["models"][HAIKU_4]["sources"]
    assert sources["lifecycle"] == ["foundation-models-2026-11-24", "cards"]


def test_the_earliest_life_cycle_counts_and_the_difference_is_reported(case: Case) -> None:
    with case.edit(IRELAND) as answer:
        summary(answer, TITAN)["modelLifecycle"] = {"status": "LEGACY", "endOfLifeTime": "2027-05-01T00:00:00Z"}

    assert case.changes() == {TITAN: {"lifecycle": {"status": "legacy", "endOfLifeAt": "2027-05-01"}}}
    assert case.refresh().notes["Life cycles that differ by region; the row has the earliest"] == [
        f"{TITAN}: LEGACY until 2027-05-01 in eu-west-1; ACTIVE in us-east-1"
    ]


def test_a_model_that_ended_in_one_region_lives_in_the_others(case: Case) -> None:
    with case.edit(IRELAND) as answer:
        summary(answer, TITAN)["modelLifecycle"] = {"status": "LEGACY", "endOfLifeTime": "2026-11-24T00:00:00Z"}

    assert case.changes() == {TITAN: {"regions": ["us-east-1"]}}


def test_a_legacy_region_counts_before_the_possible_end_of_an_active_one(case: Case) -> None:
    with case.edit(IRELAND) as answer:
        summary(answer, TITAN)["modelLifecycle"] = {"status": "LEGACY"}
    with case.edit(EAST) as answer:
        summary(answer, TITAN)["modelLifecycle"] = {"status": "ACTIVE", "endOfLifeTime": "2026-12-01T00:00:00Z"}

    assert case.changes() == {TITAN: {"lifecycle": {"status": "legacy"}}}


def test_the_possible_end_of_an_active_model_ends_nothing(case: Case) -> None:
    with case.edit(EAST) as answer:
        summary(answer, NOVA)["modelLifecycle"] = {"status": "ACTIVE", "endOfLifeTime": "2026-11-01T00:00:00Z"}

    assert case.changes() == {NOVA: {"lifecycle": {"status": "active", "endOfLifeAt": "2026-11-01"}}}


def test_a_complete_list_counts_before_an_answer_about_one_model(case: Case) -> None:
    with case.edit(EAST) as answer:
        details = summary(answer, NOVA) | {"modelLifecycle": {"status": "LEGACY"}}
    case.save("details.json", {"modelDetails": details})

    assert case.changes() == {}


def test_an_ended_model_that_left_the_lists_stays_where_it_was(case: Case) -> None:
    """Accounts with extended access may still call it."""
    with case.edit(EAST) as answer:
        answer["modelSummaries"].remove(summary(answer, HAIKU_4))
    for name in ("profiles-us-east-1-2.json", "profiles-us-west-2.json"):
        with case.edit(name) as answer:
            answer["inferenceProfileSummaries"].remove(profile(answer, f"us.{HAIKU_4}"))
    with case.edit_row(HAIKU_4) as row:
        row["lifecycle"] = {"status": "ended", "endOfLifeAt": "2026-10-16"}

    assert case.changes() == {}
    assert case.refresh().notes == CASE_NOTES


def test_a_model_that_ended_everywhere_has_ended(case: Case) -> None:
    with case.edit(EAST) as answer:
        summary(answer, HAIKU_4)["modelLifecycle"] = {"status": "LEGACY", "endOfLifeTime": "2026-11-20T00:00:00Z"}

    assert case.changes() == {HAIKU_4: {"lifecycle": {"status": "ended", "endOfLifeAt": "2026-11-20"}}}


def test_a_model_that_is_listed_no_longer_is_reported_unless_it_has_ended(case: Case) -> None:
    with case.edit(EAST) as answer:
        answer["modelSummaries"].remove(summary(answer, HAIKU_4))

    assert case.changes() == {}
    assert case.refresh().notes["Rows that no answer lists anymore"] == [f"{HAIKU_4}: not in us-east-1"]


def test_a_new_destination_changes_the_routing_of_all_profiles_with_it(case: Case) -> None:
    for name in ("profiles-us-east-1-2.json", "profiles-us-west-2.json"):
        with case.edit(name) as answer:
            profile(answer, f"us.{NOVA}")["models"] += arns(NOVA, "us-west-1")

    reached = ["us-east-1", "us-east-2", "us-west-1", "us-west-2"]
    assert case.changes() == {"us-2": {"us-east-1": reached, "us-west-2": reached}}
    sources = case.refresh().document["models"]
    assert {model_id: row["sources"].get("profiles") for model_id, row in sources.items()} == {
        HAIKU: "lists",
        HAIKU_4: "lists",
        NOVA: "inference-profiles-2026-11-24",
        TITAN: None,
        "amazon.nova-canvas-v1:0": None,
    }


def test_a_profile_that_routes_differently_from_now_on_gets_a_routing_of_its_own(case: Case) -> None:
    with case.edit("profiles-us-west-2.json") as answer:
        profile(answer, f"us.{HAIKU_4}")["models"] += arns(HAIKU_4, "us-east-2")

    assert case.changes() == {
        HAIKU_4: {"profiles": {"us": "us-3"}},
        "us-3": {"us-east-1": ["us-east-1", "us-west-2"], "us-west-2": ["us-east-1", "us-east-2", "us-west-2"]},
    }


def test_a_routing_that_becomes_another_is_dropped(case: Case) -> None:
    for name in ("profiles-us-east-1-2.json", "profiles-us-west-2.json"):
        with case.edit(name) as answer:
            profile(answer, f"us.{NOVA}")["models"] = arns(NOVA, "us-east-1", "us-west-2")

    assert case.changes() == {NOVA: {"profiles": {"us": "us"}}, "us-2": None}


def test_the_name_of_a_dropped_routing_is_not_given_to_another(case: Case) -> None:
    for name in ("profiles-us-east-1-2.json", "profiles-us-west-2.json"):
        with case.edit(name) as answer:
            profile(answer, f"us.{NOVA}")["models"] = arns(NOVA, "us-east-1", "us-west-2")
            profile(answer, f"us.{HAIKU_4}")["models"] = arns(HAIKU_4, "us-west-2")

    changes = case.changes()
    assert changes.keys() == {NOVA, HAIKU_4, "us-2", "us-3"}
    assert changes["us-2"] is None
    assert changes[HAIKU_4] == {"profiles": {"us": "us-3"}}


def test_a_profile_that_is_gone_has_no_price(case: Case) -> None:
    case.only("profiles-us-east-1-1.json", "profiles-us-east-1-2.json", "profiles-us-west-2.json")
    for name in ("profiles-us-east-1-2.json", "profiles-us-west-2.json"):
        with case.edit(name) as answer:
            answer["inferenceProfileSummaries"].remove(profile(answer, f"us.{HAIKU_4}"))

    assert [*case.changes()[HAIKU_4]["prices"]] == [""]


def test_a_source_region_without_the_profile_is_removed(case: Case) -> None:
    with case.edit("profiles-us-west-2.json") as answer:
        answer["inferenceProfileSummaries"].remove(profile(answer, f"us.{NOVA}"))

    assert case.changes() == {"us-2": {"us-east-1": ["us-east-1", "us-east-2", "us-west-2"]}}


@pytest.mark.parametrize("change", [{"status": "DELETED"}, {"type": "APPLICATION"}])
def test_only_active_profiles_of_aws_count(case: Case, change: dict[str, str]) -> None:
    with case.edit("profiles-us-west-2.json") as answer:
        profile(answer, f"us.{NOVA}").update(change)

    assert case.changes() == {"us-2": {"us-east-1": ["us-east-1", "us-east-2", "us-west-2"]}}


def test_source_regions_without_an_answer_stay(case: Case) -> None:
    case.only("profiles-us-west-2.json")
    with case.edit("profiles-us-west-2.json") as answer:
        profile(answer, f"us.{NOVA}")["models"] = arns(NOVA, "us-west-2")

    changes = {"us-2": {"us-east-1": ["us-east-1", "us-east-2", "us-west-2"], "us-west-2": ["us-west-2"]}}
    assert case.changes() == changes
    refresh = case.refresh()
    assert refresh.document["models"][NOVA]["sources"]["profiles"] == ["inference-profiles-2026-11-24", "lists"]
    assert refresh.document["sources"]["inference-profiles-2026-11-24"] == {
        "title": "ListInferenceProfiles",
        "read": "2026-11-24",
        "regions": ["us-west-2"],
    }


def test_a_new_profile_has_no_known_price(case: Case) -> None:
    case.only("profiles-us-west-2.json")
    with case.edit("profiles-us-west-2.json") as answer:
        answer["inferenceProfileSummaries"].append(new_profile("us-west-2", f"ca.{NOVA}", "ca-west-1", "us-west-2"))

    changes = case.changes()
    assert changes.pop("ca") == {"us-west-2": ["ca-west-1", "us-west-2"]}
    assert changes[NOVA]["profiles"] == {"us": "us-2", "ca": "ca"}
    assert changes[NOVA]["prices"]["ca"] is None


def test_a_model_s_first_profile_is_added_and_its_last_one_removed(case: Case) -> None:
    with case.edit("profiles-us-east-1-2.json") as answer:
        answer["inferenceProfileSummaries"].remove(profile(answer, f"us.{HAIKU_4}"))
        answer["inferenceProfileSummaries"].append(new_profile("us-east-1", f"global.{TITAN}", "us-east-1", ""))
    with case.edit("profiles-us-west-2.json") as answer:
        answer["inferenceProfileSummaries"].remove(profile(answer, f"us.{HAIKU_4}"))

    changes, rows = case.changes(), case.refresh().document["models"]
    assert changes[HAIKU_4]["profiles"] is None
    assert "us" not in changes[HAIKU_4]["prices"]
    assert "profiles" not in rows[HAIKU_4]["sources"]
    assert changes[TITAN]["profiles"] == {"global": "global-2"}
    assert changes["global-2"] == {"us-east-1": ["*"]}
    assert rows[TITAN]["sources"]["profiles"] == "inference-profiles-2026-11-24"


def test_models_without_a_row_are_listed(case: Case) -> None:
    sonnet = "anthropic.claude-sonnet-9"
    with case.edit(EAST) as answer:
        answer["modelSummaries"].append(
            {
                "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{sonnet}",
                "modelId": sonnet,
                "modelName": "Claude Sonnet 9",
                "inputModalities": ["TEXT", "IMAGE"],
                "outputModalities": ["TEXT"],
                "inferenceTypesSupported": ["ON_DEMAND", "INFERENCE_PROFILE"],
                "modelLifecycle": {"status": "ACTIVE"},
            }
        )
    with case.edit("profiles-us-west-2.json") as answer:
        answer["inferenceProfileSummaries"].append(new_profile("us-west-2", f"eu.{sonnet}", "us-west-2"))

    assert case.changes() == {}
    assert case.refresh().notes == CASE_NOTES | {
        "Models without a row": [
            f"{sonnet} (Claude Sonnet 9): TEXT, IMAGE to TEXT; on demand: us-east-1; profiles: eu",
        ]
    }


def test_a_confirmed_figure_keeps_its_source_unless_asked(case: Case) -> None:
    rows = case.refresh(confirm=True).document["models"]

    assert rows[HAIKU]["sources"] == {
        "limits": "cards",
        "lifecycle": "foundation-models-2026-11-24",
        "regions": "lists",
        "profiles": ["inference-profiles-2026-11-24", "lists"],
        "prices": "price-lists-2026-11-24",
    }
    # No answer is about profiles in Ireland, or about models in London.
    assert rows[NOVA]["sources"]["regions"] == ["foundation-models-2026-11-24", "lists"]
    assert rows[HAIKU]["prices"]["us"]["asOf"] == "2026-11-24"


def test_two_refreshes_on_one_day_have_two_sources(case: Case) -> None:
    with case.edit(EAST) as answer:
        summary(answer, NOVA)["inferenceTypesSupported"] = []
    assert case.run("--write", "--read", "2026-11-24") == 1
    case.only(IRELAND)
    with case.edit(IRELAND) as answer:
        answer["modelSummaries"].remove(summary(answer, TITAN))

    sources = case.refresh().document["sources"]
    assert [source["regions"] for source in sources.values() if source["title"] == "ListFoundationModels"] == [
        ["eu-west-1", "us-east-1"],
        ["eu-west-1"],
    ]


def test_the_day_is_the_earliest_of_the_files(case: Case) -> None:
    with case.edit(EAST) as answer:
        answer["fetched"] = "2026-11-20"
    with case.edit(IRELAND) as answer:
        answer["fetched"] = "2026-11-18"

    assert read_folder(case.answers, None).days["models"] == date(2026, 11, 18)
    assert read_folder(case.answers, TODAY).days["models"] == TODAY


CASE_NOTES = {"Names in the price lists without a row": ["Ray v2"]}
