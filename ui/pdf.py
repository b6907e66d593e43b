"""A page of a PDF as a picture, with the words of a quote marked."""

import io
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image, ImageChops, ImageDraw

# Sharp on a wide screen, and no more than that: a page may be a poster.
_WIDTH, _HEIGHT, _LARGEST_SCALE = 1400, 2400, 6.0
_MARK, _EDGE = (255, 226, 110), (176, 116, 0)
# Shorter pieces of a quote may stand anywhere on the page.
_SHORTEST_PIECE = 12
_ENOUGH = 0.6
# PDFium is not made for threads, and Streamlit has one a person.
_ONE_AT_A_TIME = threading.Lock()

Box = tuple[float, float, float, float]


class Unreadable(Exception):
    """The file is no PDF that can be drawn, or has no such page."""


@dataclass(frozen=True)
class Picture:
    """A page as PNG; `marked` says whether the quote was found on it."""

    png: bytes
    marked: bool


def picture(data: bytes, page: int, quote: str) -> Picture:
    """The `page` (from 1) of the PDF. Raises `Unreadable`."""
    with _ONE_AT_A_TIME:
        try:
            with pdfium.PdfDocument(data) as document:
                return _drawn(document[page - 1], quote)
        except (pdfium.PdfiumError, IndexError) as error:
            raise Unreadable(str(error)) from error


def _drawn(page: Any, quote: str) -> Picture:
    width, height = page.get_size()
    bitmap = page.render(scale=min(_WIDTH / width, _HEIGHT / height, _LARGEST_SCALE))
    image = bitmap.to_pil().convert("RGB")
    text = page.get_textpage()
    places = found([chr(raw.FPDFText_GetUnicode(text, index)) for index in range(text.count_chars())], quote)
    position = bitmap.get_posconv(page)
    boxes = [_on_picture(position, text.get_charbox(index, loose=True)) for index in places]
    data = io.BytesIO()
    _marked(image, lines(boxes)).save(data, "PNG")
    return Picture(data.getvalue(), bool(places))


def _on_picture(position: Any, box: Box) -> Box:
    """A page may lie on its side: which corner is the upper left one shows on the picture only."""
    (a, b), (c, d) = position.to_bitmap(box[0], box[1]), position.to_bitmap(box[2], box[3])
    return min(a, c), min(b, d), max(a, c), max(b, d)


def found(characters: list[str], quote: str) -> list[int]:
    """The places in `characters` of the quote, none if it is not there.

    Letters and digits alone are compared: a stored text has other spaces than the page, joined hyphenation, ligatures
    in letters. Where something stands in between (a column, a footer), the quote is found in pieces.
    """
    letters, places = list[str](), list[int]()
    for place, character in enumerate(characters):
        for letter in _letters(character):
            letters.append(letter)
            places.append(place)
    page, wanted = "".join(letters), _letters(quote)
    if not wanted:
        return []
    spans = [(start, start + len(wanted))] if (start := page.find(wanted)) >= 0 else list(_pieces(page, wanted))
    if sum(end - start for start, end in spans) < _ENOUGH * len(wanted):
        return []
    return list(dict.fromkeys(place for start, end in spans for place in places[start:end]))


def _letters(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", text).casefold() if one.isalnum())


def _pieces(page: str, wanted: str) -> Iterable[tuple[int, int]]:
    """The longest beginnings of what is left of the quote, one after the other."""
    start = 0
    while len(wanted) - start >= _SHORTEST_PIECE:
        length = _longest(page, wanted[start:])
        if length < _SHORTEST_PIECE:
            start += 1
            continue
        place = page.find(wanted[start : start + length])
        yield place, place + length
        start += length


def _longest(page: str, wanted: str) -> int:
    """How many of the first letters stand on the page together."""
    low, high = 0, len(wanted)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if wanted[:middle] in page else (low, middle - 1)
    return low


def lines(boxes: Iterable[Box]) -> list[Box]:
    """The letters' boxes, those that follow each other in one line as one."""
    joined: list[Box] = []
    for box in boxes:
        if joined and _in_line(joined[-1], box):
            last = joined[-1]
            joined[-1] = min(last[0], box[0]), min(last[1], box[1]), max(last[2], box[2]), max(last[3], box[3])
        else:
            joined.append(box)
    return joined


def _in_line(one: Box, other: Box) -> bool:
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    height = max(one[3] - one[1], 1.0)
    # Two columns have a wide gap between them.
    return overlap > 0.5 * min(height, other[3] - other[1]) and -height < other[0] - one[2] < 3 * height


def _marked(image: Any, boxes: list[Box]) -> Any:
    """Like a highlighter: what is dark stays dark. With an edge, which shows without colour, too."""
    if not boxes:
        return image
    layer = Image.new("RGB", image.size, "white")
    draw = ImageDraw.Draw(layer)
    for left, top, right, bottom in boxes:
        draw.rectangle((left - 2, top - 1, right + 2, bottom + 1), fill=_MARK, outline=_EDGE, width=1)
    return ImageChops.multiply(image, layer)
