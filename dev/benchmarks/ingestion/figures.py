"""What is measured of each side, what follows from it, and how it is said."""

from typing import Any, NamedTuple

FUNCTIONS = 2
AIM = 10.0
AIM_MEGABYTES = 512
# The default stage's `embedding_rate`: calls a second of all functions together.
DEFAULT_RATE = 30


class Ours(NamedTuple):
    """`stored`: seconds from the file's event until the last chunk was stored; `ready`: until it was published.

    `parts`: seconds of both functions together. `functions`: those that had work.
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
        """Pages a second."""
        return self.pages / self.stored

    @property
    def pace_at_default_rate(self) -> float:
        """Pages a second that the default rate of calls to the model lets through, one call a chunk."""
        return min(self.pace, DEFAULT_RATE * self.pages / self.chunks)


class Peer(NamedTuple):
    """`parts`: seconds, one after the other. `estimated`: the file's own figures are not all measured."""

    pages: int
    chunks: int
    parts: dict[str, float]
    peak: float
    estimated: bool = False

    @property
    def seconds(self) -> float:
        """From the file to the last chunk stored."""
        return sum(self.parts.values())

    @property
    def pace(self) -> float:
        """Pages a second."""
        return self.pages / self.seconds


class Comparison(NamedTuple):
    """One document. `load`: the machine's load average of the last minute, after ours had run or both.

    The benchmark itself makes 2 to 3; more makes the figures worth less.
    """

    name: str
    ours: Ours
    peer: Peer
    load: float

    @property
    def ratio(self) -> float:
        """Of the paces: how many times as fast ours is."""
        return self.ours.pace / self.peer.pace


def whole(some: Peer, load: Peer | None, pages: int) -> Peer:
    """The peer's figures for a whole file, projected from those of its first pages; loading as it was measured on all.

    `load` is None where that took too long. The peak is the larger of what was seen, and so too small: in earnest the
    peer has the vectors of all chunks in memory at once.
    """
    factor = pages / some.pages
    parts = {part: seconds * factor for part, seconds in some.parts.items()}
    if load is not None:
        parts["extract"] = load.parts["extract"]
    peak = max(some.peak, load.peak if load else 0.0)
    return Peer(pages, round(some.chunks * factor), parts, peak, estimated=True)


def table(comparisons: list[Comparison]) -> str:
    """The figures as a Markdown table; a tilde before what is projected."""
    lines = [
        "| document | pages | chunks, ours / peer | ours, s (until ready) | peer, s | ours, pages/s | peer, pages/s "
        "| ratio | ours, peak MB each | peer, peak MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_row, comparisons)])


def _row(one: Comparison) -> str:
    ours, peer = one.ours, one.peer
    tilde, more = ("~", "> ") if peer.estimated else ("", "")
    cells = [
        one.name,
        str(ours.pages),
        f"{ours.chunks} / {tilde}{peer.chunks}",
        f"{ours.stored:.1f} ({ours.ready:.1f})",
        f"{tilde}{peer.seconds:.1f}",
        f"{ours.pace:.1f}",
        f"{tilde}{peer.pace:.2f}",
        f"{tilde}{one.ratio:.1f}",
        " + ".join(f"{peak:.0f}" for peak in ours.peaks),
        f"{more}{peer.peak:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def split(ours: Ours) -> str:
    """Where the functions' time went, as a Markdown table."""
    lines = ["| part | s, both functions | ms a page |", "|---|---|---|"]
    parts = {**ours.parts, "CPU time of all parts": ours.cpu}
    lines += [f"| {part} | {spent:.1f} | {spent / ours.pages * 1000:.1f} |" for part, spent in parts.items()]
    return "\n".join(lines)


def document(one: Comparison) -> dict[str, Any]:
    """What is kept of a comparison."""
    ours, peer = one.ours, one.peer
    return {
        "document": one.name,
        "pages": ours.pages,
        "ratio": round(one.ratio, 1),
        "loadAverage": round(one.load, 1),
        "ours": {
            "pagesPerSecond": round(ours.pace, 2),
            "pagesPerSecondAtDefaultRate": round(ours.pace_at_default_rate, 2),
            "chunks": ours.chunks,
            "secondsUntilStored": round(ours.stored, 2),
            "secondsUntilReady": round(ours.ready, 2),
            "secondsByPart": _rounded(ours.parts),
            "cpuSeconds": round(ours.cpu, 2),
            "peakMegabytes": [round(peak) for peak in ours.peaks],
            "functionsWithWork": ours.functions,
        },
        "peer": {
            "pagesPerSecond": round(peer.pace, 2),
            "chunks": peer.chunks,
            "seconds": round(peer.seconds, 2),
            "secondsByPart": _rounded(peer.parts),
            "peakMegabytes": round(peer.peak),
            "estimated": peer.estimated,
        },
    }


def _rounded(parts: dict[str, float]) -> dict[str, float]:
    return {part: round(seconds, 2) for part, seconds in parts.items()}
