import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.credit_risk.scorecard import InputError, labels
from tests.lambda_src.credit_risk.world import BAD, GOOD, MONTH, model_json, scorecard

CARD = scorecard()


def test_the_score_is_the_sum_of_the_points() -> None:
    result = CARD.score(GOOD, MONTH)

    assert result.score == 600 + 20 + 25 + 30 + 5 + 10 + 9
    assert result.score == result.base_points + sum(entry.points for entry in result.points)
    assert result.probability_of_default == pytest.approx(1 / (1 + math.exp((699 - 500) / 100)))


def test_the_expected_loss_is_probability_times_loss_times_exposure() -> None:
    result = CARD.score({**GOOD, "interestRate": 20}, MONTH)

    recovers = 1 / (1 + math.exp(-(0.5 - 0.1 + 0.2)))
    assert result.loss_given_default == pytest.approx(1 - (recovers * 0.2 + (1 - recovers) * 0.004))
    assert result.credit_conversion_factor == pytest.approx(0.7)
    assert result.exposure_at_default == pytest.approx(7_000)
    assert result.expected_loss == pytest.approx(
        result.probability_of_default * result.loss_given_default * result.exposure_at_default
    )
    assert result.expected_loss_rate == pytest.approx(result.expected_loss / 10_000)


def test_the_points_name_their_class() -> None:
    points = {entry.characteristic: entry for entry in CARD.score(BAD, MONTH).points}

    assert points["annualIncome"].label == "< 30000"
    assert points["annualIncome"].index == 0
    assert points["annualIncome"].average_points == 1.5
    assert points["inquiries6Months"].label == ">= 3"
    assert points["purpose"].label == "other"
    assert not any(entry.missing for entry in points.values())


def test_a_bound_belongs_to_the_class_above_it() -> None:
    def points(income: float) -> int:
        return CARD.score({**GOOD, "annualIncome": income}, MONTH).points[0].points

    assert [points(29_999.99), points(30_000), points(69_999), points(70_000)] == [-50, 0, 0, 20]


def test_labels_are_ranges_and_lists() -> None:
    characteristics = CARD.model.card.characteristics

    assert labels(characteristics[0]) == ["< 30000", "30000 - < 70000", ">= 70000"]
    assert labels(characteristics[2]) == ["car, wedding", "other"]


@pytest.mark.parametrize("absent", [{}, {"inquiries6Months": None}])
def test_a_missing_value_is_scored_by_the_cards_rule(absent: dict[str, Any]) -> None:
    values = {name: value for name, value in GOOD.items() if name != "inquiries6Months"}

    entry = CARD.score({**values, **absent}, MONTH).points[1]

    assert (entry.points, entry.label, entry.missing, entry.index) == (3, "missing", True, 3)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("annualIncome", "applicant.annualIncome"),
        ("purpose", "loan.purpose"),
        ("amount", "loan.amount"),
        ("termMonths", "loan.termMonths"),
    ],
)
def test_a_value_that_the_card_needs_is_named(name: str, path: str) -> None:
    with pytest.raises(InputError, match="is required") as error:
        CARD.score({**GOOD, name: None}, MONTH)

    assert error.value.path == path


def test_an_unknown_category_is_scored_as_missing_with_a_warning() -> None:
    result = CARD.score({**GOOD, "homeOwnership": "boat"}, MONTH)

    assert result.points[3].missing
    assert [(warning.code, warning.path) for warning in result.warnings] == [
        ("unknownCategory", "applicant.homeOwnership")
    ]


