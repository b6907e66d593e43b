"""From two lists of hits to one: which chunks answer the question best, and whether any of them can."""

from collections.abc import Sequence

import msgspec

from lambda_src.hr_qa.language import content_words, names

# What the search by words counts beside the search by meaning. From 0.4 to 0.7 it makes no difference.
WORDS_WEIGHT = 0.5
# The best chunks that are looked at for whether anything fits.
_LOOKED_AT = 5
# At least this share of the question's words must stand together in one of them. Every seventh is little: people ask
# in other words than the documents use.
_SHARED = 0.15
# A chunk with this share of the question's words fits, whatever its distance.
_SHARED_WELL = 0.5


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that a search found. `score`: that search's own (the k-NN score, or BM25's)."""

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
    """A chunk and how well it answers: the higher the better; comparable within one question only."""

    hit: Hit
    score: float


def fuse(question: str, language: str, dense: Sequence[Hit], lexical: Sequence[Hit]) -> list[Ranked]:
    """Best first; each chunk once. A convex combination of both scores, each brought to its own list's range.

    `dense`: up to 50 by meaning, and better still up to 25 more in other languages than the question's: an embedding
    model prefers the question's language, and chunks in another are not among its first 50. `lexical`: up to 50 by
    words. Their scores may be on any scale. `language`: the question's, or "" (then all chunks are treated alike).

    Brought to a range, scores keep what ranks lose: how far the best is ahead (Bruch, Gai, Ingber: An Analysis of
    Fusion Functions for Hybrid Retrieval, 2023).
    """
    by_meaning = _by_meaning(question, language, dense)
    by_words = _by_words(language, lexical)
    # Words say nothing about a chunk in another language, neither for it nor against.
    neutral = sum(by_words.values()) / len(by_words) if by_words else 0.0
    hits = {hit.key: hit for hit in (*lexical, *dense)}
    scores = {}
    for key, hit in hits.items():
        own = _alike(hit, language)
        if own or key in by_meaning:
            scores[key] = by_meaning.get(key, 0.0) + WORDS_WEIGHT * by_words.get(key, 0.0 if own else neutral)
    order = sorted(scores, key=lambda key: (-scores[key], key))
    return [Ranked(hits[key], scores[key]) for key in order]


def _alike(hit: Hit, language: str) -> bool:
    return hit.language == language or not language or not hit.language


def _by_meaning(question: str, language: str, dense: Sequence[Hit]) -> dict[tuple[str, int], float]:
    """1 for the best, 0 for the last one in the question's language."""
    if not dense:
        return {}
    own = [hit for hit in dense if _alike(hit, language)] or list(dense)
    lowest = min(hit.score for hit in own)
    spread = max(hit.score for hit in dense) - lowest or 1.0
    scores = {hit.key: (hit.score - lowest) / spread for hit in dense}
    named = _named(question, own, [hit for hit in dense if not _alike(hit, language)])
    if named:
        # The person named that document: its best chunk is worth as much as the best in the question's language.
        behind = max(scores[hit.key] for hit in own) - max(scores[hit.key] for hit in named)
        for hit in named:
            scores[hit.key] += max(0.0, behind)
    return scores


def _named(question: str, own: Sequence[Hit], others: Sequence[Hit]) -> list[Hit]:
    """Those of `others` whose title has a name of the question: a word that `own`, in its language, does not use."""
    asked = names(question)
    candidates = [hit for hit in others if asked & names(hit.title)]
    if not candidates:
        return []
    ordinary: set[str] = set()
    for hit in own:
        ordinary |= names(f"{hit.title} {hit.text}")
    asked -= ordinary
    return [hit for hit in candidates if asked & names(hit.title)]


def _by_words(language: str, lexical: Sequence[Hit]) -> dict[tuple[str, int], float]:
    """1 for the best of those in the question's language."""
    own = [hit for hit in lexical if _alike(hit, language)]
    best = max((hit.score for hit in own), default=0.0)
    return {hit.key: hit.score / best for hit in own} if best > 0 else {}


def is_answerable(
    question: str, language: str, ranked: Sequence[Ranked], dense: Sequence[Hit], floor: float | None = None
) -> bool:
    """Whether the best chunks may hold an answer; False saves the model's call.

    Meant for questions about something else altogether. One that is close to the documents but not answered by them
    looks like one that is answered in other words: the model has to refuse it.

    `floor`: a k-NN score that answerable questions hardly ever stay below, measured for the embedding model (see
    `evaluation.compare`); without one, words alone decide.
    """
    if not ranked:
        return False
    shared = _shared(question, language, ranked)
    # In another language the words could not be the same.
    if shared < _SHARED and _alike(ranked[0].hit, language):
        return False
    far = floor is not None and bool(dense) and max(hit.score for hit in dense) < floor
    return not far or shared >= _SHARED_WELL


def _shared(question: str, language: str, ranked: Sequence[Ranked]) -> float:
    """The largest share of the question's words that one of the best chunks has."""
    asked = set(content_words(question, language))
    if not asked:
        return 1.0
    best = 0
    for one in ranked[:_LOOKED_AT]:
        hit = one.hit
        best = max(
            best, len(asked.intersection(content_words(f"{hit.title}\n{hit.heading}\n{hit.text}", hit.language)))
        )
    return best / len(asked)
