"""What answers are worth: refused when they should be, and citations that are where and what they claim to be."""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from dev.evaluation.corpus import MAX_PAGES
from dev.evaluation.measures import recall
from dev.evaluation.questions import PageKey, Question
from lambda_src.hr_qa.ingestion.pdf import PdfError, open_document

# A document's file name -> its pages' texts.
Texts = Callable[[str], Mapping[int, str]]
_OVERLAP = 0.5


class Cited(msgspec.Struct, frozen=True):
    """A citation. `on_right_page`, `overlaps`: None where there is no right page. `verbatim`: None for a page whose
    text was recognised from a picture."""

    page: PageKey
    on_right_page: bool | None
    verbatim: bool | None
    overlaps: bool | None


class Judged(msgspec.Struct, frozen=True):
    """An answer to a question. `found`: the share of the pages needed that are cited."""

    answered: bool
    citations: tuple[Cited, ...]
    found: float
    model: str


def judge(question: Question, body: Mapping[str, Any], file: Callable[[str], str], texts: Texts) -> Judged:
    """`body`: what `POST /questions` answers; `file`: a document's id to the name of its file."""
    answered = bool(body["answered"])
    cited = tuple(_cited(question, file(one["documentId"]), one, texts) for one in body["citations"])
    pages = [one.page for one in cited]
    found = recall(pages, question.needed, len(pages)) if question.answerable else 0.0
    return Judged(answered, cited, found, str(body.get("model", "")))


def read_texts(folder: Path) -> Texts:
    """The pages as the ingestion reads them, white space collapsed; none of a file that is not there or unreadable."""

    @cache
    def texts(file: str) -> Mapping[int, str]:
        path = folder / file
        if not path.is_file():
            return {}
        try:
            with open_document(path, MAX_PAGES) as document:
                return {page.number: collapsed(page.text) for page in document.read(1, document.page_count)}
        except PdfError:
            return {}

    return texts


def collapsed(text: str) -> str:
    """One space for any white space."""
    return " ".join(text.split())


def overlap(quote: str, evidence: str) -> bool:
    """Whether the longest run of words in both is at least half of the shorter one."""
    quoted, known = _words(quote), _words(evidence)
    if not quoted or not known:
        return False
    run = SequenceMatcher(None, quoted, known, autojunk=False).find_longest_match().size
    return run >= _OVERLAP * min(len(quoted), len(known))


def _cited(question: Question, file: str, citation: Mapping[str, Any], texts: Texts) -> Cited:
    page: PageKey = (file, citation["page"])
    quote = collapsed(citation["quote"])
    text = texts(file).get(citation["page"], "")
    verbatim = bool(quote) and quote in text if text else None
    if not question.answerable:
        return Cited(page, None, verbatim, None)
    places = [place for place in question.evidences if file == place.document and citation["page"] in place.pages]
    right = any(page in pages for pages in question.needed)
    return Cited(page, right, verbatim, any(overlap(quote, place.evidence) for place in places))


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\w+", text.lower())
