"""Textract's lines become the text of a scanned page."""

from pathlib import Path
from typing import Any

import pytest

from lambda_src.document_reader.reader import open_document
from lambda_src.hr_qa.ingestion.ocr import Ocr
from lambda_src.shared.errors import Unavailable
from tests.fakes import client_error

SCAN = Path(__file__).parents[4] / "samples" / "handbooks" / "tts_veterans_resources_scanned.pdf"


class FakeTextract:
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.images: list[bytes] = []

    def detect_document_text(self, *, Document: dict[str, bytes]) -> Any:
        self.images.append(Document["Bytes"])
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Blocks": self.answer}


def line(text: str, confidence: float = 99.0) -> dict[str, Any]:
    return {"BlockType": "LINE", "Text": text, "Confidence": confidence}


def test_the_recognized_lines_become_the_pages_text() -> None:
    word = {"BlockType": "WORD", "Text": "veterans"}
    textract = FakeTextract([{"BlockType": "PAGE"}, line("Resources for veterans"), word, line("~~", 20.0)])
    with open_document(SCAN, 10) as document:
        (page,) = document.read(1, 1)
        assert page.needs_ocr
        recognized = Ocr(textract).read(document, page)

    assert recognized.has_text
    assert recognized.text == "Resources for veterans"
    assert textract.images[0].startswith(b"\x89PNG")


def test_a_scan_without_words_stays_a_page_without_text() -> None:
    with open_document(SCAN, 10) as document:
        (page,) = document.read(1, 1)
        assert not Ocr(FakeTextract([])).read(document, page).has_text


def test_a_textract_failure_is_unavailable() -> None:
    textract = FakeTextract(client_error("ProvisionedThroughputExceededException"))
    with open_document(SCAN, 10) as document, pytest.raises(Unavailable):
        Ocr(textract).read(document, document.read(1, 1)[0])
