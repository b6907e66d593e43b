"""Citations are assessed by page, quote, and evidence."""

from pathlib import Path
from typing import Any

import pytest

from dev.evaluation.answers import AnswerAssessment, assess, overlap, read_texts
from dev.evaluation.questions import Place, Question
from tests import handbooks

RIGHT = "You can carry over 240 hours."
QUESTION = Question(
    id="1", question="?", language="en", kind="direct", document="leave.pdf", pages=(4, 5), evidence=RIGHT
)
UNANSWERABLE = Question(id="2", question="?", language="en", kind="unanswerable")
PAGES = {"leave.pdf": {4: f"Annual leave {RIGHT} Ask.", 9: "Something else altogether, on another page."}}


def assessed(question: Question, *citations: tuple[str, int, str], answered: bool = True) -> AnswerAssessment:
    cited = [{"documentId": f"id of {file}", "page": page, "quote": quote} for file, page, quote in citations]
    body: dict[str, Any] = {"answered": answered, "citations": cited, "model": "m"}
    return assess(question, body, lambda identity: identity.removeprefix("id of "), lambda file: PAGES.get(file, {}))


def test_a_correct_citation_has_page_quote_and_evidence() -> None:
    assessment = assessed(QUESTION, ("leave.pdf", 4, "You can carry\n over 240 hours."))
    cited = assessment.citations[0]
    assert (cited.on_right_page, cited.verbatim, cited.overlaps) == (True, True, True)
    assert (assessment.recall, assessment.model) == (1.0, "m")


@pytest.mark.parametrize(
    ("citation", "marks"),
    [
        (("leave.pdf", 4, "You may carry over 240 hours."), (True, False, True)),  # one word differs
        (("leave.pdf", 4, ""), (True, False, False)),
        (("leave.pdf", 9, "Some thing else altogether"), (False, True, False)),  # spaces make addresses inert
        (("leave.pdf", 9, "Something else altogether"), (False, True, False)),
        (("leave.pdf", 9, RIGHT), (False, False, False)),  # correct, but on another page
        (("scan.pdf", 4, RIGHT), (False, None, False)),  # the page's text is unknown
    ],
)
def test_an_incorrect_citation_is_assessed_in_detail(citation: tuple[str, int, str], marks: tuple[Any, ...]) -> None:
    assessment = assessed(QUESTION, citation)
    cited = assessment.citations[0]
    assert (cited.on_right_page, cited.verbatim, cited.overlaps) == marks


def test_a_citation_for_an_unanswerable_question_has_no_right_page() -> None:
    cited = assessed(UNANSWERABLE, ("leave.pdf", 4, RIGHT)).citations[0]
    assert (cited.on_right_page, cited.verbatim, cited.overlaps) == (None, True, None)


def test_one_of_two_needed_pages_is_half_the_recall() -> None:
    both = (Place("leave.pdf", (4,), RIGHT), Place("leave.pdf", (9,), "Something else altogether"))
    question = Question(id="3", question="?", language="en", kind="multi-hop", document="leave.pdf", all_of=both)
    assert assessed(question, ("leave.pdf", 4, RIGHT)).recall == 0.5
    assert assessed(question, ("leave.pdf", 9, "Something else"), ("leave.pdf", 4, RIGHT)).recall == 1.0
    assert assessed(question, answered=False).recall == 0.0


@pytest.mark.parametrize(
    ("quote", "evidence", "overlaps"),
    [
        ("The maximum is 240 hours, by law, in every year.", "maximum is 240 hours", True),
        ("240 hours", "The maximum is 240 hours.", True),
        ("hours of the year are counted", "The maximum is 240 hours.", False),
        ("", "The maximum", False),
        ("- ...", "- ...", False),
    ],
)
def test_overlap_needs_half_of_the_shorter_text(quote: str, evidence: str, overlaps: bool) -> None:
    assert overlap(quote, evidence) is overlaps


def test_page_texts_match_the_ingestions(tmp_path: Path) -> None:
    texts = read_texts(handbooks.FOLDER)
    page = texts("tts_leave_handbook.pdf")[4]
    assert "You can carry over a maximum of 240 annual leave hours, from one leave year to the next." in page
    assert not texts("tts_code_of_conduct_encrypted.pdf")
    assert not texts("missing.pdf")
