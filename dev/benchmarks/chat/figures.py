"""What is measured of both sides in turn, what follows from it, and how it is said."""

import statistics
from typing import Any, NamedTuple

AIM = 0.25


class Spread(NamedTuple):
    """The minimum, the median and the maximum."""

    least: float
    median: float
    most: float

    def shown(self, digits: int) -> str:
        """For a table: the median, and the others in parentheses."""
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}-{self.most:.{digits}f})"

    def kept(self, digits: int) -> dict[str, float]:
        """For the result file."""
        return dict(zip(("min", "median", "max"), (round(value, digits) for value in self), strict=True))


class Comparison(NamedTuple):
    """One figure, in milliseconds; the same place in both lists is one pair, measured one after the other."""

    key: str
    name: str
    ours: list[float]
    peer: list[float]

    @property
    def ratio_of_medians(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.peer)

    @property
    def paired_ratios(self) -> Spread:
        return spread([ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)])


def spread(values: list[float]) -> Spread:
    return Spread(min(values), statistics.median(values), max(values))


def table(comparisons: list[Comparison]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| median (minimum-maximum) | pairs | ours, ms | peer, ms | ratio of medians | paired ratios |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {len(one.ours)} | {spread(one.ours).shown(1)} | {spread(one.peer).shown(1)} "
        f"| {one.ratio_of_medians:.3f} | {one.paired_ratios.shown(3)} |"
        for one in comparisons
    ]
    return "\n".join(lines)


def document(one: Comparison) -> dict[str, Any]:
    """What is kept of a comparison."""
    return {
        "figure": one.key,
        "pairs": len(one.ours),
        "oursMs": spread(one.ours).kept(2),
        "peerMs": spread(one.peer).kept(2),
        "ratioOfMedians": round(one.ratio_of_medians, 3),
        "pairedRatios": one.paired_ratios.kept(3),
        "allOursMs": [round(value, 2) for value in one.ours],
        "allPeerMs": [round(value, 2) for value in one.peer],
    }
