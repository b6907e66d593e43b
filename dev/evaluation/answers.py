"""Assesses answers: correct refusals, and citations with the right page and quote."""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from dev.evaluation.corpus import MAX_PAGES
from dev.evaluation.correctness import has_figures, share_of_words
from dev.evaluation.measures import recall
from dev.evaluation.questions import PageKey, Question
from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.reader import open_document

# Maps a document's file name to the texts of its pages.
Texts = Callable[[str], Mapping[int, str]]
_OVERLAP = 0.5


class CitationAssessment(msgspec.Struct, frozen=True):
    """An assessed citation. `on_right_page` and `overlaps` are None for unanswerable questions, and `verbatim` is None
    for scanned pages, whose text is not known."""

    page: PageKey
    on_right_page: bool | None
    verbatim: bool | None
    overlaps: bool | None


class AnswerAssessment(msgspec.Struct, frozen=True):
    """An assessed answer. `recall` is the share of needed pages that are cited.

    `has_figures`: answer or quotes have all numbers of the expected answer; `words`: their share of its content words.
    One is None, as `correctness` defines, and both are without an expected answer.
    """

    answered: bool
    citations: tuple[CitationAssessment, ...]
    recall: float
    model: str
    has_figures: bool | None = None
    words: float | None = None


def assess(question: Question, body: Mapping[str, Any], file: Callable[[str], str], texts: Texts) -> AnswerAssessment:
    """`body` is a response of `POST /questions`; `file` maps a document id to its file name."""
    answered = bool(body["answered"])
    cited = tuple(_cited(question, file(citation["documentId"]), citation, texts) for citation in body["citations"])
    pages = [citation.page for citation in cited]
    cited_share = recall(pages, question.needed, len(pages)) if question.answerable else 0.0
    text = "\n".join([body.get("answer", ""), *(citation["quote"] for citation in body["citations"])])
    return AnswerAssessment(
        answered=answered,
        citations=cited,
        recall=cited_share,
        model=str(body.get("model", "")),
        has_figures=has_figures(question.answer, text),
        words=share_of_words(question.answer, text, question.language),
    )


def read_texts(folder: Path) -> Texts:
    """Reads pages as the ingestion does, with collapsed whitespace; no pages for missing or unreadable files."""

    @cache
    def texts(file: str) -> Mapping[int, str]:
        path = folder / file
        if not path.is_file():
            return {}
        try:
            with open_document(path, MAX_PAGES) as document:
                return {page.number: collapsed(page.text) for page in document.read(1, document.page_count)}
        except UnreadableFileError:
            return {}

    return texts


def collapsed(text: str) -> str:
    """Replaces any whitespace with one space."""
    return " ".join(text.split())


def overlap(quote: str, evidence: str) -> bool:
    """Whether the longest common run of words has at least half the words of the shorter text."""
    quote_words, evidence_words = _words(quote), _words(evidence)
    if not quote_words or not evidence_words:
        return False
    run = SequenceMatcher(None, quote_words, evidence_words, autojunk=False).find_longest_match().size
    return run >= _OVERLAP * min(len(quote_words), len(evidence_words))


def _cited(question: Question, file: str, citation: Mapping[str, Any], texts: Texts) -> CitationAssessment:
    page: PageKey = (file, citation["page"])
    quote = collapsed(citation["quote"])
    text = texts(file).get(citation["page"], "")
    # Answers insert spaces into addresses, so that no renderer makes links of them.
    verbatim = bool(quote) and _without_spaces(quote) in _without_spaces(text) if text else None
    if not question.answerable:
        return CitationAssessment(page, None, verbatim, None)
    places = [place for place in question.evidences if file == place.document and citation["page"] in place.pages]
    right = any(page in pages for pages in question.needed)
    return CitationAssessment(page, right, verbatim, any(overlap(quote, place.evidence) for place in places))


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\w+", text.lower())
