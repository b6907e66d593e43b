"""Use cases and models are chosen for a stage's region and residency."""

from datetime import date
from typing import Any

import pytest

from lambda_src.registry import MODEL_SETTINGS
from lambda_src.shared.catalog import resolve
from stacks.config import StageSettings
from stacks.geography import REGIONS
from stacks.loading import ConfigError, load_stage
from stacks.model_catalog import ANY_REGION, CATALOG, destinations, source_regions, ways
from stacks.model_choice import data_flows, left_out

TODAY = date(2026, 11, 27)
HAIKU, OLDER_HAIKU = "anthropic.claude-haiku-5-5", "anthropic.claude-haiku-4-5-20251001-v1:0"


def load(region: str, **settings: Any) -> StageSettings:
    return load_stage({"test": {"region": region, **settings}}, "test", today=TODAY)


def has_text_models(region: str) -> bool:
    texts = [row for row in CATALOG.models.values() if row.purpose == "text" and row.lifecycle.status == "active"]
    return any(region in source_regions(way) for row in texts for way in ways(row))


@pytest.mark.parametrize("region", REGIONS)
def test_a_plain_stage_works_wherever_there_is_a_text_model(region: str) -> None:
    settings = load(region)
    if not has_text_models(region):
        # What needs no model works everywhere.
        without = [each.id for each in settings.chosen_use_cases if not settings.model_settings(each)]
        assert without == ["credit-risk"]
        assert not {"summarization", "chatbot", "playground"} & {*(settings.use_cases or ())}
        return

    assert {"summarization", "chatbot", "playground"} <= {*(settings.use_cases or ())}
    for use_case in settings.chosen_use_cases:
        for setting in settings.model_settings(use_case):
            for invocation in map(resolve, settings.models_for(setting.name)):
                assert invocation.model.purpose == setting.purpose
                assert invocation.model.lifecycle.status == "active"
                assert destinations(invocation, region)


@pytest.mark.parametrize(
    ("region", "model"),
    [
        ("us-east-1", f"us.{HAIKU}"),
        ("ca-central-1", f"us.{HAIKU}"),
        ("eu-central-1", f"eu.{HAIKU}"),
        ("ap-northeast-1", f"jp.{HAIKU}"),
        ("ap-southeast-2", f"au.{HAIKU}"),
        # Data that stays in India is worth more than the newer model.
        ("ap-south-1", f"in.{OLDER_HAIKU}"),
        ("sa-east-1", f"global.{HAIKU}"),
    ],
)
def test_the_default_stays_in_the_geography_if_a_model_does(region: str, model: str) -> None:
    assert load(region).models_for("chatbot")[0] == model


@pytest.mark.parametrize(("residency", "allowed"), [("eu", "eu."), ("any", "eu.")])
def test_the_residency_limits_the_choice(residency: str, allowed: str) -> None:
    settings = load("eu-central-1", residency=residency)

    assert all(model.startswith(allowed) for model in settings.models_for("chatbot"))


def test_a_region_s_own_residency_leaves_models_that_are_called_there() -> None:
    settings = load("eu-west-2", residency="region")

    for model in settings.all_models:
        assert destinations(resolve(model), "eu-west-2") == ("eu-west-2",)
    assert settings.models_for("chatbot")


def test_no_global_profile_is_chosen_under_a_residency() -> None:
    with pytest.raises(ConfigError, match="the stage's own region mx-central-1 is outside us"):
        load("mx-central-1", residency="us")
    assert "chatbot" not in (load("sa-east-1", residency="region").use_cases or ())


def test_listed_models_stay() -> None:
    settings = load("eu-central-1", models={"chatbot": ["eu.amazon.nova-lite-v1:0"]})

    assert settings.models_for("chatbot") == ("eu.amazon.nova-lite-v1:0",)
    assert settings.models_for("summarization") == (f"eu.{HAIKU}",)


