from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from lambda_src.shared.catalog import Lifecycle, Model, resolve
from lambda_src.shared.lifecycle import NEAR_END
from stacks.config import StageSettings
from stacks.loading import ConfigError, load_stage
from stacks.model_catalog import CATALOG
from stacks.model_checks import has_ended, lifecycle_warning

TODAY = date(2026, 11, 24)
TITAN_IMAGE = "amazon.titan-image-generator-v2:0"
ANY_MODEL = CATALOG.models[TITAN_IMAGE]
SETTINGS = StageSettings(name="test", region="us-west-2")
APPLICATION_PROFILE = "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc123"


def problems(today: date = TODAY, **settings: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_stage({"test": {"region": "us-west-2", **settings}}, "test", today=today)
    return caught.value.problems


def model_ending(day: date, status: Any = "legacy") -> Model:
    return msgspec.structs.replace(ANY_MODEL, lifecycle=Lifecycle(status, end_of_life_at=day.isoformat()))


def test_an_ended_model_is_an_error_with_advice() -> None:
    (problem,) = problems(models={"imageGeneration": [TITAN_IMAGE]})

    assert problem.startswith("stages.test.models.imageGeneration[0]: ")
    assert "Titan Image Generator G1 v2" in problem
    assert "ended on 2026-06-30" in problem
    assert "use stability." in problem
    assert f"adds {TITAN_IMAGE} to allowEndedModels" in problem


def test_a_model_can_be_used_until_the_day_before_its_end() -> None:
    stage = {"region": "us-west-2", "models": {"imageGeneration": [TITAN_IMAGE]}}

    assert load_stage({"test": stage}, "test", today=date(2026, 6, 29))
    assert problems(today=date(2026, 6, 30), models={"imageGeneration": [TITAN_IMAGE]})


def test_an_ended_model_is_allowed_explicitly() -> None:
    stage = {"region": "us-west-2", "models": {"imageGeneration": [TITAN_IMAGE]}, "allowEndedModels": [TITAN_IMAGE]}

    assert load_stage({"test": stage}, "test", today=TODAY)


def test_allowing_an_unknown_model_is_an_error() -> None:
    assert problems(allowEndedModels=["amazon.titan"])[0].startswith(
        "stages.test.allowEndedModels[0]: amazon.titan is no"
    )


def test_all_problems_of_all_models_are_reported() -> None:
    messages = problems(
        models={
            "imageGeneration": [],
            "summarization": ["anthropic.claude-haiku-5-5", "nobody.knows", "eu.amazon.nova-lite-v1:0"],
            "embeddings": ["us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"],
        }
    )

    assert [problem.removeprefix("stages.test.models.").partition(":")[0] for problem in messages] == [
        "imageGeneration",
        "summarization[0]",
        "summarization[1]",
        "summarization[2]",
        "embeddings",
        "embeddings[0]",
        "embeddings[1]",
    ]
    assert messages[1].endswith(
        "is not served in us-west-2, but the model is there as us.anthropic.claude-haiku-5-5, "
        "global.anthropic.claude-haiku-5-5"
    )


def test_without_a_region_listed_profiles_are_not_validated() -> None:
    stage = {"useCases": ["summarization"], "models": {"summarization": ["eu.amazon.nova-lite-v1:0"]}}

    assert load_stage({"test": stage}, "test", today=TODAY)


def test_without_a_region_models_must_be_listed() -> None:
    with pytest.raises(ConfigError) as caught:
        load_stage({"test": {"useCases": ["embeddings"]}}, "test", today=TODAY)

    assert caught.value.problems == (
        "stages.test.models.embeddings: list them, or set `region`, for which they are chosen",
    )


def test_without_a_region_no_residency_can_be_kept() -> None:
    """Nor can models be chosen, in whichever region they are called."""
    stage = {"useCases": ["embeddings"], "residency": "eu", "modelRegions": {"embeddings": "eu-west-1"}}
    with pytest.raises(ConfigError) as caught:
        load_stage({"test": stage}, "test", today=TODAY)

    assert caught.value.problems == (
        "stages.test.residency: set `region`, which decides where the models' calls may go",
        "stages.test.models.embeddings: list them, or set `region`, for which they are chosen",
    )


def test_settings_of_use_cases_that_the_stage_does_not_have_are_errors() -> None:
    messages = problems(
        useCases=["chatbot"],
        models={"hrQaRerank": ["amazon.rerank-v1:0"]},
        modelRegions={"embeddings": "us-east-1"},
        guardrail={"pictures": True, "useCases": {"hrQa": {"filters": {"HATE": "low"}}}},
        reservedConcurrency={"hrQa": 5, "chatbot": 5},
    )

    assert messages == (
        "stages.test.guardrail.pictures: the stage has no imageGeneration (useCases)",
        "stages.test.modelRegions.embeddings: the stage has no embeddings (useCases)",
        "stages.test.models.hrQaRerank: the stage has no hrQa (useCases)",
        "stages.test.guardrail.useCases.hrQa: the stage has no hrQa (useCases)",
        "stages.test.reservedConcurrency.hrQa: the stage has no hrQa (useCases)",
    )


def test_settings_of_models_that_the_stage_has_turned_off_are_errors() -> None:
    changes: dict[str, Any] = {
        "useCases": ["creditRisk"],
        "models": {"creditRisk": ["us.amazon.nova-lite-v1:0"]},
        "modelRegions": {"creditRisk": "us-west-2"},
        "guardrail": {"useCases": {"creditRisk": {"filters": {"HATE": "low"}}}},
    }

    assert problems(**changes) == tuple(
        f"stages.test.{path}: only with creditRisk.letters"
        for path in ("models.creditRisk", "modelRegions.creditRisk", "guardrail.useCases.creditRisk")
    )
    load_stage({"test": {"region": "us-west-2", **changes, "creditRisk": {"letters": True}}}, "test", today=TODAY)


@pytest.mark.parametrize("entry", ["us.amazon.nova-lite-v1:0=x", "", "us.amazon.nova-lite-v1:0,x"])
def test_an_id_cannot_contain_what_separates_ids_and_profiles(entry: str) -> None:
    assert problems(models={"chatbot": [entry]})[0].startswith("stages.test.models.chatbot[0]: ")
    profile = {"arn": APPLICATION_PROFILE, "model": entry}
    assert problems(models={"chatbot": [profile]})[0].startswith("stages.test.models.chatbot[0].model: ")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"modelRegions": {"imageGeneration": "us-west-9"}},
            "modelRegions.imageGeneration: us-west-9 is no commercial region of AWS",
        ),
        (
            {"modelRegions": {"embeddings": "eu-central-1"}, "residency": "us"},
            "modelRegions.embeddings: eu-central-1 is outside the residency us",
        ),
        ({"residency": "eu"}, "residency: the stage's own region us-west-2 is outside eu"),
        ({"useCases": ["chatbot", "chatbot"]}, "useCases: one is listed twice"),
        (
            {"useCases": []},
            "useCases: the stage has none; unless it lists some, it has those with models for us-west-2",
        ),
        (
            {"useCases": ["chatbot"], "models": {"embeddings": ["amazon.titan-embed-text-v2:0"]}},
            "models.embeddings: the stage has no embeddings (useCases)",
        ),
        (
            {"useCases": ["chatbot"], "models": {"chatbot": ["global.anthropic.claude-haiku-5-5"]}, "residency": "us"},
            "models.chatbot[0]: global.anthropic.claude-haiku-5-5 may be processed in any commercial region, but the "
            "residency is us",
        ),
        (
            {"useCases": ["chatbot"], "models": {"chatbot": ["us.amazon.nova-lite-v1:0"]}, "residency": "region"},
            "models.chatbot[0]: us.amazon.nova-lite-v1:0 may be processed in us-east-1, us-east-2, outside the "
            "residency region",
        ),
        (
            {"region": "eu-central-1", "useCases": ["imageGeneration"], "residency": "eu"},
            "models.imageGeneration: none of its preferred image models is served in eu-central-1 with residency eu",
        ),
        (
            {"region": "eu-central-1", "useCases": ["imageGeneration"]},
            "models.imageGeneration: none of its preferred image models is served in eu-central-1; "
            "modelRegions.imageGeneration can be us-west-2",
        ),
        (
            {"region": "eu-central-1", "useCases": ["chatbot"], "modelRegions": {"chatbot": "us-west-2"}},
            "modelRegions.chatbot: a new guardrail would be created in the stage's region, but text models need it "
            "where they are called; use an existing one there, or no guardrail",
        ),
    ],
)
def test_places_are_checked(settings: dict[str, Any], problem: str) -> None:
    assert problems(**settings)[0] == f"stages.test.{problem}"


