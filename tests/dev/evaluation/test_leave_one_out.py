from dev.evaluation.leave_one_out import best_weight, by_document
from dev.evaluation.measures import Values
from dev.evaluation.questions import Question


def values(score: float) -> dict[str, Values]:
    return {"1": {"recall@5": score, "mrr@10": score}}


def test_the_weight_is_best_on_average_over_corpora() -> None:
    measured = {0.3: [values(0.9), values(0.5)], 0.5: [values(0.8), values(0.7)], 0.7: [values(0.2), values(0.9)]}
    assert best_weight(measured) == 0.5


def test_questions_are_grouped_by_document() -> None:
    questions = [
        Question(id=str(number), question="?", language="en", kind="direct", document=document, pages=(1,))
        for number, document in enumerate(("a", "b", "a"))
    ]
    measures = {str(number): {"recall@5": float(number)} for number in range(3)}
    groups = by_document(questions, measures)
    assert {name: len(group) for name, group in groups.items()} == {"a": 2, "b": 1}
