"""Paired measurements of both sides, their statistics, and their presentation."""

import statistics
from typing import Any, NamedTuple

AIM = 0.25


class Spread(NamedTuple):
    """Minimum, median, and maximum."""

    minimum: float
    median: float
    maximum: float

    def formatted(self, digits: int) -> str:
        """For a table: the median, and the extremes in parentheses."""
        return f"{self.median:.{digits}f} ({self.minimum:.{digits}f}-{self.maximum:.{digits}f})"

    def rounded(self, digits: int) -> dict[str, float]:
        """For the result file."""
        return dict(zip(("min", "median", "max"), (round(value, digits) for value in self), strict=True))


class Comparison(NamedTuple):
    """One figure in milliseconds. Values at the same index are a pair, measured comparison after the other."""

    key: str
    name: str
    project: list[float]
    baseline: list[float]

    @property
    def ratio_of_medians(self) -> float:
        return statistics.median(self.project) / statistics.median(self.baseline)

    @property
    def paired_ratios(self) -> Spread:
        return spread([project / baseline for project, baseline in zip(self.project, self.baseline, strict=True)])


def spread(values: list[float]) -> Spread:
    return Spread(min(values), statistics.median(values), max(values))


def table(comparisons: list[Comparison]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| median (minimum-maximum) | pairs | project, ms | baseline, ms | ratio of medians | paired ratios |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {comparison.name} | {len(comparison.project)} | {spread(comparison.project).formatted(1)} "
        f"| {spread(comparison.baseline).formatted(1)} "
        f"| {comparison.ratio_of_medians:.3f} | {comparison.paired_ratios.formatted(3)} |"
        for comparison in comparisons
    ]
    return "\n".join(lines)


def document(comparison: Comparison) -> dict[str, Any]:
    """A comparison for the result file."""
    return {
        "figure": comparison.key,
        "pairs": len(comparison.project),
        "projectMs": spread(comparison.project).rounded(2),
        "baselineMs": spread(comparison.baseline).rounded(2),
        "ratioOfMedians": round(comparison.ratio_of_medians, 3),
        "pairedRatios": comparison.paired_ratios.rounded(3),
        "allProjectMs": [round(value, 2) for value in comparison.project],
        "allBaselineMs": [round(value, 2) for value in comparison.baseline],
    }
