"""Files as the model gets them, and why others are not read."""

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lambda_src.chatbot.documents import READ_SECONDS, ReadTask
from lambda_src.chatbot.reader import reading
from lambda_src.chatbot.reader.handler import handler
from lambda_src.shared.file_types import DOCX, MARKDOWN, PDF, PPTX, TEXT
from tests.hostile.files import KINDS
from tests.lambda_src.document_reader.office_files import slides, word
from tests.pdfs import Sheet, Text, text_pdf, write_pdf


def add_slide(presentation: Any, text: str) -> None:
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = text


SAMPLES = Path(__file__).resolve().parents[4] / "samples" / "handbooks"
SCAN = SAMPLES / "tts_veterans_resources_scanned.pdf"
OFFER = word(lambda document: document.add_paragraph("The pump costs 90 euros."))
LETTER = "As férias são de trinta dias, não de vinte, e podem ser divididas em três períodos."
SLIDES = slides(lambda presentation: add_slide(presentation, "They pump water."))
TWO_SLIDES = slides(lambda presentation: [add_slide(presentation, text) for text in ("One.", "Two.")])
# Minutes of CPU time in a few kilobytes.
HEAVY = "many_pages_of_one_heavy_stream"
# Of the function's handler and of the process in which it reads.
STARTUP_SECONDS = 3


def read(name: str, content: bytes) -> dict[str, Any]:
    """The function's result for its event."""
    event = {"name": name, "content": base64.b64encode(content).decode()}
    result: dict[str, Any] = handler(event, None)
    return result


def test_a_pdf_has_the_numbers_of_its_pages_and_its_headings() -> None:
    result = read("Rules.pdf", text_pdf([["# Leave", "Vacation is 30 days."], ["# Pay", "It is paid monthly."]]))

    assert result["contentType"] == PDF
    assert result["pages"] == 2
    assert result["text"].startswith("[Page 1]\n")
    assert "Vacation is 30 days." in result["text"].split("[Page 2]")[0]
    assert "It is paid monthly." in result["text"].split("[Page 2]")[1]
    assert "problem" not in result


@pytest.mark.parametrize(
    ("name", "content", "content_type", "text"),
    [
        ("Offer.docx", OFFER, DOCX, "The pump costs 90 euros."),
        ("NOTES.TXT", LETTER.encode("cp1252"), TEXT, LETTER),
        ("notes.md", b"# Leave\n\n- **30** days", MARKDOWN, "# Leave\n30 days"),
        ("notes", b"Plain words without an ending.", TEXT, "Plain words without an ending."),
    ],
)
def test_other_types_have_no_pages(name: str, content: bytes, content_type: str, text: str) -> None:
    result = read(name, content)

    assert text in result["text"]
    assert result["contentType"] == content_type
    assert "pages" not in result


@pytest.mark.parametrize(
    ("name", "content", "reason", "problem"),
    [
        ("a.pdf", b"", "empty", "The file is empty."),
        ("a.exe", b"MZ\0\0\0\0", "unsupported_type", "of no type that is read"),
        ("a.pdf", b"<html>Not found</html>", "unsupported_type", "has the name of a PDF"),
        ("a.txt", b"word " * 100 + b"\0", "unsupported_type", "of no type that is read"),
        ("a.pdf", b"%PDF-1.7 and no more", "damaged", "damaged or incomplete"),
        (
            "a.doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"),
            "unsupported_type",
            "in the old format",
        ),
        ("a.docx", b"PK\x03\x04 nothing", "damaged", "damaged"),
        ("a.txt", b"  \n ", "empty", "no text"),
        ("a.pdf", SCAN.read_bytes(), "without_text", "its pages are pictures"),
        ("a.pdf", text_pdf([[]]), "without_text", "or empty"),
    ],
)
def test_what_is_not_read_has_a_reason(name: str, content: bytes, reason: str, problem: str) -> None:
    result = read(name, content)

    assert result["reason"] == reason
    assert problem in result["problem"]
    assert "text" not in result


def test_the_model_knows_which_pages_are_pictures(tmp_path: Path) -> None:
    sheets = [Sheet((Text("Vacation is 30 days.", 72, 720),)), Sheet(picture=True)]

    result = read("a.pdf", write_pdf(tmp_path / "a.pdf", sheets).read_bytes())

    assert result["text"].endswith("[Page 2]\n(This page is a picture, whose text was not read.)")
    assert (result["pages"], result["pagesWithoutText"]) == (2, 1)


def test_a_name_is_no_path(tmp_path: Path) -> None:
    outside = tmp_path / "rules.txt"

    for name in (str(outside), "../../rules.txt", "no-folder/rules.txt"):
        assert read(name, b"Vacation is 30 days.")["text"] == "Vacation is 30 days."

    assert not outside.exists()


def test_a_text_has_no_pages_that_are_too_many() -> None:
    result = read("a.txt", b"A rule of ten words is in this line.\n\n" * 100_000)

    assert result["reason"] == "too_long"
    assert "pages" not in result["problem"]


@pytest.mark.parametrize(("name", "content"), [("a.pdf", text_pdf([["One."], ["Two."]])), ("a.pptx", TWO_SLIDES)])
def test_pages_that_people_see_may_be_too_many(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    monkeypatch.setattr(reading, "MAX_PAGES", 1)

    result = read(name, content)

    assert result["reason"] == "too_many_pages"
    assert "2 pages, at most 1" in result["problem"]


def test_a_file_that_is_made_to_take_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # Shorter than the real limits, to save time.
    monkeypatch.setattr(reading, "LIMITS", msgspec.structs.replace(reading.LIMITS, document_seconds=1))

    assert "more memory or time to read" in read("a.pdf", KINDS[HEAVY]())["problem"]


def test_the_longest_document_ends_before_the_functions_timeout() -> None:
    limits = reading.LIMITS

    assert limits.document_seconds + limits.seconds_per_page * reading.MAX_PAGES + STARTUP_SECONDS < READ_SECONDS
    assert limits.total_seconds is not None
    assert limits.total_seconds + STARTUP_SECONDS < READ_SECONDS


def test_a_text_that_is_longer_than_a_response_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_CHARACTERS", 1_000)

    result = reading.read(ReadTask("a.txt", b"word " * 300))

    assert "characters of text" in str(result.problem)
    assert result.reason == "too_long"


def test_a_presentation_has_slides() -> None:
    assert reading.read(ReadTask("a.pptx", SLIDES)).content_type == PPTX