def test_advice_never_names_what_the_residency_forbids() -> None:
    """A model that is served elsewhere, one with other profiles, and one that has ended."""
    messages = problems(
        region="eu-central-1",
        residency="eu",
        allowEndedModels=["anthropic.claude-3-haiku-20240307-v1:0"],
        models={
            "summarization": ["mistral.ministral-3-3b-instruct"],
            "chatbot": ["anthropic.claude-haiku-5-5"],
            "playground": ["us.meta.llama3-3-70b-instruct-v1:0", "meta.llama3-3-70b-instruct-v1:0"],
            "imageGeneration": [TITAN_IMAGE],
        },
    )

    text = "\n".join(messages)
    assert "eu.anthropic.claude-haiku-5-5" in text
    for forbidden in ("global.", "us.anthropic", "us-west-2", "us-east-1", "ap-", "eu-west-2", "stability."):
        assert forbidden not in text, text


@pytest.mark.parametrize(
    ("entry", "setting", "problem"),
    [
        ({"arn": APPLICATION_PROFILE, "model": "us.amazon.nova-lite-v1:0"}, "chatbot", None),
        ({"arn": APPLICATION_PROFILE, "model": "amazon.titan-embed-text-v2:0"}, "hrQaEmbeddings", None),
        (
            {"arn": APPLICATION_PROFILE, "model": "nobody.knows"},
            "chatbot",
            "[0]: nobody.knows is not in the model catalog",
        ),
        (
            {"arn": APPLICATION_PROFILE.replace("us-west-2", "us-east-1"), "model": "us.amazon.nova-lite-v1:0"},
            "chatbot",
            "[0]: the application inference profile is not in us-west-2, where the model is called",
        ),
        (
            {"arn": APPLICATION_PROFILE.replace("1111", "2222"), "model": "us.amazon.nova-lite-v1:0"},
            "chatbot",
            "[0]: the application inference profile is not in the account 111122223333",
        ),
        (
            {"arn": APPLICATION_PROFILE, "model": "cohere.rerank-v3-5:0"},
            "hrQaRerank",
            "[0]: Rerank takes no application inference profile",
        ),
        ({"arn": "arn:aws:s3:::bucket", "model": "us.amazon.nova-lite-v1:0"}, "chatbot", "[0].arn: "),
        ({"arn": APPLICATION_PROFILE}, "chatbot", "[0].model: missing"),
    ],
)
def test_an_application_inference_profile_stands_for_its_model(
    entry: dict[str, str], setting: str, problem: str | None
) -> None:
    stage = {"region": "us-west-2", "account": "111122223333", "models": {setting: [entry]}}
    if problem is None:
        loaded = load_stage({"test": stage}, "test", today=TODAY)
        name = {"hrQaEmbeddings": "hr_qa_embeddings"}.get(setting, setting)
        assert loaded.models_for(name) == (f"{entry['model']}={entry['arn']}",)
    else:
        assert problems(**{**stage})[0].startswith(f"stages.test.models.{setting}{problem}")


