"""Renders a page of a PDF as an image with a quote highlighted."""

import io
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image, ImageChops, ImageDraw

# Sharp on a wide screen; limits the image of a poster-sized page.
_MAX_WIDTH, _MAX_HEIGHT, _MAX_SCALE = 1400, 2400, 6.0
_HIGHLIGHT, _BORDER = (255, 226, 110), (176, 116, 0)
# Shorter pieces of a quote would match by chance.
_MIN_PIECE = 12
_MIN_MATCHED = 0.6
# PDFium is not thread-safe, and Streamlit has one thread per session.
_PDFIUM_LOCK = threading.Lock()

Box = tuple[float, float, float, float]


class UnreadablePage(Exception):
    """The file isn't a readable PDF, or has no such page."""


@dataclass(frozen=True)
class PageImage:
    """A page as PNG."""

    png: bytes
    quote_found: bool


def render(data: bytes, page: int, quote: str) -> PageImage:
    """Renders the `page` (from 1) of a PDF. Raises `UnreadablePage`."""
    with _PDFIUM_LOCK:
        try:
            with pdfium.PdfDocument(data) as document:
                return _render(document[page - 1], quote)
        except (pdfium.PdfiumError, IndexError) as error:
            raise UnreadablePage(str(error)) from error


def _render(page: Any, quote: str) -> PageImage:
    width, height = page.get_size()
    bitmap = page.render(scale=min(_MAX_WIDTH / width, _MAX_HEIGHT / height, _MAX_SCALE))
    image = bitmap.to_pil().convert("RGB")
    text = page.get_textpage()
    characters = [chr(raw.FPDFText_GetUnicode(text, index)) for index in range(text.count_chars())]
    matches = find_quote(characters, quote)
    converter = bitmap.get_posconv(page)
    boxes = [_to_bitmap(converter, text.get_charbox(index, loose=True)) for index in matches]
    data = io.BytesIO()
    _highlight(image, merge_lines(boxes)).save(data, "PNG")
    return PageImage(data.getvalue(), bool(matches))


def _to_bitmap(converter: Any, box: Box) -> Box:
    # On a rotated page, another corner is the upper left one.
    (a, b), (c, d) = converter.to_bitmap(box[0], box[1]), converter.to_bitmap(box[2], box[3])
    return min(a, c), min(b, d), max(a, c), max(b, d)


def find_quote(characters: list[str], quote: str) -> list[int]:
    """The indices of the quote's characters on the page, empty if the page doesn't contain it.

    Compares only letters and digits, because the stored text differs from the page in spaces, hyphenation and
    ligatures. If a column break or a footer interrupts the quote, it is matched in pieces.
    """
    letters, indices = list[str](), list[int]()
    for index, character in enumerate(characters):
        for letter in _letters(character):
            letters.append(letter)
            indices.append(index)
    page, target = "".join(letters), _letters(quote)
    if not target:
        return []
    spans = [(start, start + len(target))] if (start := page.find(target)) >= 0 else list(_pieces(page, target))
    if sum(end - start for start, end in spans) < _MIN_MATCHED * len(target):
        return []
    return list(dict.fromkeys(index for start, end in spans for index in indices[start:end]))


def _letters(text: str) -> str:
    return "".join(character for character in unicodedata.normalize("NFKD", text).casefold() if character.isalnum())


def _pieces(page: str, target: str) -> Iterable[tuple[int, int]]:
    """Spans of the page that match consecutive pieces of the target, each as long as possible."""
    start = 0
    while len(target) - start >= _MIN_PIECE:
        length = _matching_prefix(page, target[start:])
        if length < _MIN_PIECE:
            start += 1
            continue
        index = page.find(target[start : start + length])
        yield index, index + length
        start += length


def _matching_prefix(page: str, target: str) -> int:
    """The length of the target's longest prefix that the page contains."""
    low, high = 0, len(target)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if target[:middle] in page else (low, middle - 1)
    return low


def merge_lines(boxes: Iterable[Box]) -> list[Box]:
    """Merges the boxes of consecutive characters on the same line."""
    merged: list[Box] = []
    for box in boxes:
        if merged and _on_same_line(merged[-1], box):
            last = merged[-1]
            merged[-1] = min(last[0], box[0]), min(last[1], box[1]), max(last[2], box[2]), max(last[3], box[3])
        else:
            merged.append(box)
    return merged


def _on_same_line(left: Box, right: Box) -> bool:
    overlap = min(left[3], right[3]) - max(left[1], right[1])
    height = max(left[3] - left[1], 1.0)
    # Columns have a wide gap between them.
    return overlap > 0.5 * min(height, right[3] - right[1]) and -height < right[0] - left[2] < 3 * height


def _highlight(image: Any, boxes: list[Box]) -> Any:
    """Colors the boxes like a highlighter, and outlines them to be visible without color."""
    if not boxes:
        return image
    layer = Image.new("RGB", image.size, "white")
    draw = ImageDraw.Draw(layer)
    for left, top, right, bottom in boxes:
        draw.rectangle((left - 2, top - 1, right + 2, bottom + 1), fill=_HIGHLIGHT, outline=_BORDER, width=1)
    return ImageChops.multiply(image, layer)
