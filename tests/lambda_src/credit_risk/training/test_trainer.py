from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.model import Model, encode
from lambda_src.credit_risk.scorecard import parse
from lambda_src.credit_risk.training.settings import Step, TrainingError, TrainingSettings
from lambda_src.credit_risk.training.trainer import train
from tests.lambda_src.credit_risk.training.loan_files import many, read_rows

ROWS = many(6_000)
SETTINGS = TrainingSettings(name="Test", currency="BRL")
MODEL = train(read_rows(ROWS), SETTINGS)


def names(model: Model) -> set[str]:
    return {characteristic.name for characteristic in model.card.characteristics}


def failure(rows: list[dict[str, str]], **changes: Any) -> str:
    with pytest.raises(TrainingError) as error:
        train(read_rows(rows), TrainingSettings(**{"name": "Test", **changes}))
    return str(error.value)


def test_what_matters_is_in_the_card() -> None:
    assert names(MODEL) == {"annualIncome", "inquiries6Months", "purpose"}
    purpose = next(entry for entry in MODEL.card.characteristics if entry.name == "purpose")
    assert min(purpose.classes, key=lambda entry: entry.points).values == ["smallBusiness"]


def test_why_the_others_are_not_is_said() -> None:
    assert MODEL.development is not None
    dropped = {entry.name: entry.reason for entry in MODEL.development.dropped}

    assert dropped["openAccounts"] == "blank"
    assert dropped["interestRate"] == "oneClass"
    assert set(dropped) & names(MODEL) == set()
    assert len(dropped) + len(names(MODEL)) == 18


def test_training_again_gives_the_same_bytes() -> None:
    assert encode(train(read_rows(ROWS), SETTINGS)) == encode(MODEL)


def test_the_model_is_valid_json_of_the_format() -> None:
    assert parse(encode(MODEL)).model == MODEL
    assert MODEL.currency == "BRL"
    assert not MODEL.sample


def test_the_mean_probability_is_the_default_rate() -> None:
    assert MODEL.performance is not None
    training = MODEL.performance.metrics[0]

    assert training.set == "training"
    assert training.mean_probability_of_default == pytest.approx(training.bads / training.loans, abs=1e-5)


def test_the_scale_is_used_up() -> None:
    for minimum, maximum in ((300, 850), (0, 1_000), (0, 100), (0, 100_000)):
        card = train(read_rows(ROWS), TrainingSettings(name="Test", minimum=minimum, maximum=maximum)).card
        points = [[row.points for row in entry.classes] for entry in card.characteristics]

        assert card.base_points + sum(map(min, points)) == pytest.approx(minimum, abs=maximum / 500)
        assert card.base_points + sum(map(max, points)) == pytest.approx(maximum, abs=maximum / 500)


def test_the_split_is_by_month_and_id() -> None:
    assert MODEL.performance is not None
    assert MODEL.development is not None
    training, holdout, out_of_time = MODEL.performance.metrics

    assert MODEL.development.test_from == "2011-01"
    assert (training.first, training.last, out_of_time.first) == ("2008-01", "2010-12", "2011-01")
    assert training.loans + holdout.loans + out_of_time.loans == 6_000
    assert holdout.loans == sum(int(row["id"]) % 5 == 0 and row["issue_d"] < "2011" for row in ROWS)
    assert [period.period for period in MODEL.performance.periods] == ["2011Q1", "2011Q2", "2011Q3", "2011Q4"]


def test_the_months_of_the_test_can_be_chosen() -> None:
    model = train(read_rows(ROWS), TrainingSettings(name="Test", test_from="2010-07"))

    assert model.performance is not None
    assert model.performance.metrics[2].first == "2010-07"


def test_what_is_excluded_is_nowhere() -> None:
    model = train(read_rows(ROWS), TrainingSettings(name="Test", exclude=("annualIncome", "amount")))
    losses = model.loss_given_default

    used = names(model) | {
        term.name
        for regression in (losses.recovers, losses.rate, model.exposure_at_default)
        for term in regression.terms
    }
    assert used & {"annualIncome", "amount"} == set()


def test_the_amount_is_used_however_little_it_tells() -> None:
    """Of the larger loans, one in twelve that was paid back is bad."""
    rows = [
        {**row, "loan_status": "Charged Off"} if int(row["funded_amnt"]) > 15_000 and int(row["id"]) % 12 == 1 else row
        for row in ROWS
    ]

    model = train(read_rows(rows), TrainingSettings(name="Test", minimum_information_value=0.04))

    amount = next(entry for entry in model.card.characteristics if entry.name == "amount")
    assert amount.facts is not None
    assert amount.facts.information_value < 0.04
    assert amount.classes[0].points > amount.classes[-1].points


def test_the_steps_are_reported() -> None:
    steps: list[Step] = []
    train(read_rows(ROWS), SETTINGS, steps.append)
    assert steps == ["classing", "selecting", "losses", "measuring"]


def test_a_blank_that_tells_the_month_is_neutral() -> None:
    """All loans without an income are bad; still a blank has the average points."""
    blank = [{**row, "annual_inc": ""} for row in ROWS if row["loan_status"] == "Charged Off"][:400]
    ids = {row["id"] for row in blank}

    model = train(read_rows([row for row in ROWS if row["id"] not in ids] + blank), SETTINGS)

    income = next(entry for entry in model.card.characteristics if entry.name == "annualIncome")
    assert income.missing is not None
    assert income.missing.points == pytest.approx(income.average_points, abs=0.6)
    assert income.missing.bads == income.missing.count > 0


