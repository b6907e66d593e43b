"""Measures of a ranking of pages: recall and reciprocal rank (Manning, Raghavan, Schütze: Introduction to IR, 8)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from dev.evaluation.questions import PageKey, Question

CUTS = (1, 5, 10)
Values = dict[str, float]


def recall(ranking: Sequence[PageKey], needed: Sequence[frozenset[PageKey]], cut: int) -> float:
    """The share of needed page sets with a page among the first `cut`."""
    seen = set(ranking[:cut])
    return fmean(bool(pages & seen) for pages in needed)


def reciprocal_rank(ranking: Sequence[PageKey], needed: Sequence[frozenset[PageKey]], cut: int = 10) -> float:
    """1 / rank of the first needed page; 0 if it is not among the first `cut`."""
    relevant = frozenset[PageKey]().union(*needed)
    for rank, page in enumerate(ranking[:cut], 1):
        if page in relevant:
            return 1 / rank
    return 0.0


def measure(ranking: Sequence[PageKey], needed: Sequence[frozenset[PageKey]]) -> Values:
    """All measures of one question."""
    values = {f"recall@{cut}": recall(ranking, needed, cut) for cut in CUTS}
    return {**values, "mrr@10": reciprocal_rank(ranking, needed)}


def best_first(pages: Iterable[PageKey]) -> list[PageKey]:
    """The pages of ranked chunks, in the order of their best chunks."""
    return list(dict.fromkeys(pages))


def by_group(questions: Sequence[Question], values: Mapping[str, Values]) -> dict[str, tuple[int, Values]]:
    """Counts and means of the measures over all questions with values, by kind and by language."""
    groups: dict[str, list[Values]] = defaultdict(list)
    for question in questions:
        if question.id in values:
            for group in ("all", question.kind, f"in {question.language}"):
                groups[group].append(values[question.id])
    return {group: (len(members), _means(members)) for group, members in groups.items()}


def _means(members: Sequence[Values]) -> Values:
    return {name: fmean(values[name] for values in members) for name in members[0]}
