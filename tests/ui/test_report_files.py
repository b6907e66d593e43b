"""Reports as PDF and DOCX."""

import io
import re
import subprocess
import sys
import zipfile

import docx
import pypdfium2
import pytest
from PIL import Image

from tests.ui.fake_api import HOSTILE, png
from ui import report_files
from ui.report_document import Document, Section, as_text, clean


def document(**changes: object) -> Document:
    fields: dict[str, object] = {
        "language": "en", "title": "Pump 4 leaks", "severity": "high", "severity_text": "Severity: high",
        "summary": "It leaks.\nIt was shut down.", "facts": (("Location", "Hall B"),),
        "history": (("Created", "2026-11-28 07:00"),),
        "sections": (Section("symptoms", "Symptoms", ("Oil on the floor", "96 °C")),),
    }  # fmt: skip
    return Document(**{**fields, **changes})  # type: ignore[arg-type]


def pdf_text(data: bytes) -> str:
    pages = [page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(data)]
    return " ".join(" ".join(pages).split())


def docx_text(data: bytes) -> str:
    return "\n".join(paragraph.text for paragraph in docx.Document(io.BytesIO(data)).paragraphs)


def jpeg(width: int, height: int) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(output, "JPEG")
    return output.getvalue()


def test_both_files_have_every_text() -> None:
    for text in (pdf_text(report_files.as_pdf(document())), docx_text(report_files.as_docx(document()))):
        for part in ("Pump 4 leaks", "Severity: high", "It was shut down.", "Location: Hall B", "07:00", "96 °C"):
            assert part in text


def test_both_files_have_the_photos_with_descriptions() -> None:
    photos = (("Photo 1", png(60, 40, "#24516b")), ("Photo 2", jpeg(1200, 4000)))
    pdf = pypdfium2.PdfDocument(report_files.as_pdf(document(photos=photos)))
    images = [found for page in pdf for found in page.get_objects() if found.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]
    assert len(images) == 2
    for image in images:
        left, bottom, right, top = image.get_bounds()
        assert 0 < left < right < 595
        assert 0 < bottom < top < 842

    file = docx.Document(io.BytesIO(report_files.as_docx(document(photos=photos))))
    assert [shape._inline.docPr.get("descr") for shape in file.inline_shapes] == ["Photo 1", "Photo 2"]
    assert all(shape.height.inches <= 5.5 for shape in file.inline_shapes)


def test_a_photo_that_nothing_reads_is_left_out() -> None:
    broken = (("Photo 1", b"\xff\xd8\xff broken"),)
    assert "Pump 4 leaks" in pdf_text(report_files.as_pdf(document(photos=broken)))
    assert not docx.Document(io.BytesIO(report_files.as_docx(document(photos=broken)))).inline_shapes


@pytest.mark.parametrize("hostile", [HOSTILE, "{nb} **bold** __line__ --gone-- (a) Tj \\n <</S /JavaScript>>"])
def test_texts_are_not_read_as_markup(hostile: str) -> None:
    sections = (Section("causes", hostile, (hostile,)),)
    everywhere = document(title=hostile, summary=hostile, facts=((hostile, hostile),), sections=sections)
    pdf = report_files.as_pdf(everywhere)
    plain = re.sub(r"\s+", "", hostile)
    assert re.sub(r"\s+", "", pdf_text(pdf)).count(plain) == 6
    assert b"/URI" not in pdf
    assert b"/JavaScript" not in pdf.replace(b"/S /JavaScript", b"")
    file = report_files.as_docx(everywhere)
    assert docx_text(file).count(hostile) == 6
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert b"hyperlink" not in archive.read("word/document.xml")


@pytest.mark.parametrize(
    "text", ["Olá, ção — 96 °C", "Привет", "Καλημέρα", "Łódź, Čeština, tiếng Việt", "e\u0301", "a\u200bb\u00adc"]
)
def test_the_pdf_shows_what_it_covers(text: str) -> None:
    covered = document(summary=clean(text))
    assert report_files.uncovered(covered) == ""
    visible = re.sub("[\u200b\u00ad]", "", clean(text))
    assert visible in pdf_text(report_files.as_pdf(covered))
    assert clean(text) in docx_text(report_files.as_docx(covered))


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("日本", "日本"),
        ("नम", "नम"),
        ("ไทย", "ทยไ"),
        ("سلام", "اسلم"),
        ("שלום", "ולםש"),
        ("🔧", "🔧"),
        ("q\u0301", "\u0301"),
    ],
)
def test_what_the_pdf_cannot_show_is_named_and_stays_in_the_word_file(text: str, characters: str) -> None:
    report = document(sections=(Section("parts", "Parts", (clean(text),)),))
    assert report_files.uncovered(report) == characters
    assert clean(text) in docx_text(report_files.as_docx(report))


def test_the_fonts_have_all_that_is_not_looked_up() -> None:
    assert report_files._LATIN - {"\n", "\t", "\xad"} <= report_files._characters()


def test_control_characters_end_no_file() -> None:
    report = document(title=clean("a\x00b\x0bc\ud800d\uffffe\tf"))
    assert "abcde f" in pdf_text(report_files.as_pdf(report))
    assert "abcde\tf" in docx_text(report_files.as_docx(report))
    assert "abcde\tf" in as_text(report)


def test_long_reports_and_long_words_stay_on_the_pages() -> None:
    report = document(summary="x" * 3_000, sections=(Section("parts", "Parts", ("word " * 60,) * 60),))
    pages = pypdfium2.PdfDocument(report_files.as_pdf(report))
    assert len(pages) > 3
    for page in pages:
        for found in page.get_objects():
            assert found.get_bounds()[2] <= 595


def test_no_library_is_imported_before_a_file_is_asked_for() -> None:
    code = "import sys, ui.pages.summarization; print(*({'docx', 'fpdf', 'fontTools'} & {*sys.modules}))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == ""
