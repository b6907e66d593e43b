import pytest

from dev.evaluation.measures import best_first, by_group, measure, recall, reciprocal_rank
from dev.evaluation.questions import Question

A1, A2, B1, C1, C2, C3 = (("a", 1), ("a", 2), ("b", 1), ("c", 1), ("c", 2), ("c", 3))
RANKING = [C1, A2, C2, C3, A1, B1]


@pytest.mark.parametrize(
    ("needed", "cut", "expected"),
    [
        ([{A1, A2}], 1, 0.0),
        ([{A1, A2}], 2, 1.0),
        ([{A2}, {B1}], 5, 0.5),
        ([{A2}, {B1}], 6, 1.0),
        ([{("d", 1)}], 10, 0.0),
    ],
)
def test_recall_is_the_share_of_needed_pages(needed: list[set[tuple[str, int]]], cut: int, expected: float) -> None:
    assert recall(RANKING, [frozenset(pages) for pages in needed], cut) == expected


def test_the_reciprocal_rank_is_that_of_the_first_needed_page() -> None:
    assert reciprocal_rank(RANKING, [frozenset({B1}), frozenset({A1})]) == 1 / 5
    assert reciprocal_rank(RANKING, [frozenset({A1})], cut=4) == 0.0
    assert reciprocal_rank([], [frozenset({A1})]) == 0.0


def test_all_measures_of_a_question() -> None:
    expected = {"recall@1": 0.0, "recall@5": 1.0, "recall@10": 1.0, "mrr@10": 0.5}
    assert measure(RANKING, [frozenset({A2, A1})]) == expected


def test_a_page_is_ranked_by_its_best_chunk() -> None:
    assert best_first([C1, A1, C1, B1, A1]) == [C1, A1, B1]


def test_means_by_kind_and_language_omit_questions_without_values() -> None:
    def question(number: int, kind: str, language: str) -> Question:
        return Question(id=str(number), question="?", kind=kind, language=language)

    questions = [question(1, "direct", "en"), question(2, "direct", "pt"), question(3, "unanswerable", "en")]
    groups = by_group(questions, {"1": {"recall@1": 1.0}, "2": {"recall@1": 0.0}})
    assert groups == {
        "all": (2, {"recall@1": 0.5}),
        "direct": (2, {"recall@1": 0.5}),
        "in en": (1, {"recall@1": 1.0}),
        "in pt": (1, {"recall@1": 0.0}),
    }
