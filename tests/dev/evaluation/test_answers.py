"""Citations are where and what they claim to be, or they are not."""

from pathlib import Path
from typing import Any

import pytest

from dev.evaluation.answers import Judged, judge, overlap, read_texts
from dev.evaluation.questions import Place, Question
from tests import handbooks

RIGHT = "You can carry over 240 hours."
QUESTION = Question(
    id="1", question="?", language="en", kind="direct", document="leave.pdf", pages=(4, 5), evidence=RIGHT
)
NOWHERE = Question(id="2", question="?", language="en", kind="unanswerable")
PAGES = {"leave.pdf": {4: f"Annual leave {RIGHT} Ask.", 9: "Something else altogether, on another page."}}


def judged(question: Question, *citations: tuple[str, int, str], answered: bool = True) -> Judged:
    cited = [{"documentId": f"id of {file}", "page": page, "quote": quote} for file, page, quote in citations]
    body: dict[str, Any] = {"answered": answered, "citations": cited, "model": "m"}
    return judge(question, body, lambda identity: identity.removeprefix("id of "), lambda file: PAGES.get(file, {}))


def test_a_right_citation_is_right_in_every_way() -> None:
    found = judged(QUESTION, ("leave.pdf", 4, "You can carry\n over 240 hours."))
    cited = found.citations[0]
    assert (cited.on_right_page, cited.verbatim, cited.overlaps) == (True, True, True)
    assert (found.found, found.model) == (1.0, "m")


@pytest.mark.parametrize(
    ("citation", "marks"),
    [
        (("leave.pdf", 4, "You may carry over 240 hours."), (True, False, True)),  # a word is another
        (("leave.pdf", 4, ""), (True, False, False)),
        (("leave.pdf", 9, "Something else altogether"), (False, True, False)),
        (("leave.pdf", 9, RIGHT), (False, False, False)),  # true, but not there
        (("scan.pdf", 4, RIGHT), (False, None, False)),  # the page's text is not known
    ],
)
def test_a_wrong_citation_is_wrong_where_it_is(citation: tuple[str, int, str], marks: tuple[Any, ...]) -> None:
    found = judged(QUESTION, citation)
    cited = found.citations[0]
    assert (cited.on_right_page, cited.verbatim, cited.overlaps) == marks


def test_a_citation_for_what_cannot_be_answered_is_on_no_right_page() -> None:
    cited = judged(NOWHERE, ("leave.pdf", 4, RIGHT)).citations[0]
    assert (cited.on_right_page, cited.verbatim, cited.overlaps) == (None, True, None)


def test_a_question_that_needs_two_pages_has_found_half_with_one() -> None:
    both = (Place("leave.pdf", (4,), RIGHT), Place("leave.pdf", (9,), "Something else altogether"))
    question = Question(id="3", question="?", language="en", kind="multi-hop", document="leave.pdf", all_of=both)
    assert judged(question, ("leave.pdf", 4, RIGHT)).found == 0.5
    assert judged(question, ("leave.pdf", 9, "Something else"), ("leave.pdf", 4, RIGHT)).found == 1.0
    assert judged(question, answered=False).found == 0.0


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
def test_overlap_is_half_of_the_shorter_one_in_a_row(quote: str, evidence: str, overlaps: bool) -> None:
    assert overlap(quote, evidence) is overlaps


def test_pages_texts_are_those_of_the_ingestion(tmp_path: Path) -> None:
    texts = read_texts(handbooks.FOLDER)
    page = texts("tts_leave_handbook.pdf")[4]
    assert "You can carry over a maximum of 240 annual leave hours, from one leave year to the next." in page
    assert not texts("tts_code_of_conduct_encrypted.pdf")
    assert not texts("gone.pdf")
