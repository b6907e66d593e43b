from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from lambda_src.shared.catalog import MODELS, Lifecycle, Model, resolve
from lambda_src.shared.lifecycle import NEAR_END
from stacks.loading import ConfigError, load_stage
from stacks.model_checks import has_ended, lifecycle_warning

TODAY = date(2026, 11, 24)
TITAN_IMAGE = "amazon.titan-image-generator-v2:0"


def problems(today: date = TODAY, **settings: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_stage({"test": {"region": "us-west-2", **settings}}, "test", today=today)
    return caught.value.problems


def model_ending(day: date, status: Any = "legacy") -> Model:
    return msgspec.structs.replace(MODELS[-1], lifecycle=Lifecycle(status, end_of_life_at=day.isoformat()))


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
    assert "only through a profile: global.anthropic.claude-haiku-5-5, us." in messages[1]


def test_without_a_region_profiles_are_not_validated() -> None:
    assert load_stage({"test": {"models": {"summarization": ["eu.amazon.nova-lite-v1:0"]}}}, "test", today=TODAY)


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
    invocation = msgspec.structs.replace(resolve(MODELS[-1].id), model=model_ending(TODAY + days, status))

    warning = lifecycle_warning(invocation, TODAY, "us-west-2")

    assert (text in warning) if text and warning else warning is text


def test_an_active_model_has_not_ended_on_its_earliest_end_date() -> None:
    assert not has_ended(model_ending(TODAY - timedelta(days=1), "active"), TODAY)
    assert has_ended(model_ending(TODAY, "legacy"), TODAY)
    assert not has_ended(model_ending(TODAY + timedelta(days=1), "ended"), TODAY)
