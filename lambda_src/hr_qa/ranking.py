"""Fuses lists of hits into one ranking."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from lambda_src.hr_qa.language import names

# The weight of the lexical score relative to the semantic one. Results are about the same from 0.3 to 0.5.
LEXICAL_WEIGHT = 0.4
# The weight of the next best hits of a hit's page, and how many count: what a page is about is in several of them.
PAGE_WEIGHT = 0.2
_SUPPORTING = 2
# The semantic hits that set the scale of their scores.
_CANDIDATES = 50
# A word that more than one in this many titles has names no document.
_FEW = 8


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk from a search. `score` is that search's: the k-NN score, or BM25's."""

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
        """Identifies the chunk."""
        return self.document, self.ordinal


class Ranked(msgspec.Struct, frozen=True):
    """A hit with its fused score. Higher is better; comparable within one question only."""

    hit: Hit
    score: float


def fuse(
    language: str, dense: Sequence[Hit], lexical: Sequence[Hit], named: Collection[str] = frozenset()
) -> list[Ranked]:
    """Ranks the hits best first, each chunk once, by a convex combination of both scores after normalization.

    `dense`: up to 50 semantic hits, up to 25 more in other languages than the question's, which an embedding model
    ranks lower, and up to 25 in the `named` documents. `lexical`: up to 50. Both may have any scale. `language`: the
    question's, or "" to treat all chunks alike.

    Normalized scores keep how far ahead the best hit is, which ranks lose (Bruch, Gai, Ingber: An Analysis of Fusion
    Functions for Hybrid Retrieval, 2023).
    """
    semantic_scores = _semantic_scores(dense, named)
    lexical_scores = _lexical_scores(language, lexical)
    # For a chunk in another language, shared words are no evidence in either direction.
    neutral = sum(lexical_scores.values()) / len(lexical_scores) if lexical_scores else 0.0
    hits = {hit.key: hit for hit in (*lexical, *dense)}
    scores = {}
    for key, hit in hits.items():
        same_language = _same_language(hit, language)
        if same_language or key in semantic_scores:
            lexical_score = lexical_scores.get(key, 0.0 if same_language else neutral)
            scores[key] = semantic_scores.get(key, 0.0) + LEXICAL_WEIGHT * lexical_score
    scores = _supported(scores, hits)
    order = sorted(scores, key=lambda key: (-scores[key], key))
    return [Ranked(hits[key], scores[key]) for key in order]


def named_documents(question: str, titles: Mapping[str, str]) -> frozenset[str]:
    """The documents that a question names: by a word that few titles have. `titles`: document id -> title."""
    title_names = {document: names(title) for document, title in titles.items()}
    frequency = Counter(name for found in title_names.values() for name in found)
    few = max(1, len(titles) // _FEW)
    telling = {name for name in names(question) if 0 < frequency[name] <= few}
    named = frozenset(document for document, found in title_names.items() if telling & found)
    return named if len(named) < len(titles) else frozenset()


def merge(rankings: Sequence[Sequence[Ranked]]) -> list[Ranked]:
    """One ranking from those of several queries, for a question of several parts, or in several wordings.

    The best hits of every query come first: a hit that is found for one part only answers that part.
    """
    if len(rankings) == 1:
        return list(rankings[0])
    merged: dict[tuple[str, int], Ranked] = {}
    for ranking in rankings:
        top = max((ranked.score for ranked in ranking), default=0.0)
        for ranked in ranking:
            score = ranked.score / top if top > 0 else ranked.score
            if ranked.hit.key not in merged or merged[ranked.hit.key].score < score:
                merged[ranked.hit.key] = Ranked(ranked.hit, score)
    return sorted(merged.values(), key=lambda ranked: (-ranked.score, ranked.hit.key))


def _supported(
    scores: Mapping[tuple[str, int], float], hits: Mapping[tuple[str, int], Hit]
) -> dict[tuple[str, int], float]:
    """The scores with a part of those of the best other hits on the same page."""
    pages: dict[tuple[str, int], list[float]] = {}
    for key in sorted(scores, key=lambda key: -scores[key]):
        best = pages.setdefault((hits[key].document, hits[key].page), [])
        if len(best) <= _SUPPORTING:
            best.append(scores[key])
    supported = {}
    for key, score in scores.items():
        best = pages[hits[key].document, hits[key].page]
        # A hit that is not among the best has them all above it.
        others = sum(best) - max(score, best[-1])
        supported[key] = score + PAGE_WEIGHT * others
    return supported


def _same_language(hit: Hit, language: str) -> bool:
    return hit.language == language or not language or not hit.language


def _semantic_scores(dense: Sequence[Hit], named: Collection[str]) -> dict[tuple[str, int], float]:
    """1 for the best hit, 0 for the last of those that are best whatever their language and document."""
    if not dense:
        return {}
    best = sorted((hit.score for hit in dense), reverse=True)
    lowest = best[:_CANDIDATES][-1]
    spread = best[0] - lowest or 1.0
    scores = {hit.key: (hit.score - lowest) / spread for hit in dense}
    others = max((score for key, score in scores.items() if key[0] not in named), default=0.0)
    for document in named:
        of_document = [key for key in scores if key[0] == document]
        # The best chunk of each named document ranks with the best of all.
        gap = others - max((scores[key] for key in of_document), default=0.0)
        for key in of_document:
            scores[key] += max(0.0, gap)
    return scores


def _lexical_scores(language: str, lexical: Sequence[Hit]) -> dict[tuple[str, int], float]:
    """1 for the best hit in the question's language."""
    same_language = [hit for hit in lexical if _same_language(hit, language)]
    best = max((hit.score for hit in same_language), default=0.0)
    return {hit.key: hit.score / best for hit in same_language} if best > 0 else {}
