"""Measures of a score's quality, from counters: goods and bads by score band, the lowest scores first."""

import math
from collections.abc import Sequence

import msgspec

# The standard normal quantile of a two-sided interval of 95 %.
_Z = 1.959963984540054


def auroc(goods: Sequence[float], bads: Sequence[float]) -> float:
    """The chance that a good loan scores higher than a bad one; equal bands count half.

    Raises `ValueError` without a good or without a bad loan, or for lists of unequal length.
    """
    _check(goods, bads)
    below, area = 0.0, 0.0
    for good, bad in zip(goods, bads, strict=True):
        area += good * (below + bad / 2)
        below += bad
    return area / (sum(goods) * below)


def auroc_interval(area: float, goods: float, bads: float) -> tuple[float, float]:
    """The 95 % interval of an AUROC (Hanley and McNeil, Radiology 143, 1982)."""
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (bads - 1) * (first - area**2) + (goods - 1) * (second - area**2)
    error = math.sqrt((area * (1 - area) + spread) / (goods * bads))
    return max(0.0, area - _Z * error), min(1.0, area + _Z * error)


def gini(area: float) -> float:
    """2 x AUROC - 1."""
    return 2 * area - 1


def ks(goods: Sequence[float], bads: Sequence[float]) -> tuple[float, int]:
    """The Kolmogorov-Smirnov distance of goods and bads, and the first band above which it is reached.

    Cutting off below that band separates best. Raises `ValueError` as `auroc` does.
    """
    _check(goods, bads)
    all_goods, all_bads = sum(goods), sum(bads)
    best, place, good_sum, bad_sum = 0.0, 0, 0.0, 0.0
    for index, (good, bad) in enumerate(zip(goods, bads, strict=True)):
        good_sum += good
        bad_sum += bad
        distance = bad_sum / all_bads - good_sum / all_goods
        if distance > best:
            best, place = distance, index + 1
    return best, place


class CurvePoint(msgspec.Struct, frozen=True, rename="camel"):
    """The shares of goods and bads below a cut-off: ROC is `goods` against `bads`, KS their distance by score."""

    cut_off: int
    goods: float
    bads: float


def curve(goods: Sequence[float], bads: Sequence[float], cut_offs: Sequence[int], points: int = 50) -> list[CurvePoint]:
    """The points of ROC and KS curves, at most about `points` of them, evenly spread over the goods.

    `cut_offs`: the lower end of each band, and last the upper end of all. Raises `ValueError` as `auroc` does.
    """
    _check(goods, bads)
    all_goods, all_bads = sum(goods), sum(bads)
    result, good_sum, bad_sum = [CurvePoint(cut_offs[0], 0.0, 0.0)], 0.0, 0.0
    for good, bad, cut_off in zip(goods, bads, cut_offs[1:], strict=True):
        good_sum += good
        bad_sum += bad
        candidate = CurvePoint(cut_off, good_sum / all_goods, bad_sum / all_bads)
        moved = max(candidate.goods - result[-1].goods, candidate.bads - result[-1].bads)
        if moved >= 1 / points or candidate.goods == candidate.bads == 1:
            result.append(candidate)
            if candidate.goods == candidate.bads == 1:
                break
    return result


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927), also for few trials and shares near 0. (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    share, square = successes / trials, _Z**2
    center = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    return max(0.0, center - half), min(1.0, center + half)


class CalibratedBand(msgspec.Struct, frozen=True, rename="camel"):
    """Predicted and observed default rate of a band of scores, with the interval of the observed one."""

    loans: float
    predicted: float
    observed: float
    interval: tuple[float, float]

    @property
    def fits(self) -> bool:
        """Whether chance may explain the difference."""
        return self.interval[0] <= self.predicted <= self.interval[1]


def calibration(loans: Sequence[float], bads: Sequence[float], probabilities: Sequence[float]) -> list[CalibratedBand]:
    """Compares default rates by band; bands without loans are left out.

    `probabilities`: the sum of the probabilities of default of each band's loans.
    """
    return [
        CalibratedBand(count, predicted / count, bad / count, wilson(bad, count))
        for count, bad, predicted in zip(loans, bads, probabilities, strict=True)
        if count > 0
    ]


def _check(goods: Sequence[float], bads: Sequence[float]) -> None:
    if len(goods) != len(bads):
        raise ValueError("goods and bads must have the same bands")
    if sum(goods) <= 0 or sum(bads) <= 0:
        raise ValueError("there must be good and bad loans")
