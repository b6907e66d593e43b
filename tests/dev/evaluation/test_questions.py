from pathlib import Path

import msgspec
import pytest

from dev.evaluation.answers import read_texts
from dev.evaluation.questions import read_questions
from tests.handbooks import FOLDER

QUESTIONS = Path(__file__).resolve().parents[3] / "dev" / "evaluation" / "questions"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_questions_handbooks_exist() -> None:
    questions = read_questions(QUESTIONS / "dev.jsonl") + read_questions(QUESTIONS / "scanned.jsonl")
    assert len({question.id for question in questions}) == len(questions) == 86
    assert sum(not question.answerable for question in questions) == 11
    assert all((FOLDER / place.document).is_file() for question in questions for place in question.evidences)


def test_a_follow_up_refers_to_its_history_and_has_its_evidence_on_each_page() -> None:
    questions = read_questions(QUESTIONS / "follow_ups.jsonl")
    assert {question.id for question in questions} == {f"follow-{number:02}" for number in range(1, 11)}
    assert {question.language for question in questions} == {"en", "pt"}
    texts = read_texts(FOLDER)
    for question in questions:
        assert question.history
        assert question.asked.endswith(question.question)
        for place in question.evidences:
            for page in place.pages:
                assert place.evidence in texts(place.document)[page], (question.id, page)


def test_one_of_the_alternative_pages_is_needed(tmp_path: Path) -> None:
    line = (
        '{"id": "1", "question": "?", "language": "en", "kind": "direct", "document": "a.pdf", "pages": [1, 2],'
        ' "also_ok": [{"document": "b.pdf", "pages": [3]}]}'
    )
    (question,) = read_questions(write(tmp_path / "q.jsonl", line, ""))
    assert question.needed == ({("a.pdf", 1), ("a.pdf", 2), ("b.pdf", 3)},)


def test_a_multi_hop_question_needs_one_page_of_every_entry(tmp_path: Path) -> None:
    line = (
        '{"id": "1", "question": "?", "language": "en", "kind": "multi-hop", "document": "a.pdf", "pages": [1],'
        ' "all_of": [{"document": "a.pdf", "pages": [1]}, {"document": "b.pdf", "pages": [2, 3]}]}'
    )
    (question,) = read_questions(write(tmp_path / "q.jsonl", line))
    assert question.needed == ({("a.pdf", 1)}, {("b.pdf", 2), ("b.pdf", 3)})


def test_an_unanswerable_question_needs_no_page(tmp_path: Path) -> None:
    line = '{"id": "1", "question": "?", "language": "en", "kind": "unanswerable", "document": null, "pages": []}'
    (question,) = read_questions(write(tmp_path / "q.jsonl", line))
    assert (question.answerable, question.needed, question.evidences) == (False, (), ())


def test_an_invalid_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"q\.jsonl, line 2: .*question"):
        read_questions(write(tmp_path / "q.jsonl", "", '{"id": "1"}'))