def test_a_category_that_only_the_test_has_can_be_scored() -> None:
    rows = [{**row, "purpose": "boat"} if row["issue_d"] > "2011-06" else row for row in ROWS]

    model = train(read_rows(rows), SETTINGS)

    purpose = next(entry for entry in model.card.characteristics if entry.name == "purpose")
    assert purpose.missing is not None
    assert purpose.missing.count == 0


def test_a_card_that_saw_no_blank_demands_a_value() -> None:
    assert all(entry.missing is None for entry in MODEL.card.characteristics)


def test_losses_are_means_where_nothing_predicts_them() -> None:
    model = train(read_rows(ROWS), TrainingSettings(name="Test", maximum_p_value=0.001))
    losses = model.loss_given_default

    assert losses.recovers.terms == losses.rate.terms == model.exposure_at_default.terms == []
    assert 0 < losses.small < 0.02
    assert 0.3 < model.exposure_at_default.intercept < 0.7


def test_losses_are_means_where_all_defaulted_loans_are_alike() -> None:
    """Nearly all of them have the same value of the only characteristic that is not excluded."""
    bads = (number for number, row in enumerate(ROWS) if row["loan_status"] == "Charged Off")
    rare = set(list(bads)[::40])
    rows = [
        {**row, "grade": "A" if number in rare or (row["loan_status"] == "Fully Paid" and number % 2) else "B"}
        for number, row in enumerate(ROWS)
    ]

    model = train(read_rows(rows), TrainingSettings(name="Test", exclude=tuple(CHARACTERISTICS.keys() - {"grade"})))

    assert names(model) == {"grade"}
    losses = (model.loss_given_default.recovers, model.loss_given_default.rate, model.exposure_at_default)
    assert [regression.terms for regression in losses] == [[], [], []]


def test_a_file_that_does_not_say_when_loans_stopped_has_no_timing() -> None:
    rows = [{name: value for name, value in row.items() if name != "last_pymnt_d"} for row in ROWS]

    assert train(read_rows(rows), SETTINGS).default_timing == []
    assert [share.term_months for share in MODEL.default_timing] == [36]


def test_one_month_of_loans_has_no_test_in_time() -> None:
    model = train(read_rows([{**row, "issue_d": "2010-05"} for row in ROWS]), SETTINGS)

    assert model.performance is not None
    assert model.performance.out_of_time is None
    assert [metrics.set for metrics in model.performance.metrics] == ["training", "holdout"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (many(100), "the training set has .* loans that defaulted; at least 100 are needed"),
        (many(2_000, loan_status="Fully Paid"), "has 0 loans that defaulted"),
        (many(2_000, loan_status="Charged Off"), "has 0 loans that paid back"),
        (
            many(3_000, annual_inc="50000", inq_last_6mths="0", purpose="car", dti="5", funded_amnt="5000"),
            "no characteristic tells good from bad loans",
        ),
    ],
)
def test_data_that_make_no_model_are_refused(rows: list[dict[str, str]], reason: str) -> None:
    with pytest.raises(TrainingError, match=reason):
        train(read_rows(rows), SETTINGS)


def test_duplicated_ids_are_used_once() -> None:
    file = read_rows(ROWS + ROWS[:100])

    assert file.rejections[0].reason == "id: is listed twice"
    assert train(file, SETTINGS).card == MODEL.card


@pytest.mark.parametrize("exceptions", [0, 40])
def test_a_leak_is_named(exceptions: int) -> None:
    """A grade given after the outcome: nothing that an applicant has."""
    leaking = [{**row, "grade": "G" if row["loan_status"] == "Charged Off" else "A"} for row in ROWS[exceptions:]]

    assert "grade tells good from bad loans nearly perfectly" in failure(ROWS[:exceptions] + leaking)
    model = train(read_rows(leaking), TrainingSettings(name="Test", exclude=("grade",)))
    assert names(model) == {"annualIncome", "inquiries6Months", "purpose"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exclude": ("shoeSize",)}, "exclude: shoeSize is unknown"),
        ({"minimum": 300, "maximum": 399}, "max must exceed min by at least 100"),
        ({"name": ""}, "these settings make no valid model: name"),
        ({"test_from": "soon"}, "testFrom: must be a month"),
        ({"test_from": "2007-01"}, "the training set has 0 loans that defaulted"),
        ({"minimum_information_value": 9.0}, "no characteristic tells good from bad loans"),
        ({"maximum_p_value": 0.0}, "no characteristic is left"),
    ],
)
def test_settings_that_make_no_model_are_refused(changes: dict[str, Any], reason: str) -> None:
    assert reason in failure(ROWS, **changes)


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["annual_inc", "inq_last_6mths", "purpose", "dti", "term", "issue_d", "recoveries", "int_rate"]
        ),
        st.sampled_from(["", "0", "36", "other", "2010-05", "7.5"]),
    ),
    st.integers(0, 3),
    st.sampled_from([150, 900, 2_500]),
)
def test_any_data_make_a_model_or_an_error(fixed: dict[str, str], seed: int, count: int) -> None:
    """Constant and blank columns, unusable rows, and few loans."""
    try:
        model = train(read_rows(many(count, seed, **fixed)), SETTINGS)
    except TrainingError:
        return
    assert parse(encode(model)).model == model
