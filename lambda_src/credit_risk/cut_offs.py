"""What a cut-off does: how many applications it approves, and how many of them default. From a histogram of scores.

Approved is a score that reaches the cut-off. Cut-offs lie on the bands of the histogram; others are rounded down. Rates
are those of the histogram's loans. These were granted, so of all applications fewer would be approved.
"""

from collections.abc import Sequence

import msgspec

from lambda_src.credit_risk.measures import CurvePoint, curve, ks
from lambda_src.credit_risk.model import Basis, Histogram, Model


class CutOffError(Exception):
    """A table or simulation is not possible. The message says why."""


class CutOffRow(msgspec.Struct, frozen=True, rename="camel"):
    """What happens at a cut-off. All rates are fractions; one of nothing is None.

    `expectedLossRateApproved` is what the model predicts, `lossRateApproved` what was lost, of the amount approved.
    """

    cut_off: int
    approval_rate: float
    bad_rate_approved: float | None
    bad_rate_rejected: float | None
    expected_loss_rate_approved: float | None
    loss_rate_approved: float | None
    goods_rejected_rate: float | None
    margin_rate: float | None = None


class Ks(msgspec.Struct, frozen=True, rename="camel"):
    """The Kolmogorov-Smirnov distance of goods and bads, and the cut-off that reaches it."""

    value: float
    at: int


class CutOffTable(msgspec.Struct, frozen=True, rename="camel"):
    """Cut-offs in ascending order, with the points of the ROC and KS curves."""

    items: list[CutOffRow]
    ks: Ks
    curve: list[CurvePoint]


def find_histogram(model: Model, basis: Basis) -> Histogram:
    """The scores of a set of loans. Raises `CutOffError` for a model that has none."""
    performance = model.performance
    histogram = performance and (performance.holdout if basis == "holdout" else performance.out_of_time)
    if not histogram:
        raise CutOffError(f"the model has no loans of basis {basis}")
    return histogram


def cut_offs(histogram: Histogram, step: int = 10) -> CutOffTable:
    """The table of a histogram, from the first cut-off that rejects to the last that approves.

    `step` (points) is rounded up to the histogram's bands. Raises `CutOffError` when all loans are good, or all bad.
    """
    try:
        value, place = ks(histogram.goods, histogram.bads)
        points = curve(histogram.goods, histogram.bads, _edges(histogram))
    except ValueError as error:
        raise CutOffError(str(error)) from error
    width = histogram.width
    step = max(width, -(-step // width) * width)
    last = histogram.first + width * (len(histogram.goods) - 1)
    # Multiples of the step, so that tables of several models have the same rows.
    first = -(-histogram.first // step) * step
    rows = [_Sums(histogram).row(cut_off) for cut_off in range(first, last + 1, step)]
    return CutOffTable(rows, Ks(value, histogram.first + width * place), points)


def simulate(
    histogram: Histogram,
    *,
    cut_off: int | None = None,
    approval_rate: float | None = None,
    maximum_bad_rate: float | None = None,
    maximum_expected_loss_rate: float | None = None,
    margin: float | None = None,
) -> CutOffRow:
    """The row of a cut-off, or of the one that fits a wish; give exactly one. Rates are fractions.

    `approval_rate`: the highest cut-off that still approves as much. The maxima: the lowest cut-off that keeps to them.
    `margin`: income before losses, as a fraction of the amount lent; the row then
    has what is left of it after the expected losses. Raises `CutOffError` when no cut-off fits.
    """
    wishes = [cut_off, approval_rate, maximum_bad_rate, maximum_expected_loss_rate]
    if sum(wish is not None for wish in wishes) != 1:
        raise CutOffError("give exactly one of cutOff, approvalRate, maximumBadRate, maximumExpectedLossRate")
    sums = _Sums(histogram)
    if cut_off is not None:
        return sums.row(cut_off, margin)
    rows = [sums.row(edge, margin) for edge in _edges(histogram)[:-1]]
    if approval_rate is not None:
        fitting = [row for row in rows if row.approval_rate >= approval_rate]
        if not fitting:
            raise CutOffError("no cut-off approves as much")
        return fitting[-1]
    for row in rows:
        rate, limit = (
            (row.bad_rate_approved, maximum_bad_rate)
            if maximum_bad_rate is not None
            else (row.expected_loss_rate_approved, maximum_expected_loss_rate)
        )
        if rate is not None and limit is not None and rate <= limit:
            return row
    raise CutOffError("no cut-off keeps to that: not even the best scores do")


class _Sums:
    """The sums above each cut-off of a histogram."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._goods = _from_above(histogram.goods)
        self._bads = _from_above(histogram.bads)
        self._amounts = _from_above(histogram.amounts)
        self._expected_losses = _from_above(histogram.expected_losses)
        self._losses = _from_above(histogram.losses)

    def row(self, cut_off: int, margin: float | None = None) -> CutOffRow:
        histogram = self._histogram
        index = min(max(0, (cut_off - histogram.first) // histogram.width), len(histogram.goods))
        goods, bads, amount = self._goods[index], self._bads[index], self._amounts[index]
        loans, all_loans = goods + bads, self._goods[0] + self._bads[0]
        loss = _share(self._expected_losses[index], amount)
        inside = histogram.first <= cut_off < histogram.first + histogram.width * len(histogram.goods)
        return CutOffRow(
            cut_off=histogram.first + index * histogram.width if inside else cut_off,
            approval_rate=loans / all_loans,
            bad_rate_approved=_share(bads, loans),
            bad_rate_rejected=_share(self._bads[0] - bads, all_loans - loans),
            expected_loss_rate_approved=loss,
            loss_rate_approved=_share(self._losses[index], amount),
            goods_rejected_rate=_share(self._goods[0] - goods, self._goods[0]),
            margin_rate=None if margin is None or loss is None else margin - loss,
        )


def _from_above(column: Sequence[float]) -> list[float]:
    """sums[i] = column[i] + column[i + 1] + ...; one more, 0, for a cut-off above all."""
    sums = [0.0]
    for value in reversed(column):
        sums.append(sums[-1] + value)
    return sums[::-1]


def _edges(histogram: Histogram) -> list[int]:
    """The lower end of each band, and the upper end of the last."""
    return [histogram.first + histogram.width * index for index in range(len(histogram.goods) + 1)]


def _share(part: float, total: float) -> float | None:
    return part / total if total > 0 else None
