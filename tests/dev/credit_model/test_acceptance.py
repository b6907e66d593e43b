import msgspec
import pytest

from dev.credit_model.acceptance import lines, period_table, table
from lambda_src.credit_risk.model import CharacteristicShift, Metrics, Model, Pair, Performance, Period
from lambda_src.credit_risk.sample_models import read
from lambda_src.credit_risk.validation import decode

CHAMPION = decode(read("champion"))
GOOD = Metrics(
    set="holdout",
    first="2010-01",
    last="2010-12",
    loans=1_000,
    bads=150,
    mean_probability_of_default=0.15,
    auroc=0.70,
    ks=0.30,
    expected_loss_rate=0.09,
    loss_rate=0.09,
    recovers_auroc=0.62,
    loss_given_default=Pair(predicted=0.9, observed=0.9),
    credit_conversion_factor=Pair(predicted=0.65, observed=0.65),
    score_psi=0.005,
)
QUARTER = Period(
    period="2011Q1",
    loans=100,
    bads=15,
    mean_probability_of_default=0.15,
    score_psi=0.05,
    characteristics=[CharacteristicShift(name="termMonths", psi=0.2)],
)


def failing(metrics: Metrics, period: Period = QUARTER) -> list[str]:
    model = msgspec.structs.replace(CHAMPION, performance=Performance(metrics=[metrics], periods=[period]))
    return [line.text for line in lines(model) if not line.holds]


def test_a_good_model_passes() -> None:
    assert failing(GOOD) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"auroc": 0.689}, ["holdout: AUROC >= 0.69", "holdout: Gini >= 0.38"]),
        ({"ks": 0.284}, ["holdout: KS >= 0.285"]),
        ({"mean_probability_of_default": 0.161}, ["holdout: mean PD / default rate within 7%"]),
        ({"expected_loss_rate": 0.085}, ["holdout: expected / actual loss within 5%"]),
        ({"loss_given_default": None}, ["holdout: mean LGD within 0.015"]),
        ({"credit_conversion_factor": Pair(predicted=0.6, observed=0.62)}, ["holdout: mean CCF within 0.015"]),
        ({"recovers_auroc": 0.59}, ["holdout: AUROC of recovering >= 0.6"]),
        ({"score_psi": 0.01}, ["holdout: score PSI < 0.01"]),
        ({"score_psi": 0.05, "set": "outOfTime"}, []),
        ({"auroc": 0.5, "set": "training"}, []),
    ],
)
def test_what_fails_is_named(change: dict[str, object], expected: list[str]) -> None:
    assert failing(msgspec.structs.replace(GOOD, **change)) == expected


def test_a_launch_that_is_not_seen_fails() -> None:
    blind = msgspec.structs.replace(QUARTER, characteristics=[], score_psi=0.2)
    assert failing(GOOD, blind) == ["2011Q1: CSI of termMonths > 0.1", "2011Q1: score PSI < 0.1"]


def test_a_model_without_performance_has_no_lines() -> None:
    assert lines(msgspec.structs.replace(CHAMPION, performance=None)) == []


def test_the_tables_have_a_row_for_each_set_and_quarter() -> None:
    model: Model = CHAMPION
    assert model.performance is not None

    assert len(table(model, GOOD).splitlines()) == 5
    assert len(period_table(model.performance.periods).splitlines()) == 5
