"""Reports from counters: shifts, rates, outcomes and groups."""

import pytest
from msgspec import UNSET

from lambda_src.credit_risk import monitoring
from lambda_src.credit_risk.counters import (
    Counts,
    DayCounts,
    Outcome,
    ScoreFacts,
    add,
    outcome_counts,
    score_counts,
    segment_counts,
)
from lambda_src.credit_risk.models import MonitoringPeriod
from lambda_src.credit_risk.monitoring import Sums, by_period, period_of, report
from tests.lambda_src.credit_risk.stage import with_metrics
from tests.lambda_src.credit_risk.world import BAD, GOOD, MONTH, model_json, scorecard

CARD = scorecard(with_metrics())


def times(counts: Counts, number: int) -> Counts:
    return {name: value * number for name, value in counts.items()}


def applications(good: int, bad: int) -> dict[str, int]:
    """The counters of good applications, which are approved, and bad ones."""
    sums: dict[str, int] = {}
    add(sums, times(score_counts(CARD, CARD.score(GOOD, MONTH), "approve", GOOD), good))
    add(sums, times(score_counts(CARD, CARD.score(BAD, MONTH), "decline", BAD), bad))
    return sums


def outcomes(*rows: tuple[int, float, Outcome, int]) -> dict[str, int]:
    """The counters of loans: score, probability, outcome and number."""
    sums: dict[str, int] = {}
    for score, probability, outcome, number in rows:
        facts = ScoreFacts(
            score_id="s",
            model="m",
            date="2026-01-05",
            score=score,
            probability_of_default=probability,
            loss_given_default=0.8,
            exposure=6_000,
            expected_loss=1_000,
            amount=10_000,
        )
        add(sums, times(outcome_counts(CARD, facts, outcome), number))
    return sums


def period(**subjects: dict[str, int]) -> MonitoringPeriod:
    return report(CARD.model, "2026-01", Sums(**subjects))


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        ("day", ["2025-12-31", "2026-01-01", "2026-03-31", "2026-04-01"]),
        ("month", ["2025-12", "2026-01", "2026-03", "2026-04"]),
        ("quarter", ["2025Q4", "2026Q1", "2026Q1", "2026Q2"]),
    ],
)
def test_days_belong_to_periods(length: monitoring.PeriodLength, expected: list[str]) -> None:
    days = ["2025-12-31", "2026-01-01", "2026-03-31", "2026-04-01"]

    assert [period_of(day, length) for day in days] == expected
    rows = [DayCounts(day, "scores", {"n": 1}) for day in days for _ in range(2)]
    assert {name: sums.scores["n"] for name, sums in by_period(rows, length).items()} == {
        name: 2 * expected.count(name) for name in expected
    }


def test_a_period_has_means_and_rates() -> None:
    scores = {**applications(3, 1), "reviewed": 2, "overturned": 1}
    answer = period(scores=scores)

    good, bad = CARD.score(GOOD, MONTH), CARD.score(BAD, MONTH)
    assert answer.applications == 4
    assert answer.mean_score == (3 * good.score + bad.score) / 4
    assert answer.mean_probability_of_default == pytest.approx(
        (3 * good.probability_of_default + bad.probability_of_default) / 4, abs=1e-6
    )
    assert answer.approval_rate == 0.75
    assert answer.override_rate == 0.25
    assert answer.recommendations == {"approve": 3, "refer": 0, "decline": 1}
    assert (answer.missing_rates["grade"], answer.missing_rates["purpose"]) == (1, 0)


def test_a_shift_is_an_alarm_only_above_noise_and_from_500_applications() -> None:
    few, many = period(scores=applications(0, 499)), period(scores=applications(0, 500))

    assert few.score_psi == pytest.approx(many.score_psi, rel=0.01)
    assert (few.level, many.level) == ("stable", "alarm")
    income = {entry.name: entry for entry in many.characteristics}["annualIncome"]
    assert income.level == "alarm"
    assert income.noise == pytest.approx(2 * (1 / 1_000 + 1 / 500))
    assert [entry.label for entry in income.classes] == ["< 30000", "30000 - < 70000", ">= 70000"]
    assert [entry.actual for entry in income.classes] == [1, 0, 0]
    assert sum(entry.expected for entry in income.classes) == pytest.approx(1)


