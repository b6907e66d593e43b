"""How good a ranking of pages is: recall and reciprocal rank (Manning, Raghavan, Schütze: Introduction to IR, 8)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from dev.evaluation.questions import PageKey, Question

CUTS = (1, 5, 10)
Values = dict[str, float]


def recall(ranking: Sequence[PageKey], needed: Sequence[frozenset[PageKey]], cut: int) -> float:
    """The share of what is needed that the first `cut` pages hold."""
    seen = set(ranking[:cut])
    return fmean(bool(pages & seen) for pages in needed)


def reciprocal_rank(ranking: Sequence[PageKey], needed: Sequence[frozenset[PageKey]], cut: int = 10) -> float:
    """1 over the place of the first page that is needed; 0 when it is not among the first `cut`."""
    wanted = frozenset[PageKey]().union(*needed)
    for place, page in enumerate(ranking[:cut], 1):
        if page in wanted:
            return 1 / place
    return 0.0


def measure(ranking: Sequence[PageKey], needed: Sequence[frozenset[PageKey]]) -> Values:
    """All measures of one question."""
    values = {f"recall@{cut}": recall(ranking, needed, cut) for cut in CUTS}
    return {**values, "mrr@10": reciprocal_rank(ranking, needed)}


def best_first(pages: Iterable[PageKey]) -> list[PageKey]:
    """The pages of ranked chunks, each where its best chunk is."""
    return list(dict.fromkeys(pages))


def by_group(questions: Sequence[Question], values: Mapping[str, Values]) -> dict[str, tuple[int, Values]]:
    """Count and mean of the measures over all questions, each kind and each language, of those that have values."""
    groups: dict[str, list[Values]] = defaultdict(list)
    for question in questions:
        if question.id in values:
            for group in ("all", question.kind, f"in {question.language}"):
                groups[group].append(values[question.id])
    return {group: (len(found), _means(found)) for group, found in groups.items()}


def _means(found: Sequence[Values]) -> Values:
    return {name: fmean(values[name] for values in found) for name in found[0]}
