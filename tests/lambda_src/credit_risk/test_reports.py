"""The route's dates, and the daily metrics."""

import json
from typing import Any

import msgspec
import pytest

from lambda_src.credit_risk.counters import Outcome, ScoreFacts, outcome_counts, score_counts
from lambda_src.credit_risk.models import MonitoringQuery
from lambda_src.credit_risk.registry import FIRST_CHAMPION
from lambda_src.credit_risk.reports import DailyReport, Health
from lambda_src.shared.context import Deadline
from lambda_src.shared.errors import InvalidRequest, NotFound
from lambda_src.shared.ids import new_id
from tests.lambda_src.credit_risk.stage import Stage, context
from tests.lambda_src.credit_risk.world import BAD, MONTH


@pytest.fixture
def stage() -> Stage:
    return Stage()


def get(stage: Stage, **query: str) -> Any:
    return stage.service.get_monitoring(context(), query=msgspec.convert(query, MonitoringQuery))


def count(stage: Stage, day: str, number: int = 1, model: str = FIRST_CHAMPION) -> None:
    scorecard = stage.registry.read(stage.registry.get(model))
    values = {**BAD, "debtToIncome": 30.0}
    counts = score_counts(scorecard, scorecard.score(values, MONTH), "decline", values)
    stage.counters.add(model, day, "scores", {name: value * number for name, value in counts.items()})


def test_the_default_is_a_year_by_month_of_the_champion(stage: Stage) -> None:
    for day in ("2025-11-17", "2025-11-18", "2026-11-18"):
        count(stage, day)

    report = get(stage)
    assert report.model.id == FIRST_CHAMPION
    assert [item.period for item in report.items] == ["2025-11", "2026-11"]
    assert report.items[0].applications == 1


def test_history_is_reported_by_quarter(stage: Stage) -> None:
    for day in ("2017-01-01", "2017-03-31", "2017-04-01"):
        count(stage, day)

    items = get(stage, **{"from": "2017-01-01", "to": "2017-06-30", "period": "quarter"}).items
    assert [(item.period, item.applications) for item in items] == [("2017Q1", 2), ("2017Q2", 1)]


@pytest.mark.parametrize(
    ("query", "path", "reason"),
    [
        ({"from": "2026-02-30"}, "query.from", "there is no such day"),
        ({"to": "2026-02-30"}, "query.to", "there is no such day"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "query.from", "must not be after to"),
        ({"from": "2026-01-01", "to": "2026-06-01", "period": "day"}, "query.from", "at most 92 days"),
        ({"from": "2010-01-01", "to": "2026-06-01"}, "query.from", "at most 1,830 days"),
    ],
)
def test_dates_are_checked(stage: Stage, query: dict[str, str], path: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        get(stage, **query)

    assert raised.value.details
    assert raised.value.details[0]["path"] == path
    assert reason in raised.value.message


def test_the_longest_report_by_day_is_the_default_one(stage: Stage) -> None:
    count(stage, "2026-08-19")
    count(stage, "2026-08-18")

    assert [item.period for item in get(stage, period="day").items] == ["2026-08-19"]


def test_each_model_has_counters_of_its_own(stage: Stage) -> None:
    model = stage.register()
    count(stage, "2026-11-01", model=FIRST_CHAMPION)

    assert get(stage, model=model).items == []
    with pytest.raises(NotFound):
        get(stage, model=new_id())


def daily(stage: Stage) -> dict[str, dict[str, float]]:
    return DailyReport(stage.registry, stage.counters, stage.clock).run(Deadline(60))


def test_a_stage_without_applications_has_no_metrics(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert daily(stage) == {"champion": {}}
    assert "_aws" not in capsys.readouterr().out
    assert daily(Stage(sample_models=False)) == {}


def test_samples_that_are_turned_off_are_not_reported(stage: Stage) -> None:
    stage.activate(FIRST_CHAMPION)
    stage.activate(stage.register(), "challenger")

    assert daily(Stage(stage.table, stage.bucket, sample_models=False)) == {"challenger": {}}


def test_metrics_are_those_of_the_last_thirty_days(stage: Stage) -> None:
    count(stage, "2026-10-18", 10_000)
    count(stage, "2026-10-19", 400)
    count(stage, "2026-11-18", 99)
    assert daily(stage)["champion"]["ScorePsi"] == 0
    count(stage, "2026-11-18", 1)

    metrics = daily(stage)["champion"]
    assert metrics["ScorePsi"] > 1
    assert metrics["CharacteristicPsi"] > 1
    assert metrics["ApprovalRate"] == 0
    assert 0 < metrics["MeanProbabilityOfDefault"] < 1
    assert "CalibrationRatio" not in metrics


def test_calibration_needs_200_outcomes(stage: Stage) -> None:
    scorecard = stage.registry.read(stage.registry.get(FIRST_CHAMPION))
    facts = ScoreFacts(
        score_id="s",
        model=FIRST_CHAMPION,
        date="2023-01-05",
        score=600,
        probability_of_default=0.1,
        loss_given_default=0.9,
        exposure=6_000,
        expected_loss=540,
        amount=10_000,
    )

    def finish(number: int, defaulted: bool) -> None:
        counts = outcome_counts(scorecard, facts, Outcome(defaulted=defaulted))
        stage.counters.add(
            FIRST_CHAMPION, facts.date, "outcomes", {key: value * number for key, value in counts.items()}
        )

    finish(184, False)
    finish(15, True)
    assert daily(stage)["champion"] == {}
    finish(1, True)
    metrics = daily(stage)["champion"]
    assert metrics["CalibrationRatio"] == pytest.approx(16 / 20)
    assert metrics["CalibrationDeviation"] == pytest.approx(1.25)


def test_both_sides_of_the_calibration_have_one_threshold() -> None:
    assert Health(calibration_ratio=1.3).calibration_deviation == 1.3
    assert Health(calibration_ratio=0.5).calibration_deviation == 2
    assert Health(calibration_ratio=0.0).calibration_deviation == 1_000
    assert Health().calibration_deviation is None


def test_metrics_are_put_by_role_for_alarms_and_by_model(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    model = stage.register()
    stage.activate(model, "challenger")
    count(stage, "2026-11-18")
    daily(stage)

    records = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    dimensions = [record["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0] for record in records]
    assert [sorted(names) for names in dimensions] == [["role", "service", "stage"], ["model", "service", "stage"]]
    assert [(record.get("role"), record.get("model")) for record in records] == [
        ("champion", None),
        (None, FIRST_CHAMPION),
    ]
    assert records[0]["stage"] == "test"
