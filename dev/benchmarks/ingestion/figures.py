"""Measurements of both sides, their statistics, and their presentation."""

from typing import Any, NamedTuple

FUNCTIONS = 2
AIM = 10.0
AIM_MEGABYTES = 512
# The default `embedding_rate` of a stage: calls per second of all functions.
DEFAULT_RATE = 30


class Project(NamedTuple):
    """`stored` and `ready` are the seconds from the file's event until the last chunk is stored and published.

    `parts` has the seconds of both functions together, `functions` is the number of functions that had work.
    """

    pages: int
    chunks: int
    stored: float
    ready: float
    parts: dict[str, float]
    cpu: float
    peaks: list[float]
    functions: int

    @property
    def pace(self) -> float:
        """Pages per second."""
        return self.pages / self.stored

    @property
    def pace_at_default_rate(self) -> float:
        """Pages per second with the default rate of model calls, comparison call per chunk."""
        return min(self.pace, DEFAULT_RATE * self.pages / self.chunks)


class Baseline(NamedTuple):
    """`parts` has the seconds of sequential steps. `estimated` marks figures that are partly projected."""

    pages: int
    chunks: int
    parts: dict[str, float]
    peak: float
    estimated: bool = False

    @property
    def seconds(self) -> float:
        """The time from the file to the last stored chunk."""
        return sum(self.parts.values())

    @property
    def pace(self) -> float:
        """Pages per second."""
        return self.pages / self.seconds


class Comparison(NamedTuple):
    """One document. `load` is the one-minute load average after the measurements.

    The benchmark itself causes 2 to 3; more makes the figures less reliable.
    """

    name: str
    project: Project
    baseline: Baseline
    load: float

    @property
    def ratio(self) -> float:
        """The project's pace divided by the baseline's."""
        return self.project.pace / self.baseline.pace


def projected(first_pages: Baseline, load: Baseline | None, pages: int) -> Baseline:
    """Projects the baseline's figures for the complete file from its first pages, except for the measured loading.

    `load` is None if loading took too long. The peak is the larger measured one, which is too low: a complete run holds
    the vectors of all chunks in memory.
    """
    factor = pages / first_pages.pages
    parts = {part: seconds * factor for part, seconds in first_pages.parts.items()}
    if load is not None:
        parts["extract"] = load.parts["extract"]
    peak = max(first_pages.peak, load.peak if load else 0.0)
    return Baseline(pages, round(first_pages.chunks * factor), parts, peak, estimated=True)


def table(comparisons: list[Comparison]) -> str:
    """The figures as a Markdown table; a tilde marks projected values."""
    lines = [
        "| document | pages | chunks, project / baseline | project, s (until ready) | baseline, s "
        "| project, pages/s | baseline, pages/s | ratio | project, peak MB each | baseline, peak MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_row, comparisons)])


def _row(comparison: Comparison) -> str:
    project, baseline = comparison.project, comparison.baseline
    tilde, more = ("~", "> ") if baseline.estimated else ("", "")
    cells = [
        comparison.name,
        str(project.pages),
        f"{project.chunks} / {tilde}{baseline.chunks}",
        f"{project.stored:.1f} ({project.ready:.1f})",
        f"{tilde}{baseline.seconds:.1f}",
        f"{project.pace:.1f}",
        f"{tilde}{baseline.pace:.2f}",
        f"{tilde}{comparison.ratio:.1f}",
        " + ".join(f"{peak:.0f}" for peak in project.peaks),
        f"{more}{baseline.peak:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def split(project: Project) -> str:
    """The functions' time by part, as a Markdown table."""
    lines = ["| part | s, both functions | ms per page |", "|---|---|---|"]
    parts = {**project.parts, "CPU time of all parts": project.cpu}
    lines += [f"| {part} | {spent:.1f} | {spent / project.pages * 1000:.1f} |" for part, spent in parts.items()]
    return "\n".join(lines)


def document(comparison: Comparison) -> dict[str, Any]:
    """A comparison for the result file."""
    project, baseline = comparison.project, comparison.baseline
    return {
        "document": comparison.name,
        "pages": project.pages,
        "ratio": round(comparison.ratio, 1),
        "loadAverage": round(comparison.load, 1),
        "project": {
            "pagesPerSecond": round(project.pace, 2),
            "pagesPerSecondAtDefaultRate": round(project.pace_at_default_rate, 2),
            "chunks": project.chunks,
            "secondsUntilStored": round(project.stored, 2),
            "secondsUntilReady": round(project.ready, 2),
            "secondsByPart": _rounded(project.parts),
            "cpuSeconds": round(project.cpu, 2),
            "peakMegabytes": [round(peak) for peak in project.peaks],
            "functionsWithWork": project.functions,
        },
        "baseline": {
            "pagesPerSecond": round(baseline.pace, 2),
            "chunks": baseline.chunks,
            "seconds": round(baseline.seconds, 2),
            "secondsByPart": _rounded(baseline.parts),
            "peakMegabytes": round(baseline.peak),
            "estimated": baseline.estimated,
        },
    }


def _rounded(parts: dict[str, float]) -> dict[str, float]:
    return {part: round(seconds, 2) for part, seconds in parts.items()}
