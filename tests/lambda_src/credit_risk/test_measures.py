import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.credit_risk.measures import auroc, auroc_interval, calibration, curve, gini, ks, wilson

counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12)


def test_a_perfect_score() -> None:
    assert auroc([0, 10], [10, 0]) == 1
    assert ks([0, 10], [10, 0]) == (1, 1)


def test_a_score_by_hand() -> None:
    # Good scores 1, 2, 2; bad ones 1, 1, 2: of 9 pairs 4 are right and 4 tied.
    goods, bads = [1, 2], [2, 1]
    assert auroc(goods, bads) == pytest.approx((4 + 4 / 2) / 9)
    assert gini(auroc(goods, bads)) == pytest.approx(1 / 3)
    assert ks(goods, bads) == (pytest.approx(2 / 3 - 1 / 3), 1)


@given(counts)
def test_the_area_is_the_share_of_right_pairs(bands: list[tuple[int, int]]) -> None:
    goods, bads = [1, *(band[0] for band in bands)], [1, *(band[1] for band in bands)]
    pairs = sum(
        good * bad * (1 if place > other else 0.5 if place == other else 0)
        for place, good in enumerate(goods)
        for other, bad in enumerate(bads)
    )

    assert auroc(goods, bads) == pytest.approx(pairs / sum(goods) / sum(bads))
    assert 0 <= ks(goods, bads)[0] <= 1


@pytest.mark.parametrize(("goods", "bads"), [([1], [0]), ([0], [1]), ([], []), ([1, 1], [1])])
def test_one_kind_alone_has_no_measure(goods: list[int], bads: list[int]) -> None:
    for measure in (auroc, ks):
        with pytest.raises(ValueError, match=r"good and bad loans|same bands"):
            measure(goods, bads)


def test_the_interval_of_an_area_covers_most_samples() -> None:
    """Hanley and McNeil's own example: 0.893 with 51 and 58 cases has a standard error of 0.032."""
    low, high = auroc_interval(0.893, 51, 58)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.032, abs=0.001)
    assert auroc_interval(1.0, 5, 5) == (1.0, 1.0)


def test_the_curve_reaches_both_ends() -> None:
    generator = random.Random(1)
    goods = [generator.randrange(20) for _ in range(110)]
    bads = [generator.randrange(5) for _ in range(110)]

    points = curve(goods, bads, range(300, 855, 5))

    assert (points[0].goods, points[0].bads) == (0, 0)
    assert (points[-1].goods, points[-1].bads) == (1, 1)
    assert len(points) <= 102
    assert points == sorted(points, key=lambda point: point.cut_off)
    assert ks(goods, bads)[0] == pytest.approx(max(point.bads - point.goods for point in points), abs=0.03)


def test_wilson_by_hand() -> None:
    # Published example (Newcombe 1998): 81 of 263 has 0.2553 to 0.3662.
    assert wilson(81, 263) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert wilson(0, 20) == (0, pytest.approx(0.1611, abs=1e-4))
    assert wilson(0, 0) == (0, 1)


@given(st.integers(1, 10_000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_interval_has_the_share_in_it(case: tuple[int, int]) -> None:
    successes, trials = case
    low, high = wilson(successes, trials)

    assert 0 <= low <= high <= 1
    assert low - 1e-12 <= successes / trials <= high + 1e-12


def test_calibration_compares_bands() -> None:
    first, second = calibration([100, 0, 400], [40, 0, 40], [20.0, 0.0, 44.0])

    assert (first.predicted, first.observed, first.fits) == (0.2, 0.4, False)
    assert (second.predicted, second.observed, second.fits) == (0.11, 0.1, True)
