"""The checkup against a client that answers from a table, and the metrics and lines that it writes."""

import json
import logging
from datetime import UTC, date, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lambda_src.model_lifecycle.service import Checkup, LifecycleSettings, ModelStatus, model_status
from lambda_src.shared.catalogue import Lifecycle, Model
from lambda_src.shared.lifecycle import BedrockLifecycle
from lambda_src.shared.observability import logger
from lambda_src.shared.settings import read_settings
from tests.fakes import client_error

TODAY = date(2026, 8, 1)
CLAUDE, TITAN = "anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.titan-embed-text-v2:0"
SETTINGS = LifecycleSettings(stage="dev", models=(f"us.{CLAUDE}", TITAN, f"eu.{CLAUDE}"))


class FakeBedrock:
    """Model id -> `modelLifecycle`, or the error to be raised."""

    def __init__(self, **states: Any) -> None:
        self.asked: list[str] = []
        self._states = {CLAUDE: {"status": "ACTIVE"}, TITAN: {"status": "ACTIVE"}, **states}

    def get_foundation_model(self, modelIdentifier: str) -> dict[str, Any]:
        self.asked.append(modelIdentifier)
        state = self._states[modelIdentifier]
        if isinstance(state, Exception):
            raise state
        return {"modelDetails": {"modelId": modelIdentifier, "modelLifecycle": state}}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "BedrockEndpoints")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "model-lifecycle")


def run(bedrock: FakeBedrock) -> dict[str, int]:
    return Checkup(SETTINGS, bedrock, lambda: TODAY).run()


def emitted(output: str) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [record for record in records if "_aws" in record]


def model(lifecycle: Lifecycle) -> Model:
    return Model(id="a.b", provider="A", family="b", name="B", purpose="text", inputs=("text",), lifecycle=lifecycle)


def test_each_model_is_asked_for_once() -> None:
    bedrock = FakeBedrock()

    run(bedrock)

    assert bedrock.asked == [CLAUDE, TITAN]


def test_the_metrics_are_of_the_stage(capsys: pytest.CaptureFixture[str]) -> None:
    state = {"status": "LEGACY", "endOfLifeTime": datetime(2026, 8, 20, tzinfo=UTC)}

    counts = run(FakeBedrock(**{TITAN: state}))

    assert counts == {"ModelsNearEnd": 2, "ModelsEnding": 1, "ModelsNotAsked": 0}
    records = emitted(capsys.readouterr().out)
    assert {record["model"]: record["DaysToEndOfLife"] for record in records if "model" in record} == {
        CLAUDE: [61.0],
        TITAN: [19.0],
    }
    assert {record["stage"] for record in records} == {"dev"}
    (of_the_stage,) = [record for record in records if "model" not in record]
    (described,) = of_the_stage["_aws"]["CloudWatchMetrics"]
    assert (described["Namespace"], [sorted(one) for one in described["Dimensions"]]) == (
        "BedrockEndpoints",
        [["service", "stage"]],
    )
    assert {name: of_the_stage[name] for name in counts} == {name: [float(value)] for name, value in counts.items()}


@pytest.mark.parametrize(
    "answer",
    [
        client_error("AccessDeniedException"),
        client_error("ResourceNotFoundException"),
        EndpointConnectionError(endpoint_url="https://bedrock.test"),
        {},
        {"status": "NEW"},
    ],
    ids=repr,
)
def test_what_bedrock_does_not_say_is_counted_and_the_catalogue_counts(
    answer: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(logger.name), "propagate", True)

    counts = run(FakeBedrock(**{CLAUDE: answer}))

    assert counts == {"ModelsNearEnd": 1, "ModelsEnding": 0, "ModelsNotAsked": 1}
    assert "no life cycle from Bedrock: using the catalogue only" in caplog.messages
    assert caplog.messages.count("model life cycle") == 2


@pytest.mark.parametrize(
    ("known", "said", "days", "near", "ending"),
    [
        (Lifecycle("active"), BedrockLifecycle("ACTIVE"), None, False, False),
        (Lifecycle("active"), None, None, False, False),
        (Lifecycle("active", None, "2026-10-31"), None, 91, False, False),
        (Lifecycle("active", None, "2026-10-30"), None, 90, True, False),
        # The catalogue's day of an active model is only the earliest possible one.
        (Lifecycle("active", None, "2026-08-10"), BedrockLifecycle("ACTIVE"), 9, True, False),
        (Lifecycle("active", None, "2026-07-01"), BedrockLifecycle("ACTIVE"), -31, True, False),
        (Lifecycle("active", None, "2026-07-01"), BedrockLifecycle("LEGACY", None, date(2027, 1, 1)), -31, True, False),
        (Lifecycle("active"), BedrockLifecycle("ACTIVE", None, date(2026, 8, 31)), 30, True, True),
        (Lifecycle("active"), BedrockLifecycle("ACTIVE", None, date(2026, 9, 1)), 31, True, False),
        (Lifecycle("active"), BedrockLifecycle("LEGACY"), None, True, False),
        (Lifecycle("active"), BedrockLifecycle("LEGACY", None, date(2026, 7, 1)), -31, True, True),
        (Lifecycle("legacy", None, "2026-08-31"), None, 30, True, True),
        (Lifecycle("legacy", None, "2026-08-31"), BedrockLifecycle("LEGACY", None, date(2027, 1, 1)), 30, True, True),
        (Lifecycle("legacy", None, "2027-08-01"), None, 365, True, False),
        (Lifecycle("ended"), None, None, True, True),
    ],
)
def test_the_earlier_day_counts(
    known: Lifecycle, said: BedrockLifecycle | None, days: int | None, near: bool, ending: bool
) -> None:
    found = model_status(model(known), said, TODAY)

    assert (found.days, found.near, found.ending) == (days, near, ending)
    assert found.asked == (said is not None)


def test_a_life_is_one_log_line() -> None:
    assert model_status(model(Lifecycle("active")), None, TODAY) == ModelStatus(
        "a.b", False, "active", None, False, False
    )


def test_the_environment_is_read() -> None:
    variables = {"STAGE": "dev", "MODELS": f"us.{CLAUDE},{TITAN}", "MODEL_REGION": "us-west-2", "USE_CASE": "x"}

    assert read_settings(LifecycleSettings, variables) == LifecycleSettings(
        stage="dev", models=(f"us.{CLAUDE}", TITAN), model_region="us-west-2"
    )
