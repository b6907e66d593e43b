import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_src.credit_risk.training.classing import MINIMUM_SHARE, class_category, class_number


def drawn(chances: dict[float, float], count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Values in equal parts, each with its chance of default."""
    generator = np.random.default_rng(seed)
    values = generator.choice(list(chances), count)
    bad = generator.random(count) < np.vectorize(chances.__getitem__)(values)
    return values.astype(np.float64), bad


def test_values_with_different_rates_are_classes() -> None:
    values, bad = drawn({1: 0.1, 2: 0.1, 3: 0.3, 4: 0.5}, 8_000)

    classing = class_number(values, bad)

    assert classing is not None
    assert classing.bounds == (3, 4)
    assert classing.index(np.array([0, 2.9, 3, 4, 9, np.nan])).tolist() == [0, 0, 1, 2, 2, -1]
    assert sum(classing.loans) == 8_000
    assert sum(classing.bads) == bad.sum()
    assert list(classing.woe) == sorted(classing.woe, reverse=True)


def test_the_weight_of_evidence_by_hand() -> None:
    values = np.repeat([1.0, 2.0], 1_000)
    bad = np.concatenate((np.arange(1_000) < 100, np.arange(1_000) < 300))

    classing = class_number(values, bad)

    assert classing is not None
    assert classing.woe == pytest.approx((np.log((900 / 1_600) / (100 / 400)), np.log((700 / 1_600) / (300 / 400))))
    assert classing.information_value == pytest.approx(
        (900 / 1_600 - 0.25) * classing.woe[0] + (700 / 1_600 - 0.75) * classing.woe[1]
    )


def test_differences_by_chance_make_no_class() -> None:
    values, bad = drawn({float(value): 0.2 for value in range(10)}, 300)
    assert class_number(values, bad) is None


def test_missing_values_take_no_part() -> None:
    values, bad = drawn({1: 0.1, 2: 0.4}, 2_000)
    with_blanks = np.concatenate((values, np.full(500, np.nan)))

    classing = class_number(with_blanks, np.concatenate((bad, np.ones(500, dtype=bool))))

    assert classing == class_number(values, bad)


@pytest.mark.parametrize("values", [np.full(100, np.nan), np.full(100, 7.0), np.array([])])
def test_one_value_has_no_classes(values: np.ndarray) -> None:
    assert class_number(values, np.arange(len(values)) % 2 == 0) is None


@pytest.mark.parametrize("bad", [np.zeros(1_000, dtype=bool), np.ones(1_000, dtype=bool)])
def test_one_outcome_has_no_classes(bad: np.ndarray) -> None:
    assert class_number(np.arange(1_000.0), bad) is None
    assert class_category(np.arange(1_000) % 3, bad, 3) is None


@settings(max_examples=60)
@given(st.lists(st.floats(0.02, 0.98), min_size=2, max_size=12), st.integers(0, 99))
def test_classes_are_large_and_monotone(chances: list[float], seed: int) -> None:
    values, bad = drawn({float(index): chance for index, chance in enumerate(chances)}, 1_500, seed)

    classing = class_number(values, bad)

    if classing is not None:
        rates = [bads / loans for bads, loans in zip(classing.bads, classing.loans, strict=True)]
        assert rates in (sorted(rates), sorted(rates, reverse=True))
        assert min(classing.loans) >= MINIMUM_SHARE * 1_500
        assert list(classing.bounds) == sorted(set(classing.bounds))
        counts = np.bincount(classing.index(values), minlength=len(classing.loans))
        assert counts.tolist() == list(classing.loans)


def test_categories_are_ordered_by_their_rates() -> None:
    values, bad = drawn({0: 0.3, 1: 0.1, 2: 0.3, 3: 0.5}, 8_000)

    classing = class_category(values.astype(np.int64), bad, 5)

    assert classing is not None
    assert classing.codes == ((1,), (0, 2), (3,))
    assert classing.index(np.array([0, 1, 2, 3, 4, -1])).tolist() == [1, 0, 1, 2, -1, -1]


def test_a_rare_category_has_no_points_of_its_own() -> None:
    values, bad = drawn({0: 0.1, 1: 0.3}, 5_000)
    codes = np.concatenate((values.astype(np.int64), np.full(20, 2)))

    classing = class_category(codes, np.concatenate((bad, np.ones(20, dtype=bool))), 3)

    assert classing is not None
    assert classing.codes == ((0,), (1, 2))


def test_a_class_without_a_bad_loan_has_a_finite_weight() -> None:
    bad = np.concatenate((np.zeros(1_000, dtype=bool), np.arange(1_000) < 500))

    classing = class_number(np.repeat([1.0, 2.0], 1_000), bad)

    assert classing is not None
    assert classing.bads == (0, 500)
    assert classing.woe[0] == pytest.approx(np.log((1_000 / 0.5) / (1_500 / 500)))