def test_what_is_left_out_is_reported_with_the_reason() -> None:
    assert list(left_out({}, load("eu-central-1"))) == [
        "image-generation is left out: none of its preferred image models is served in eu-central-1; "
        "modelRegions.imageGeneration can be us-west-2"
    ]
    assert list(left_out({"useCases": ["chatbot"]}, load("eu-central-1", useCases=["chatbot"]))) == []


def test_another_region_for_the_models_of_one_use_case() -> None:
    settings = load("eu-central-1", modelRegions={"imageGeneration": "us-west-2"})

    assert settings.models_for("image_generation")[0] == "stability.stable-image-core-v1:1"
    assert (settings.model_region("image_generation"), settings.model_region("chatbot")) == (
        "us-west-2",
        "eu-central-1",
    )
    assert "image-generation: its models may process data in us-west-2" in data_flows(settings)


def test_missing_cost_profiles_are_reported() -> None:
    settings = load("eu-central-1", modelRegions={"imageGeneration": "us-west-2"}, costProfiles=True)

    (line,) = [line for line in data_flows(settings) if "cost profiles" in line]
    assert line.startswith("image-generation: has no cost profiles")


def test_data_that_may_go_anywhere_is_reported() -> None:
    assert "chatbot: its models may process data in any commercial region" in data_flows(load("sa-east-1"))
    assert list(data_flows(load("eu-west-2", residency="region"))) == []


def test_texts_that_a_guardrail_elsewhere_screens_are_reported() -> None:
    settings = load(
        "us-west-2",
        useCases=["summarization", "embeddings"],
        modelRegions={"summarization": "us-east-1"},
        guardrail={"type": "existing", "id": "abc123", "version": "3"},
    )

    assert "embeddings: the guardrail processes its texts in us-east-1" in data_flows(settings)


def test_dimensions_limit_the_embedding_models() -> None:
    # Only Titan gives vectors of this length.
    settings = load("ap-southeast-1", hrQa={"dimensions": 512})

    assert "hrQa" not in (settings.use_cases or ())
    assert "embeddings" in (settings.use_cases or ())


def test_the_default_region_is_used_for_a_stage_without_one() -> None:
    settings = load_stage({"test": {}}, "test", today=TODAY, default_region="eu-north-1")

    assert settings.region == "eu-north-1"
    assert settings.models_for("chatbot")[0] == f"eu.{HAIKU}"


def test_letters_have_a_model_where_the_stage_turns_them_on() -> None:
    settings = load("eu-central-1", creditRisk={"letters": True}, useCases=["creditRisk"])

    assert settings.models_for("credit_risk") == (f"eu.{HAIKU}",)
    assert settings.all_models == (f"eu.{HAIKU}",)
    assert any(line.startswith("credit-risk: its models may process data in eu-") for line in data_flows(settings))
    without = load("eu-central-1", useCases=["creditRisk"])
    assert (without.models_for("credit_risk"), without.all_models, list(data_flows(without))) == ((), (), [])


def test_letters_without_a_model_are_an_error_and_leave_out_nothing() -> None:
    region = next(each for each in REGIONS if not has_text_models(each))

    assert "creditRisk" in (load(region).use_cases or ())
    with pytest.raises(ConfigError, match=r"models\.creditRisk: none of its preferred text models is served in"):
        load(region, creditRisk={"letters": True}, guardrail={"type": "off"})


def test_the_residency_limits_the_model_of_letters() -> None:
    settings = load("eu-west-2", residency="region", creditRisk={"letters": True}, useCases=["creditRisk"])

    assert destinations(resolve(settings.models_for("credit_risk")[0]), "eu-west-2") == ("eu-west-2",)


def test_preferred_models_are_in_the_catalog_and_fit() -> None:
    for setting in MODEL_SETTINGS:
        for model_id in (model_id for ids in setting.defaults for model_id in ids):
            assert CATALOG.models[model_id].purpose == setting.purpose


def test_a_global_profile_may_go_anywhere() -> None:
    assert destinations(resolve(f"global.{HAIKU}"), "sa-east-1") == (ANY_REGION,)
