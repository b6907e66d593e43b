"""
Reports as DOCX and PDF, with their photos.

Both libraries are imported when a file is asked for. The PDF has a font of its own, DejaVu Sans, and writes characters
one after another. Scripts that the font lacks, that are written from right to left, or whose letters change with their
neighbors would come out wrong, so `uncovered` names what the PDF cannot show. Word has fonts for all of them.
"""

import io
import unicodedata
from functools import cache
from pathlib import Path

from ui.photos import convert
from ui.report_document import Document

_FONTS = Path(__file__).with_name("fonts")
_FAMILY = "DejaVu"
# Most reports have no others. The font has all of them, so that it need not be read.
_LATIN = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x250), *b"\n\t"))) | set("–—‘’“”•…€→°")
_SAMPLE = 8
_PHOTO_INCHES = 5.5
_PHOTO_MM = (150, 180)
_POINT_MM = 0.3528


def uncovered(document: Document) -> str:
    """Some of the characters that the PDF cannot show; empty if it can be written."""
    rare = sorted(set(document.texts()) - _LATIN)
    wrong = [character for character in rare if not _is_shown(character)]
    return "".join(wrong[:_SAMPLE])


def _is_shown(character: str) -> bool:
    if unicodedata.category(character) == "Cf":
        # Left out of the PDF: it only directs how others are shown.
        return unicodedata.bidirectional(character) == "BN"
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Mc", "Me"):
        return False
    return unicodedata.bidirectional(character) not in ("R", "AL", "AN") and character in _characters()


@cache
def _characters() -> frozenset[str]:
    """What both weights of the font have."""
    from fontTools.ttLib import TTFont

    with (
        TTFont(_FONTS / "DejaVuSans.ttf", lazy=True) as regular,
        TTFont(_FONTS / "DejaVuSans-Bold.ttf", lazy=True) as bold,
    ):
        return frozenset(map(chr, {*regular.getBestCmap()} & {*bold.getBestCmap()}))


def as_docx(document: Document) -> bytes:
    """The report as a Word file."""
    import docx
    from docx.shared import Inches

    file = docx.Document()
    file.core_properties.title = document.title[:255]
    file.core_properties.author = ""
    file.core_properties.comments = ""
    file.add_heading(document.title, 1)
    file.add_paragraph().add_run(document.severity_text).bold = True
    file.add_paragraph(document.summary)
    for name, value in (*document.facts, *document.history):
        paragraph = file.add_paragraph()
        paragraph.add_run(f"{name}: ").bold = True
        paragraph.add_run(value)
    for section in document.sections:
        file.add_heading(section.heading, 2)
        for item in section.items:
            file.add_paragraph(item, style="List Bullet")
    for description, photo in _safe_photos(document):
        picture = file.add_picture(io.BytesIO(photo))
        # Never wider or higher than a page.
        scale = min(1.0, Inches(_PHOTO_INCHES) / max(picture.width, picture.height))
        picture.width, picture.height = int(picture.width * scale), int(picture.height * scale)
        picture._inline.docPr.set("descr", description)
    output = io.BytesIO()
    file.save(output)
    return output.getvalue()


def as_pdf(document: Document) -> bytes:
    """The report as a PDF. What is `uncovered` would be missing from it."""
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    # By default, texts with "{nb}" would get the number of pages.
    pdf.str_alias_nb_pages = ""
    pdf.set_margin(20)
    pdf.set_title(_written(document.title))
    pdf.set_lang(document.language)
    pdf.add_font(_FAMILY, "", _FONTS / "DejaVuSans.ttf")
    pdf.add_font(_FAMILY, "B", _FONTS / "DejaVuSans-Bold.ttf")
    pdf.add_page()

    def write(text: str, *, size: int = 10, bold: bool = False, indent: int = 0, above: int = 0) -> None:
        pdf.set_font(_FAMILY, "B" if bold else "", size)
        pdf.ln(above)
        pdf.set_x(pdf.l_margin + indent)
        pdf.multi_cell(0, size * _POINT_MM * 1.4, _written(text), align="L", new_x="LMARGIN", new_y="NEXT")

    write(document.title, size=17, bold=True)
    write(document.severity_text, bold=True, above=2)
    write(document.summary, above=2)
    for number, (name, value) in enumerate((*document.facts, *document.history)):
        write(f"{name}: {value}", above=0 if number else 3)
    for section in document.sections:
        write(section.heading, size=12, bold=True, above=4)
        for item in section.items:
            write(f"• {item}", indent=3)
    width, height = _PHOTO_MM
    for description, photo in _safe_photos(document):
        pdf.ln(5)
        pdf.image(io.BytesIO(photo), w=width, h=height, keep_aspect_ratio=True, alt_text=_written(description))
    return bytes(pdf.output())


def _written(text: str) -> str:
    """The text without characters that only direct how others are shown."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf").replace("\t", " ")


def _safe_photos(document: Document) -> list[tuple[str, bytes]]:
    """The photos as upright JPEGs, made in another process: the API keeps photos as they were sent."""
    converted = ((description, convert(photo)) for description, photo in document.photos)
    return [(description, photo.data) for description, photo in converted if not photo.refusal]
