"""Reads a page's lines from PDFium: their text, position and type.

Requests the complete text once and then a few characters per line: a request per character is ten times slower.
Coordinates are PDF points from the page's lower left corner.
"""

import ctypes
import math
import re
from itertools import pairwise

import msgspec
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from lambda_src.hr_qa.ingestion.cleaning import clean
from lambda_src.hr_qa.ingestion.hidden_text import MIN_SIZE, HiddenText

# Far more than a page can show. Limits a page made to exhaust memory.
MAX_CHARACTERS = 100_000
_MAX_RECTANGLES = 60
_MAX_MARKERS = 500
_LINE_END = re.compile(r"(\r\n|\r|\n)")
_BOLD = re.compile(r"bold|black|heavy|semibold|demi", re.I)
_BOLD_WEIGHT = 600
_MARKER = re.compile(r"(?:[•◦▪▫■□●○‣⁃∙·–*-]|o|\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)])$")
# A gap of this many type sizes separates the cells of a table row.
# Justified text in narrow columns has gaps of nearly one type size.
_CELL_GAP = 1.5


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`left` to `top`: the bounding box. `cells` > 1: a table row. `item`: a bullet or number precedes the line."""

    text: str
    size: float
    bold: bool
    left: float
    bottom: float
    right: float
    top: float
    cells: int = 1
    item: bool = False


class PageText(msgspec.Struct, frozen=True):
    """A page's visible lines, and how many characters of the page are hidden."""

    lines: list[Line]
    hidden_characters: int


def read_lines(page: pdfium.PdfPage) -> PageText:
    """The lines in PDFium's order, which is the content's: column by column."""
    textpage = page.get_textpage()
    hidden = HiddenText(page, textpage)
    try:
        lines, hidden_characters = _lines(textpage, page.get_bbox(), hidden)
        return PageText(_with_markers(lines), hidden_characters)
    finally:
        hidden.close()
        textpage.close()


def _lines(
    textpage: pdfium.PdfTextPage, crop: tuple[float, float, float, float], hidden: HiddenText
) -> tuple[list[Line], int]:
    """The visible lines, and the number of hidden characters."""
    lines = []
    hidden_characters = 0
    position = 0  # in UTF-16 code units, as PDFium counts
    for piece in _LINE_END.split(_text(textpage)):
        length = len(piece) if piece.isascii() else len(piece.encode("utf-16-le", "surrogatepass")) // 2
        if piece.strip():
            shown = _shown(textpage, piece, position, hidden)
            hidden_characters += sum(map(str.isalnum, piece)) - sum(map(str.isalnum, shown))
            line = _line(textpage, shown, position, length, crop) if shown.strip() else None
            if line is not None and 0 < line.size < MIN_SIZE:
                hidden_characters += sum(map(str.isalnum, line.text))
            elif line is not None:
                lines.append(line)
        position += length
    return lines, hidden_characters


def _shown(textpage: pdfium.PdfTextPage, piece: str, position: int, hidden: HiddenText) -> str:
    """The line with spaces in place of hidden characters."""
    first = raw.FPDFText_GetCharIndexFromTextIndex(textpage.raw, position)
    if not hidden.possible or first < 0:
        return piece
    characters = list(piece)
    for offset, character in enumerate(piece):
        if not character.isspace():
            box = _character_box(textpage, first + offset)
            if box is not None and hidden.is_hidden(first + offset, box):
                characters[offset] = " "
    return "".join(characters)


def _character_box(textpage: pdfium.PdfTextPage, index: int) -> tuple[float, float, float, float] | None:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    if not raw.FPDFText_GetCharBox(textpage.raw, index, left, right, bottom, top):
        return None
    return left.value, bottom.value, right.value, top.value


def _text(textpage: pdfium.PdfTextPage) -> str:
    count = min(textpage.count_chars(), MAX_CHARACTERS)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(textpage.raw, 0, count, buffer)
    return bytes(buffer)[: 2 * max(written - 1, 0)].decode("utf-16-le", "surrogatepass")