def test_bands_are_the_references() -> None:
    bands = period(scores=applications(1, 1)).bands

    assert [band.below for band in bands] == [580, 620, UNSET]
    assert [band.expected for band in bands] == [0.3, 0.4, 0.3]
    assert sum(band.actual for band in bands) == 1


def test_a_model_without_reference_has_no_shift() -> None:
    answer = report(scorecard(model_json()).model, "2026-01", Sums(scores=applications(1, 1)))

    assert answer.score_psi is UNSET
    assert answer.characteristics == []
    assert answer.approval_rate == 0.5


def test_outcomes_without_applications_are_a_period_too() -> None:
    answer = period(outcomes=outcomes((600, 0.2, Outcome(defaulted=False), 1)))

    assert answer.applications == 0
    assert answer.approval_rate is UNSET
    assert answer.missing_rates == {}
    assert answer.outcomes is not UNSET
    assert answer.outcomes.bad_rate == 0
    assert answer.outcomes.auroc is UNSET


def test_outcomes_are_compared_with_predictions() -> None:
    lost = Outcome(defaulted=True, balance=5_000, recovered=500)
    answer = period(
        outcomes=outcomes(
            (550, 0.4, Outcome(defaulted=False), 60),
            (550, 0.4, lost, 40),
            (700, 0.05, Outcome(defaulted=False), 70),
            (700, 0.05, lost, 30),
        )
    ).outcomes

    assert answer is not UNSET
    assert (answer.count, answer.bads, answer.bad_rate) == (200, 70, 0.35)
    assert answer.mean_probability_of_default == pytest.approx(0.225)
    assert answer.auroc == pytest.approx((70 * 40 + 0.5 * (60 * 40 + 70 * 30)) / (130 * 70))
    assert answer.gini == pytest.approx(2 * answer.auroc - 1)
    assert answer.ks == pytest.approx(40 / 70 - 60 / 130)
    low, high = answer.auroc_interval  # type: ignore[misc]
    assert low < answer.auroc < high
    assert [(row.band, row.loans, row.fits) for row in answer.calibration] == [
        ("< 580", 100, True),
        (">= 620", 100, False),
    ]
    assert answer.loss_given_default is not UNSET
    assert (answer.loss_given_default.predicted, answer.loss_given_default.observed) == pytest.approx((0.8, 0.9))
    assert answer.exposure is not UNSET
    assert (answer.exposure.predicted, answer.exposure.observed) == (6_000, 5_000)


def test_groups_are_compared_with_the_one_with_the_highest_approval_rate() -> None:
    segments: dict[str, int] = {}
    for name, approved, number in (("north", 60, 100), ("south", 30, 100), ("tiny", 5, 5)):
        add(segments, times(segment_counts(name, "approve"), approved))
        add(segments, times(segment_counts(name, "refer"), number - approved))
    answer = period(scores=applications(1, 0), segments=segments).segments

    assert answer is not UNSET
    assert [(entry.segment, entry.approval_rate) for entry in answer] == [("north", 0.6), ("south", 0.3), ("tiny", 1)]
    # Five applications set no standard.
    assert [entry.ratio for entry in answer] == pytest.approx([1, 0.5, 1 / 0.6])


def test_few_of_many_groups_are_shown_the_largest_ones() -> None:
    segments = {f"n:s{number}": number for number in range(1, 200)}
    answer = period(scores=applications(1, 0), segments=segments).segments

    assert answer is not UNSET
    assert [entry.segment for entry in answer[:2]] == ["s199", "s198"]
    assert len(answer) == 50
    assert answer[0].ratio is UNSET


def test_bands_have_names() -> None:
    assert monitoring.band_names([580, 620]) == ["< 580", "580 - < 620", ">= 620"]
    assert monitoring.band_names([]) == ["all"]
