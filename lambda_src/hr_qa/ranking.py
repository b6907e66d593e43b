"""From two lists of hits to one: which chunks answer the question best, and whether any of them can."""

from collections.abc import Sequence

import msgspec


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that a search found. `score`: that search's own (a cosine, or BM25's)."""

    document: str
    ordinal: int
    page: int
    text: str
    score: float
    title: str = ""
    heading: str = ""
    sentences: tuple[int, ...] = (0,)
    language: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """What makes it this chunk."""
        return self.document, self.ordinal


class Ranked(msgspec.Struct, frozen=True):
    """A chunk with its place among all: the higher the score, the better; only to be compared within one question."""

    hit: Hit
    score: float


RANK_CONSTANT = 60


def fuse(question: str, language: str, dense: Sequence[Hit], lexical: Sequence[Hit]) -> list[Ranked]:
    """Best first; each chunk once. Both lists are best first."""
    scores: dict[tuple[str, int], float] = {}
    hits: dict[tuple[str, int], Hit] = {}
    for found in (dense, lexical):
        for rank, hit in enumerate(found, 1):
            hits.setdefault(hit.key, hit)
            scores[hit.key] = scores.get(hit.key, 0.0) + 1 / (RANK_CONSTANT + rank)
    order = sorted(scores, key=lambda key: (-scores[key], key))
    return [Ranked(hits[key], scores[key]) for key in order]


def fits(question: str, language: str, ranked: Sequence[Ranked], dense: Sequence[Hit], lexical: Sequence[Hit]) -> bool:
    """Whether the chunks may hold an answer; False saves the model's call."""
    return bool(ranked)