@pytest.mark.parametrize(
    ("days", "status", "text"),
    [
        (NEAR_END + timedelta(days=1), "active", None),
        (NEAR_END + timedelta(days=1), "legacy", "is legacy"),
        (NEAR_END, "legacy", "ends on 2027-02-22, in 90 days"),
        (timedelta(days=1), "legacy", "in 1 days"),
        (timedelta(days=-1), "legacy", "ended on 2026-11-23 and is used by special permission"),
        (NEAR_END, "active", "may end on short notice: AWS keeps it until 2027-02-22 at least"),
        (timedelta(days=-50), "active", "may end on short notice"),
    ],
)
def test_warnings_start_ninety_days_ahead(days: timedelta, status: Any, text: str | None) -> None:
    invocation = msgspec.structs.replace(resolve(ANY_MODEL.id), model=model_ending(TODAY + days, status))

    warning = lifecycle_warning(invocation, TODAY, "us-west-2", SETTINGS)

    assert (text in warning) if text and warning else warning is text


def test_an_active_model_has_not_ended_on_its_earliest_end_date() -> None:
    assert not has_ended(model_ending(TODAY - timedelta(days=1), "active"), TODAY)
    assert has_ended(model_ending(TODAY, "legacy"), TODAY)
    assert not has_ended(model_ending(TODAY + timedelta(days=1), "ended"), TODAY)