def _line(
    textpage: pdfium.PdfTextPage, piece: str, position: int, length: int, crop: tuple[float, float, float, float]
) -> Line | None:
    first = raw.FPDFText_GetCharIndexFromTextIndex(textpage.raw, position)
    if first < 0:
        return None
    boxes = _boxes(textpage, first, length)
    if not all(_inside(box, crop) for box in boxes):
        piece = _visible(textpage, piece, first, crop)
        boxes = [box for box in boxes if _inside(box, crop)]
    text = clean(piece)
    if not text or not boxes:
        return None
    probes = [first + offset for offset in _probes(piece)]
    size = _size(textpage, probes[1])
    return Line(
        text=text,
        size=size,
        bold=all(_is_bold(textpage, probe) for probe in probes),
        left=boxes[0][0],
        right=boxes[-1][2],
        bottom=min(box[1] for box in boxes),
        top=max(box[3] for box in boxes),
        cells=_cells(boxes, size),
    )


def _probes(piece: str) -> tuple[int, int, int]:
    """Offsets of a letter at the start, middle and end. The spaces that PDFium inserts have no font."""
    letters = [offset for offset, character in enumerate(piece) if character.isalnum()]
    letters = letters or [offset for offset, character in enumerate(piece) if not character.isspace()]
    return letters[0], letters[len(letters) // 2], letters[-1]


def _boxes(textpage: pdfium.PdfTextPage, first: int, length: int) -> list[tuple[float, float, float, float]]:
    """The boxes (left, bottom, right, top) of the line's runs."""
    count = min(raw.FPDFText_CountRects(textpage.raw, first, length), _MAX_RECTANGLES)
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    boxes = []
    for index in range(count):
        if raw.FPDFText_GetRect(textpage.raw, index, left, top, right, bottom):
            boxes.append((left.value, bottom.value, right.value, top.value))
    return boxes


def _inside(box: tuple[float, float, float, float], crop: tuple[float, float, float, float]) -> bool:
    """Whether the box's center is visible."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return crop[0] <= x <= crop[2] and crop[1] <= y <= crop[3]


def _visible(textpage: pdfium.PdfTextPage, piece: str, first: int, crop: tuple[float, float, float, float]) -> str:
    """The characters of a line that are within the page."""
    kept = []
    for offset, character in enumerate(piece):
        box = _character_box(textpage, first + offset)
        if box is not None and _inside(box, crop):
            kept.append(character)
    return "".join(kept)


def _size(textpage: pdfium.PdfTextPage, index: int) -> float:
    """The visible type size: the font's size, scaled by the text's matrix."""
    matrix = raw.FS_MATRIX()
    scale = 1.0
    if raw.FPDFText_GetMatrix(textpage.raw, index, matrix):
        scale = math.hypot(matrix.c, matrix.d)
    size = raw.FPDFText_GetFontSize(textpage.raw, index) * scale
    return round(size, 1) if math.isfinite(size) else 0.0


def _is_bold(textpage: pdfium.PdfTextPage, index: int) -> bool:
    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    length = raw.FPDFText_GetFontInfo(textpage.raw, index, name, 128, flags)
    if 0 < length <= 128 and _BOLD.search(name.value.decode("latin-1")):
        return True
    return int(raw.FPDFText_GetFontWeight(textpage.raw, index)) >= _BOLD_WEIGHT


def _cells(boxes: list[tuple[float, float, float, float]], size: float) -> int:
    gaps = 0
    for box, following in pairwise(boxes):
        same_line = min(box[3], following[3]) > max(box[1], following[1])
        gaps += same_line and following[0] - box[2] > _CELL_GAP * size
    return 1 + gaps


def _with_markers(lines: list[Line]) -> list[Line]:
    """Removes separate bullets and numbers, and marks the lines that they precede as items."""
    markers = [line for line in lines if _MARKER.fullmatch(line.text)]
    if not markers:
        return lines
    rest = [line for line in lines if not _MARKER.fullmatch(line.text)]
    if len(markers) > _MAX_MARKERS:
        return rest
    return [msgspec.structs.replace(line, item=True) if _has_marker(line, markers) else line for line in rest]


def _has_marker(line: Line, markers: list[Line]) -> bool:
    for marker in markers:
        middle = (marker.bottom + marker.top) / 2
        if line.bottom <= middle <= line.top and 0 <= line.left - marker.right < 4 * line.size:
            return True
    return False
