import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.credit_risk.psi import level, noise, psi


def test_the_index_by_hand() -> None:
    # 50/50 -> 60/40: (0.1) ln 1.2 + (-0.1) ln 0.8 = 0.1 x (0.182322 + 0.223144)
    assert psi([50, 50], [60, 40]) == pytest.approx(0.0405465, abs=1e-7)
    # Three classes of 20, 30, 50 % -> 30, 30, 40 %.
    assert psi([20, 30, 50], [300, 300, 400]) == pytest.approx(0.1 * math.log(1.5) - 0.1 * math.log(0.8))


def test_nothing_changed_is_0() -> None:
    assert psi([1, 2, 3], [10, 20, 30]) == pytest.approx(0)


def test_an_empty_class_counts_as_half_a_loan() -> None:
    assert psi([50, 50, 0], [50, 50, 0]) == 0
    expected = 0.5 * math.log(0.5 / 1) * -1 + (0.005 - 0.5) * math.log(0.005 / 0.5)
    assert psi([50, 50], [100, 0]) == pytest.approx(expected)


@pytest.mark.parametrize(("expected", "actual"), [([1], [1, 2]), ([0, 0], [1, 1]), ([1, 1], [0, 0]), ([], [])])
def test_an_impossible_comparison_is_refused(expected: list[int], actual: list[int]) -> None:
    with pytest.raises(ValueError, match=r"same classes|at least one loan"):
        psi(expected, actual)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=20))
def test_the_index_is_finite_and_symmetric(counts: list[tuple[int, int]]) -> None:
    expected, actual = [1, *(pair[0] for pair in counts)], [1, *(pair[1] for pair in counts)]
    index = psi(expected, actual)

    assert math.isfinite(index)
    assert index == pytest.approx(psi(actual, expected))


def test_the_noise_is_its_expectation() -> None:
    assert noise(10, 16_652, 500) == pytest.approx(9 * (1 / 16_652 + 1 / 500))


@pytest.mark.parametrize(
    ("index", "actual", "expected"),
    [
        (0.09, 5_000, "stable"),
        (0.1, 5_000, "watch"),
        (0.25, 5_000, "alarm"),
        (0.9, 499, "stable"),
        (0.3, 500, "alarm"),
    ],
)
def test_levels(index: float, actual: int, expected: str) -> None:
    assert level(index, classes=10, expected=16_000, actual=actual) == expected


def test_noise_is_no_alarm() -> None:
    assert level(0.3, classes=200, expected=1_000, actual=1_000) == "stable"
