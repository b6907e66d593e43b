"""Counts of many rows, added up before they are written."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from lambda_src.credit_risk.counters import PER_UPDATE, Counters, Counts, Subject, add

# DynamoDB's limit for a transaction is 100 writes, one of which may be the batch's own.
MAX_WRITES = 99
# Model, day and subject.
Key = tuple[str, str, Subject]


class Tallies:
    """Counts by model, day and subject."""

    def __init__(self) -> None:
        self._counts: dict[Key, dict[str, int]] = {}

    def add(self, model: str, day: str, subject: Subject, counts: Counts) -> None:
        """Adds the counts of a row."""
        add(self._counts.setdefault((model, day, subject), {}), counts)

    def size_with(self, keys: Collection[Key]) -> int:
        """How many writes there are at most when counts of these keys are added, of a row each."""
        return sum(-(-len(counts) // PER_UPDATE) for counts in self._counts.values()) + len(keys)

    def writes(self, counters: Counters) -> list[dict[str, Any]]:
        """The updates that raise the counters: the same ones, in the same order, for the same rows."""
        return [
            write
            for (model, day, subject), counts in sorted(self._counts.items())
            for write in counters.writes(model, day, subject, dict(sorted(counts.items())))
        ]


def parts(writes: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    """The writes in as many as a transaction takes."""
    for start in range(0, len(writes), MAX_WRITES):
        yield writes[start : start + MAX_WRITES]
