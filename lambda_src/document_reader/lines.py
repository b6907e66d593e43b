"""Reads a page's pieces of text from PDFium: their text, position and type.

Requests the complete text once and then a few characters per line: a request per character is ten times slower, and
only made for lines with cells, raised characters or hidden text. Coordinates are PDF points; pages whose text runs
sideways are turned, so that text always runs from left to right.
"""

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from lambda_src.document_reader.cleaning import clean
from lambda_src.document_reader.hidden_text import MIN_SIZE, Box, HiddenText

# A page with more text is no page of a document; its owner gets a notice. Limits a page made to exhaust memory.
MAX_CHARACTERS = 1_000_000
_MAX_RECTANGLES = 60
_LINE_END = re.compile(r"(\r\n|\r|\n|(?<=[\x02\ufffe]))")
_BOLD = re.compile(r"bold|black|heavy|semibold|demi", re.I)
_BOLD_WEIGHT = 600
# A gap of this many type sizes may separate the cells of a table row: between pieces of the content, and anywhere.
# Justified text in narrow columns has such gaps, too.
PART_GAP = 0.45
WIDE_GAP = 0.8
# Of the type size: how far from the baseline a character of another baseline is.
_SHIFT = 0.1
_SAMPLES = 9
# Cells that are apart by spaces, or within a piece of the content: of the type size, more than any character's width.
_SPACES = "   "
_WIDE = 1.1


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line, or a part of one. `left` to `top`: the bounding box. `order`: its place in the page's content.

    `item`: a bullet or number precedes the line. `cells`: the texts of a table row, which has several; `columns` are
    the horizontal extents of its table's columns, and `heads` the columns' names, if the table has them. `detached`:
    something between the previous line and this one was left out. `spaced`: whether white space precedes and follows
    the text. `parts`: how many it is joined of.
    """

    text: str
    size: float
    bold: bool
    left: float
    bottom: float
    right: float
    top: float
    baseline: float
    order: int
    item: bool = False
    cells: tuple[str, ...] = ()
    columns: tuple[tuple[float, float], ...] = ()
    heads: tuple[str, ...] = ()
    detached: bool = False
    spaced: tuple[bool, bool] = (False, False)
    parts: int = 1


class PageText(msgspec.Struct, frozen=True):
    """A page's visible pieces of text in the content's order, and its edges.

    `rules`: the boxes of drawn lines. `unread`: characters beyond what is read. `turns`: by
    how many quarter turns the page was turned clockwise.
    """

    lines: list[Line]
    bottom: float
    top: float
    rules: list[Box]
    hidden_characters: int
    unread: int
    turns: int = 0


def read_text(page: pdfium.PdfPage) -> PageText:
    """The pieces of text of a page."""
    rotation = page.get_rotation()
    textpage = page.get_textpage()
    try:
        turns = _text_turns(textpage)
        if turns * 90 != rotation:
            # PDFium joins characters to lines as the page is displayed.
            textpage.close()
            page.set_rotation(turns * 90)
            textpage = page.get_textpage()
        # Positions and the drawn page, which hidden text is compared with, are those of the page that is not rotated.
        page.set_rotation(0)
        hidden = HiddenText(page, textpage)
        try:
            reader = _Reader(textpage, page.get_bbox(), hidden, turns)
            lines = list(reader.lines())
            _, bottom, _, top = turned(page.get_bbox(), turns)
            rules = [turned(box, turns) for box in hidden.rules]
            return PageText(lines, bottom, top, rules, reader.hidden_characters, reader.unread, turns)
        finally:
            hidden.close()
    finally:
        textpage.close()
        page.set_rotation(rotation)


def turned(box: Box, turns: int) -> Box:
    """The box after turning the page clockwise by quarter turns."""
    left, bottom, right, top = box
    if turns == 1:
        return bottom, -right, top, -left
    if turns == 2:
        return -right, -top, -left, -bottom
    return (-top, left, -bottom, right) if turns == 3 else box


def _text_turns(textpage: pdfium.PdfTextPage) -> int:
    """By how many quarter turns, counterclockwise, most of the page's text is rotated."""
    count = textpage.count_chars()
    matrix = raw.FS_MATRIX()
    turns: Counter[int] = Counter()
    for index in range(0, count, max(count // _SAMPLES, 1)):
        if not raw.FPDFText_IsGenerated(textpage.raw, index) and raw.FPDFText_GetMatrix(textpage.raw, index, matrix):
            turns[round(math.atan2(matrix.b, matrix.a) / (math.pi / 2)) % 4] += 1
    return turns.most_common(1)[0][0] if turns else 0


class _Reader:
    """Reads the lines of one page. Boxes are the page's until a line is built."""

    def __init__(self, textpage: pdfium.PdfTextPage, crop: Box, hidden: HiddenText, turns: int) -> None:
        self._textpage = textpage
        self._crop = crop
        self._hidden = hidden
        self._turns = turns
        self._order = 0
        self.hidden_characters = 0
        self.unread = max(textpage.count_chars() - MAX_CHARACTERS, 0)

    def lines(self) -> Iterator[Line]:
        """The visible pieces of text. Counts the hidden characters."""
        position = 0  # in UTF-16 code units, as PDFium counts
        for piece in _LINE_END.split(self._text()):
            length = len(piece) if piece.isascii() else len(piece.encode("utf-16-le", "surrogatepass")) // 2
            if piece.strip():
                first = raw.FPDFText_GetCharIndexFromTextIndex(self._textpage.raw, position)
                for line in self._line(piece, first, length) if first >= 0 else ():
                    if 0 < line.size < MIN_SIZE:
                        self.hidden_characters += sum(map(str.isalnum, line.text))
                    else:
                        yield line
            position += length

    def _text(self) -> str:
        count = min(self._textpage.count_chars(), MAX_CHARACTERS)
        if count <= 0:
            return ""
        buffer = (ctypes.c_ushort * (count + 1))()
        written = raw.FPDFText_GetText(self._textpage.raw, 0, count, buffer)
        return bytes(buffer)[: 2 * max(written - 1, 0)].decode("utf-16-le", "surrogatepass")

    def _line(self, piece: str, first: int, length: int) -> Iterator[Line]:
        boxes = self._boxes(first, length)
        shown = self._shown(piece, first, boxes)
        self.hidden_characters += sum(map(str.isalnum, piece)) - sum(map(str.isalnum, shown))
        if not all(_inside(box, self._crop) for box in boxes):
            shown = self._within_page(shown, first)
            boxes = [box for box in boxes if _inside(box, self._crop)]
        if not shown.strip() or not boxes:
            return
        probes = [first + offset for offset in _probes(shown)]
        # A footnote mark may be at either end.
        size, probe = (
            max((self._size(index), -index) for index in set(probes))
            if len(boxes) > 1
            else (
                self._size(probes[1]),
                -probes[1],
            )
        )
        baseline = self._baseline(-probe)
        bold = self._is_bold(-probe) and (
            len(boxes) == 1 or all(self._is_bold(index) for index in probes if self._size(index) == size)
        )
        box = _union(turned(box, self._turns) for box in boxes)
        sparse = _SPACES in shown or box[2] - box[0] > _WIDE * size * len(shown)
        if sparse or (len(boxes) > 1 and self._is_split(boxes, size, baseline)):
            yield from self._pieces(shown, first, size, baseline, bold)
        else:
            yield from self._built(shown, size, bold, box, baseline)

    def _built(self, text: str, size: float, bold: bool, box: Box, baseline: float) -> Iterator[Line]:
        spaced = (text[:1].isspace(), text[-1:].isspace())
        text = clean(text)
        if text:
            self._order += 1
            left, bottom, right, top = box
            yield Line(
                text=text,
                size=size,
                bold=bold,
                left=left,
                bottom=bottom,
                right=right,
                top=top,
                baseline=baseline,
                order=self._order,
                spaced=spaced,
            )

    def _is_split(self, boxes: Sequence[Box], size: float, baseline: float) -> bool:
        """Whether runs of the line are apart, or on different baselines."""
        turned_boxes = [turned(box, self._turns) for box in boxes]
        for box, following in pairwise(turned_boxes):
            if following[0] - box[2] > PART_GAP * size or following[0] < box[0]:
                return True
        return any(box[1] > baseline + _SHIFT * size and box[3] - box[1] < 0.8 * size for box in turned_boxes)

    def _pieces(self, text: str, first: int, size: float, baseline: float, bold: bool) -> Iterator[Line]:
        """The parts of a line that are apart from each other or on different baselines."""
        part, box, shift, previous = "", None, 0.0, first
        part_size = size
        for offset, character in enumerate(text):
            if character.isspace():
                part += " "
                continue
            raw_box = self._advance_box(first + offset)
            if raw_box is None:
                part += character
                continue
            character_box = turned(raw_box, self._turns)
            height = self._baseline(first + offset)
            distant = box is not None and self._is_apart(box, character_box, size, previous, first + offset)
            previous = first + offset
            if box is not None and (distant or abs(height - baseline - shift) > _SHIFT * size):
                yield from self._built(part, part_size, bold, box, baseline + shift)
                part, box = "", None
            if box is None:
                shift = height - baseline
                part_size = self._size(first + offset) if abs(shift) > _SHIFT * size else size
            part += character
            box = _union((box, character_box)) if box else character_box
        if box is not None:
            yield from self._built(part, part_size, bold, box, baseline + shift)

    def _is_apart(self, box: Box, following: Box, size: float, index: int, next_index: int) -> bool:
        """Whether a character is apart from the part before it, whose last character has `index`."""
        gap = following[0] - box[2]
        if following[0] < box[0] - 0.1 * size or gap > WIDE_GAP * size:
            return True
        return gap > PART_GAP * size and self._object(index) != self._object(next_index)

    def _object(self, index: int) -> int | None:
        return ctypes.cast(raw.FPDFText_GetTextObject(self._textpage.raw, index), ctypes.c_void_p).value

    def _boxes(self, first: int, length: int) -> list[Box]:
        """The boxes of the line's runs."""
        count = raw.FPDFText_CountRects(self._textpage.raw, first, length)
        left, top, right, bottom = (ctypes.c_double() for _ in range(4))
        boxes = []
        indexes = range(count) if count <= _MAX_RECTANGLES else (*range(_MAX_RECTANGLES - 1), count - 1)
        for index in indexes:
            if raw.FPDFText_GetRect(self._textpage.raw, index, left, top, right, bottom):
                boxes.append((left.value, bottom.value, right.value, top.value))
        return boxes

    def _shown(self, piece: str, first: int, boxes: Sequence[Box]) -> str:
        """The line with spaces in place of hidden characters."""
        if not boxes or not self._hidden.may_hide(_union(boxes)):
            return piece
        characters = list(piece)
        for offset, character in enumerate(piece):
            if not character.isspace() and self._hidden.is_hidden(first + offset, self._character_box):
                characters[offset] = " "
        return "".join(characters)

    def _within_page(self, piece: str, first: int) -> str:
        """The line with spaces in place of the characters outside of the page."""
        characters = list(piece)
        for offset in range(len(piece)):
            box = self._character_box(first + offset)
            if box is None or not _inside(box, self._crop):
                characters[offset] = " "
        return "".join(characters)

    def _character_box(self, index: int) -> Box | None:
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        if not raw.FPDFText_GetCharBox(self._textpage.raw, index, left, right, bottom, top):
            return None
        return left.value, bottom.value, right.value, top.value

    def _advance_box(self, index: int) -> Box | None:
        """The box from the character's origin to the next one's: a narrow digit has the width of the others."""
        rectangle = raw.FS_RECTF()
        if not raw.FPDFText_GetLooseCharBox(self._textpage.raw, index, rectangle):
            return None
        return rectangle.left, rectangle.bottom, rectangle.right, rectangle.top

    def _baseline(self, index: int) -> float:
        x, y = ctypes.c_double(), ctypes.c_double()
        raw.FPDFText_GetCharOrigin(self._textpage.raw, index, x, y)
        return turned((x.value, y.value, x.value, y.value), self._turns)[1]

    def _size(self, index: int) -> float:
        """The visible type size: the font's size, scaled by the text's matrix."""
        matrix = raw.FS_MATRIX()
        scale = 1.0
        if raw.FPDFText_GetMatrix(self._textpage.raw, index, matrix):
            scale = math.hypot(matrix.c, matrix.d)
        size = raw.FPDFText_GetFontSize(self._textpage.raw, index) * scale
        return round(size, 1) if math.isfinite(size) else 0.0

    def _is_bold(self, index: int) -> bool:
        name = ctypes.create_string_buffer(128)
        flags = ctypes.c_int()
        length = raw.FPDFText_GetFontInfo(self._textpage.raw, index, name, 128, flags)
        if 0 < length <= 128 and _BOLD.search(name.value.decode("latin-1")):
            return True
        return int(raw.FPDFText_GetFontWeight(self._textpage.raw, index)) >= _BOLD_WEIGHT


def _union(boxes: "Iterator[Box] | Sequence[Box]") -> Box:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _probes(piece: str) -> tuple[int, int, int]:
    """Offsets of a letter at the start, middle and end. The spaces that PDFium inserts have no font."""
    letters = [offset for offset, character in enumerate(piece) if character.isalnum()]
    letters = letters or [offset for offset, character in enumerate(piece) if not character.isspace()]
    return letters[0], letters[len(letters) // 2], letters[-1]


def _inside(box: Box, crop: Box) -> bool:
    """Whether the box's center is visible."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return crop[0] <= x <= crop[2] and crop[1] <= y <= crop[3]
