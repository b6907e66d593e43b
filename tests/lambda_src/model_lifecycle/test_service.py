"""The checkup over a fake client, with its metrics and log lines."""

import json
import logging
from datetime import UTC, date, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lambda_src.model_lifecycle.service import Checkup, LifecycleSettings, ModelStatus, model_status
from lambda_src.shared.catalog import Lifecycle, Model
from lambda_src.shared.lifecycle import BedrockLifecycle
from lambda_src.shared.observability import logger
from lambda_src.shared.settings import read_settings
from tests.fakes import client_error

TODAY = date(2026, 8, 1)
CLAUDE, TITAN = "anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.titan-embed-text-v2:0"
SETTINGS = LifecycleSettings(stage="dev", models=(f"us.{CLAUDE}", TITAN, f"eu.{CLAUDE}"))


class FakeBedrock:
    """Returns `modelLifecycle` by model id, or raises it if it is an error."""

    def __init__(self, **states: Any) -> None:
        self.queried: list[str] = []
        self._states = {CLAUDE: {"status": "ACTIVE"}, TITAN: {"status": "ACTIVE"}, **states}

    def get_foundation_model(self, modelIdentifier: str) -> dict[str, Any]:
        self.queried.append(modelIdentifier)
        state = self._states[modelIdentifier]
        if isinstance(state, Exception):
            raise state
        return {"modelDetails": {"modelId": modelIdentifier, "modelLifecycle": state}}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "BedrockEndpoints")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "model-lifecycle")


def run(bedrock: FakeBedrock) -> dict[str, int]:
    return Checkup(SETTINGS, lambda _region: bedrock, lambda: TODAY).run()


def emitted(output: str) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [record for record in records if "_aws" in record]


def model(lifecycle: Lifecycle) -> Model:
    return Model(id="a.b", provider="A", family="b", name="B", purpose="text", inputs=("text",), lifecycle=lifecycle)


def test_each_model_is_queried_once() -> None:
    bedrock = FakeBedrock()

    run(bedrock)

    assert bedrock.queried == [CLAUDE, TITAN]


def test_the_metrics_have_the_stage_as_dimension(capsys: pytest.CaptureFixture[str]) -> None:
    state = {"status": "LEGACY", "endOfLifeTime": datetime(2026, 8, 20, tzinfo=UTC)}

    counts = run(FakeBedrock(**{TITAN: state}))

    assert counts == {"ModelsNearEnd": 2, "ModelsEnding": 1, "ModelsNotAsked": 0}
    records = emitted(capsys.readouterr().out)
    assert {record["model"]: record["DaysToEndOfLife"] for record in records if "model" in record} == {
        CLAUDE: [76.0],
        TITAN: [19.0],
    }
    assert {record["stage"] for record in records} == {"test"}
    (stage_record,) = [record for record in records if "model" not in record]
    (metric,) = stage_record["_aws"]["CloudWatchMetrics"]
    assert (metric["Namespace"], [sorted(dimensions) for dimensions in metric["Dimensions"]]) == (
        "BedrockEndpoints",
        [["service", "stage"]],
    )
    assert {name: stage_record[name] for name in counts} == {name: [float(value)] for name, value in counts.items()}


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
def test_a_failed_query_is_counted_and_the_catalog_is_used(
    answer: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(logger.name), "propagate", True)

    counts = run(FakeBedrock(**{CLAUDE: answer}))

    assert counts == {"ModelsNearEnd": 1, "ModelsEnding": 0, "ModelsNotAsked": 1}
    assert "no life cycle from Bedrock: using the catalog only" in caplog.messages
    assert caplog.messages.count("model life cycle") == 2


@pytest.mark.parametrize(
    ("catalog", "reported", "days", "near", "ending"),
    [
        (Lifecycle("active"), BedrockLifecycle("ACTIVE"), None, False, False),
        (Lifecycle("active"), None, None, False, False),
        (Lifecycle("active", None, "2026-10-31"), None, 91, False, False),
        (Lifecycle("active", None, "2026-10-30"), None, 90, True, False),
        # The catalog's date of an active model is only the earliest possible one.
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
def test_the_earlier_date_decides(
    catalog: Lifecycle, reported: BedrockLifecycle | None, days: int | None, near: bool, ending: bool
) -> None:
    status = model_status(model(catalog), reported, TODAY)

    assert (status.days, status.near, status.ending) == (days, near, ending)
    assert status.asked == (reported is not None)


def test_an_active_model_without_dates_is_not_ending() -> None:
    assert model_status(model(Lifecycle("active")), None, TODAY) == ModelStatus(
        "a.b", False, "active", None, False, False
    )


def test_the_environment_is_read() -> None:
    variables = {"STAGE": "dev", "MODELS": f"us.{CLAUDE},{TITAN}@us-east-1", "USE_CASE": "x"}

    assert read_settings(LifecycleSettings, variables) == LifecycleSettings(
        stage="dev", models=(f"us.{CLAUDE}", f"{TITAN}@us-east-1")
    )


def test_a_model_is_queried_in_the_region_that_it_is_called_in() -> None:
    clients: dict[str | None, FakeBedrock] = {None: FakeBedrock(), "us-east-1": FakeBedrock()}
    settings = LifecycleSettings(stage="dev", models=(f"us.{CLAUDE}", f"{TITAN}@us-east-1"))

    Checkup(settings, clients.__getitem__, lambda: TODAY).run()

    assert {region: client.queried for region, client in clients.items()} == {None: [CLAUDE], "us-east-1": [TITAN]}
