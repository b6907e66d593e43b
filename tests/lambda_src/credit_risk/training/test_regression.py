import numpy as np
import pytest

from lambda_src.credit_risk.measures import auroc as auroc_of_counts
from lambda_src.credit_risk.training.regression import SeparationError, auroc, eliminate, fit, independent, r_squared

GENERATOR = np.random.default_rng(5)
COLUMNS = GENERATOR.normal(size=(4_000, 3))


def test_a_logistic_regression_finds_its_coefficients() -> None:
    chances = 1 / (1 + np.exp(-(0.5 + 1.2 * COLUMNS[:, 0] - 0.7 * COLUMNS[:, 1])))
    outcome = (GENERATOR.random(4_000) < chances).astype(np.float64)

    left, result, dropped = eliminate("logistic", COLUMNS * [1, 1e6, 1], outcome, 0.01)

    assert left == [0, 1]
    assert result.coefficients == pytest.approx([0.5, 1.2, -0.7e-6], rel=0.15)
    assert result.p_values.max() < 1e-6
    assert list(dropped) == [2]


def test_a_single_flag_by_hand() -> None:
    """The coefficient is the logarithm of the odds ratio, its variance the sum of the reciprocal counts."""
    flag = np.repeat([0.0, 1.0], [100, 200])
    outcome = np.concatenate((np.arange(100) < 20, np.arange(200) < 100)).astype(np.float64)

    result = fit("logistic", flag[:, None], outcome)

    assert result.coefficients == pytest.approx([np.log(20 / 80), np.log(1 / (20 / 80))])
    assert result.standard_errors[1] == pytest.approx(np.sqrt(1 / 20 + 1 / 80 + 1 / 100 + 1 / 100))


def test_a_linear_regression_finds_its_coefficients() -> None:
    outcome = 3 + 2 * COLUMNS[:, 0] + GENERATOR.normal(size=4_000)

    left, result, _dropped = eliminate("linear", COLUMNS, outcome, 0.001)

    assert left == [0]
    assert result.coefficients == pytest.approx([3, 2], abs=0.1)
    assert result.standard_errors == pytest.approx([1 / np.sqrt(4_000)] * 2, rel=0.1)


def test_chance_leaves_the_mean() -> None:
    outcome = (GENERATOR.random(4_000) < 0.25).astype(np.float64)

    left, result, dropped = eliminate("linear", COLUMNS, outcome, 1e-4)

    assert left == []
    assert result.coefficients == pytest.approx([outcome.mean()])
    assert sorted(dropped) == [0, 1, 2]


def test_terms_of_the_wrong_sign_go() -> None:
    outcome = (GENERATOR.random(4_000) < 1 / (1 + np.exp(-COLUMNS[:, 0] + COLUMNS[:, 1]))).astype(np.float64)

    left, _result, dropped = eliminate("logistic", COLUMNS, outcome, 0.05, positive=True)

    assert left == [0]
    assert dropped[1] is None


def test_combinations_and_constants_are_left_out() -> None:
    copies = np.column_stack((COLUMNS, COLUMNS[:, 0] - 2 * COLUMNS[:, 1], np.ones(4_000), COLUMNS[:, 2] * 1e9))

    assert independent(copies) == [0, 1, 2]
    assert eliminate("linear", copies, COLUMNS @ [1, 1, 1], 0.05)[0] == [0, 1, 2]


@pytest.mark.parametrize("outcome", [COLUMNS[:, 0] > 0, np.zeros(4_000), np.ones(4_000)])
def test_a_perfect_prediction_is_refused(outcome: np.ndarray) -> None:
    with pytest.raises(SeparationError):
        fit("logistic", COLUMNS, outcome.astype(np.float64))


def test_the_area_is_that_of_the_counters() -> None:
    scores = GENERATOR.integers(0, 30, 2_000)
    positive = GENERATOR.random(2_000) < scores / 40

    goods = np.bincount(scores[positive], minlength=30)
    others = np.bincount(scores[~positive], minlength=30)

    assert auroc(scores.astype(np.float64), positive) == pytest.approx(auroc_of_counts(list(goods), list(others)))
    assert auroc(scores.astype(np.float64), np.ones(2_000, dtype=bool)) is None


def test_r_squared() -> None:
    observed = np.array([1.0, 2.0, 3.0])

    assert r_squared(observed, observed) == 1
    assert r_squared(observed, np.full(3, 2.0)) == 0
    assert r_squared(observed, np.array([3.0, 2.0, 1.0])) == -3
    assert r_squared(np.ones(3), observed) is None