def test_an_unknown_category_without_a_rule_is_refused() -> None:
    with pytest.raises(InputError, match=r"loan\.purpose: the model knows car, wedding, other"):
        CARD.score({**GOOD, "purpose": "boat"}, MONTH)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("annualIncome", float("nan"), "must be from 0 to"),
        ("annualIncome", float("inf"), "must be from 0 to"),
        ("annualIncome", -1, "must be from 0 to"),
        ("annualIncome", "80000", "must be a number"),
        ("amount", 499, "must be from 500 to"),
        ("termMonths", 121, "must be from 6 to 120"),
        ("earliestCreditLine", "2026-13", "must be a month"),
        ("earliestCreditLine", 2026, "must be a month"),
        ("earliestCreditLine", "2026-12", "is after the application"),
        ("purpose", ["car"], "must be a text"),
    ],
)
def test_an_impossible_value_is_named(name: str, value: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        CARD.score({**GOOD, name: value}, MONTH)


def test_a_field_that_is_no_characteristic_changes_nothing() -> None:
    assert CARD.score({**GOOD, "segment": "a", "age": 70}, MONTH) == CARD.score(GOOD, MONTH)


def test_an_amount_beyond_the_training_range_is_warned_about() -> None:
    result = CARD.score({**GOOD, "amount": 25_001}, MONTH)

    assert [(warning.code, warning.path) for warning in result.warnings] == [("outOfRange", "loan.amount")]


@pytest.mark.parametrize(
    ("term", "share"), [(6, 1), (12, 1), (13, 0.96875), (24, 0.625), (36, 0.25), (48, 0.20), (60, 0.15), (120, 0.15)]
)
def test_defaults_within_a_year_depend_on_the_term(term: int, share: float) -> None:
    result = CARD.score({**GOOD, "termMonths": term}, MONTH)

    assert result.probability_of_default_12_months == pytest.approx(result.probability_of_default * share)


def test_a_model_without_timing_knows_no_12_months() -> None:
    assert scorecard({**model_json(), "defaultTiming": []}).score(GOOD, MONTH).probability_of_default_12_months is None


def test_the_reasons_are_the_four_furthest_below_the_average() -> None:
    result = CARD.score({**BAD, "inquiries6Months": None}, MONTH)

    assert [(reason.code, reason.points_below_average) for reason in result.reasons] == [
        ("annualIncomeLow", 51.5),
        ("termMonthsHigh", 40),
        ("homeOwnership", 20.2),
        ("earliestCreditLineLow", 17),
    ]


def test_inquiries_are_a_fifth_reason() -> None:
    reasons = CARD.score(BAD, MONTH).reasons

    assert [reason.code for reason in reasons][4:] == ["inquiries6MonthsHigh"]


def test_inquiries_among_the_four_are_not_repeated() -> None:
    model = model_json()
    model["card"]["characteristics"][1]["classes"][2]["points"] = -45

    codes = [reason.code for reason in scorecard(model).score(BAD, MONTH).reasons]

    assert len(codes) == 4
    assert codes[1] == "inquiries6MonthsHigh"


def test_the_best_have_no_reasons() -> None:
    assert CARD.score(GOOD, MONTH).reasons == ()


def test_a_missing_value_without_effect_is_no_reason() -> None:
    """Its points are the rounded average, here 0.4 below it."""
    assert CARD.score({**GOOD, "inquiries6Months": None}, MONTH).reasons == ()


def test_a_missing_value_that_costs_points_is_one() -> None:
    model = model_json()
    model["card"]["characteristics"][1]["missing"]["points"] = -6

    (reason,) = scorecard(model).score({**GOOD, "inquiries6Months": None}, MONTH).reasons

    assert reason.code == "inquiries6MonthsMissing"
    assert reason.text("en") == "Information is missing or could not be used: credit inquiries in six months."


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(0, 20), st.sampled_from(["car", "other"]), st.integers(6, 120))
def test_a_better_value_never_lowers_the_score(
    low: float, high: float, inquiries: int, purpose: str, term: int
) -> None:
    values = {**GOOD, "inquiries6Months": inquiries, "purpose": purpose, "termMonths": term}
    low, high = sorted((low, high))

    worse = CARD.score({**values, "annualIncome": low}, MONTH)
    better = CARD.score({**values, "annualIncome": high}, MONTH)

    assert worse.score <= better.score
    assert worse.probability_of_default >= better.probability_of_default
    assert 0 < better.probability_of_default < 1
    assert 0 <= better.loss_given_default <= 1
    assert 300 <= worse.score <= 850


def test_the_band_is_that_of_the_reference() -> None:
    model = model_json()
    model["reference"] = {"loans": 3, "bandBounds": [600, 650], "bandCounts": [1, 1, 1]}
    for characteristic in model["card"]["characteristics"]:
        characteristic["classes"][0]["count"] = 3

    assert [scorecard(model).band(score) for score in (300, 599, 600, 649, 650, 850)] == [0, 0, 1, 1, 2, 2]
    with pytest.raises(LookupError):
        CARD.band(600)


def test_the_engine_imports_no_numpy() -> None:
    code = "import sys, lambda_src.credit_risk.scorecard, lambda_src.credit_risk.cut_offs, lambda_src.credit_risk.psi; "
    code += "import lambda_src.credit_risk.training.settings; sys.exit('numpy' in sys.modules)"
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
