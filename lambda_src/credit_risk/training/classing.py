"""Classes of characteristics: fine ones first, of which neighbors are joined so that no difference may be chance."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from lambda_src.credit_risk.training.loans import Flags, Floats, Integers

FINE_CLASSES = 50
# A class needs this share of the loans to have points of its own.
MINIMUM_SHARE = 0.05
# Neighbors' default rates differ by at least as many standard errors: 1 %, two-sided. The bounds are the best of many:
# at 5 %, too many would differ by chance.
_SIGNIFICANT = 2.5758293035489
# A category's rate counts with as many average loans besides, so that few loans are no extreme.
_PRIOR_LOANS = 50


class Group(msgspec.Struct, frozen=True):
    """Neighboring fine classes, by their numbers, as one class."""

    members: tuple[int, ...]
    loans: int
    bads: int

    @property
    def rate(self) -> float:
        return self.bads / self.loans

    def joined(self, other: "Group") -> "Group":
        return Group(self.members + other.members, self.loans + other.loans, self.bads + other.bads)


class Classing(msgspec.Struct, frozen=True, kw_only=True):
    """The classes of a characteristic. `bounds`: a number's upper bounds, exclusive; `codes`: a category's numbers.

    `woe`: the weight of evidence of each class: ln(its share of the goods / its share of the bads).
    """

    bounds: tuple[float, ...] = ()
    codes: tuple[tuple[int, ...], ...] = ()
    loans: tuple[int, ...]
    bads: tuple[int, ...]
    woe: tuple[float, ...]
    information_value: float

    def index(self, values: Floats | Integers) -> Integers:
        """The class of each value, -1 for a missing one, or a category in no class."""
        if self.codes:
            table = np.full(1 + max(code for codes in self.codes for code in codes), -1, dtype=np.int64)
            for number, codes in enumerate(self.codes):
                table[list(codes)] = number
            known = (values >= 0) & (values < len(table))
            return np.where(known, table[np.where(known, values, 0).astype(np.int64)], -1)
        found = np.searchsorted(np.array(self.bounds), values, side="right")
        return np.where(np.isnan(values), -1, found).astype(np.int64)


def class_number(values: Floats, bad: Flags) -> Classing | None:
    """The classes of a number whose default rate rises or falls throughout; None when there is but one.

    The direction is the one that says more.
    """
    known = ~np.isnan(values)
    values, bad = values[known], bad[known]
    if bad.all() or not bad.any():
        return None
    edges = _edges(values)
    fine = np.searchsorted(edges, values, side="right")
    loans = np.bincount(fine, minlength=len(edges) + 1)
    bads = np.bincount(fine, weights=bad, minlength=len(edges) + 1)
    groups = [Group((index,), int(loans[index]), int(bads[index])) for index in range(len(loans))]
    best: Classing | None = None
    for sign in (1, -1):
        merged = _merge(_monotone(groups, sign))
        if len(merged) > 1:
            bounds = tuple(float(edges[group.members[-1]]) for group in merged[:-1])
            candidate = _classing(merged, bounds=bounds)
            if best is None or candidate.information_value > best.information_value:
                best = candidate
    return best


def class_category(codes: Integers, bad: Flags, names: int) -> Classing | None:
    """The classes of a category with numbers from 0 to `names` - 1, in the order of their default rates."""
    known = codes >= 0
    codes, bad = codes[known], bad[known]
    if bad.all() or not bad.any():
        return None
    loans = np.bincount(codes, minlength=names)
    bads = np.bincount(codes, weights=bad, minlength=names)
    mean = float(bad.mean())
    groups = [Group((code,), int(loans[code]), int(bads[code])) for code in range(names) if loans[code]]
    groups.sort(key=lambda group: ((group.bads + _PRIOR_LOANS * mean) / (group.loans + _PRIOR_LOANS), group.members))
    merged = _merge(_monotone(groups, 1))
    if len(merged) < 2:
        return None
    return _classing(merged, codes=tuple(tuple(sorted(group.members)) for group in merged))


def _edges(values: Floats) -> Floats:
    """The lower bounds of the fine classes but the first: each of few values, else quantiles."""
    distinct = np.unique(values)
    if len(distinct) <= FINE_CLASSES:
        return distinct[1:]
    ordered = np.sort(values)
    places = [len(ordered) * part // FINE_CLASSES for part in range(1, FINE_CLASSES)]
    edges = np.unique(ordered[places])
    above: Floats = edges[edges > distinct[0]]
    return above


def _monotone(groups: Sequence[Group], sign: int) -> list[Group]:
    """Pools adjacent violators, so that the default rate never falls (sign 1) or never rises (sign -1)."""
    stack: list[Group] = []
    for group in groups:
        stack.append(group)
        while len(stack) > 1 and sign * (stack[-1].rate - stack[-2].rate) <= 0:
            last = stack.pop()
            stack[-1] = stack[-1].joined(last)
    return stack


def _merge(groups: Sequence[Group]) -> list[Group]:
    """The contiguous classes with the highest information value, each large enough and different from its neighbors.

    Monotone classes stay monotone when neighbors are joined. A single class when there is no other way.
    """
    total, all_bads = sum(group.loans for group in groups), sum(group.bads for group in groups)
    joined = _all_joined(groups)
    usable = {span: group for span, group in joined.items() if group.loans >= MINIMUM_SHARE * total}
    # Span of the last class -> the best value up to its end, and the span before it. Spans come ordered by their end.
    best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]] = {}
    for span, group in usable.items():
        value = _value(group, total, all_bads)
        if span[0] == 0:
            best[span] = (value, None)
        before = [
            (best[earlier][0] + value, earlier)
            for start in range(span[0])
            if (earlier := (start, span[0])) in best and _distance(usable[earlier], group) >= _SIGNIFICANT
        ]
        if before:
            best[span] = max(before)
    ends = [(best[span][0], span) for span in best if span[1] == len(groups)]
    if not ends:
        return [joined[0, len(groups)]]
    place: tuple[int, int] | None = max(ends)[1]
    chosen = []
    while place is not None:
        chosen.append(usable[place])
        place = best[place][1]
    return chosen[::-1]


def _all_joined(groups: Sequence[Group]) -> dict[tuple[int, int], Group]:
    """(start, end) -> the groups from start to end, exclusive, as one; ordered by end."""
    spans = {}
    for end in range(1, len(groups) + 1):
        group = groups[end - 1]
        spans[end - 1, end] = group
        for start in range(end - 2, -1, -1):
            group = groups[start].joined(group)
            spans[start, end] = group
    return spans


def _value(group: Group, total: int, all_bads: int) -> float:
    """What a class adds to the information value."""
    share_of_goods, share_of_bads = (group.loans - group.bads) / (total - all_bads), group.bads / all_bads
    return (share_of_goods - share_of_bads) * _weight(group, total, all_bads)


def _weight(group: Group, total: int, all_bads: int) -> float:
    # None counts as half a loan: the weight of evidence would be infinite.
    bads, goods = max(group.bads, 0.5), max(group.loans - group.bads, 0.5)
    return math.log(goods / bads / ((total - all_bads) / all_bads))


def _distance(first: Group, second: Group) -> float:
    """The difference of two default rates in standard errors."""
    pooled = (first.bads + second.bads) / (first.loans + second.loans)
    error = math.sqrt(pooled * (1 - pooled) * (1 / first.loans + 1 / second.loans))
    return abs(first.rate - second.rate) / error if error > 0 else 0.0


def _classing(
    groups: Sequence[Group], bounds: tuple[float, ...] = (), codes: tuple[tuple[int, ...], ...] = ()
) -> Classing:
    total, all_bads = sum(group.loans for group in groups), sum(group.bads for group in groups)
    return Classing(
        bounds=bounds,
        codes=codes,
        loans=tuple(group.loans for group in groups),
        bads=tuple(group.bads for group in groups),
        woe=tuple(_weight(group, total, all_bads) for group in groups),
        information_value=sum(_value(group, total, all_bads) for group in groups),
    )
