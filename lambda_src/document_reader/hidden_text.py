"""Finds text that a page has but does not show: invisible, transparent, tiny, in the background's color, or covered.

A reader does not see it, so it must not become an answer. The text layer of a scanned page is invisible or covered,
too, and stays: a page is a scan if an image covers most of it.

Not found: text in a color that resembles a colored background, and text outside of clipping paths.
"""

import ctypes
from collections.abc import Callable, Iterator

import msgspec
import pypdfium2 as pdfium
import pypdfium2.raw as raw

Box = tuple[float, float, float, float]

# Points. Smaller type is unreadable on paper.
MIN_SIZE = 1.5
# Of 255. Text lighter than this may have the color of the paper.
_LIGHT = 225
_MIN_ALPHA = 26
# Points. Thinner paths are rules and underlines, which cover no text.
_MIN_COVER = 4
# Of 255: the difference between the darkest and the lightest pixel where text is visible.
_MIN_CONTRAST = 24
# The share of the page that a scan's image covers.
_SCAN_SHARE = 0.7
_RENDER_SCALE = 1.5
_MAX_PIXELS = 4_000_000
# Limits a page made to exhaust its reader. Objects beyond are treated as visible.
_MAX_OBJECTS = 20_000
_MAX_DEPTH = 5
_MAX_RULES = 2_000


class _Cover(msgspec.Struct, frozen=True):
    """An image or a filled path, and its position in the painting order."""

    position: int
    is_image: bool
    box: Box


class _Objects(msgspec.Struct):
    """A page's text objects by address, in three groups, and what may cover text."""

    # Text that is never painted, and stays on a scan only.
    unpainted: set[int]
    # Text that may not be visible: the pixels decide.
    doubtful: set[int]
    covers: list[_Cover]
    order: dict[int, int]
    # Thin paths.
    rules: list[Box]


class HiddenText:
    """The hidden characters of one page. Built with few calls; pixels are drawn only when they decide."""

    def __init__(self, page: pdfium.PdfPage, textpage: pdfium.PdfTextPage) -> None:
        self._page = page
        self._textpage = textpage
        self._objects = _scan(page)
        self._is_scan = self._covers_most()
        self._first = min(self._objects.order.values(), default=0)
        self._covers: list[_Cover] = []
        self._bitmap: pdfium.PdfBitmap | None = None

    @property
    def rules(self) -> list[Box]:
        """The page's thin filled rectangles and straight lines, which separate the rows of tables."""
        return self._objects.rules

    def may_hide(self, line: Box) -> bool:
        """Whether text of the line with this box may be hidden. Most text is not, and needs no look at characters."""
        objects = self._objects
        self._covers = [cover for cover in objects.covers if cover.position > self._first and _overlap(cover.box, line)]
        return bool((objects.unpainted and not self._is_scan) or objects.doubtful or self._covers)

    def is_hidden(self, index: int, character_box: Callable[[int], Box | None]) -> bool:
        """Whether the character with this index, of the line that `may_hide` was asked about, is not visible."""
        address = ctypes.cast(raw.FPDFText_GetTextObject(self._textpage.raw, index), ctypes.c_void_p).value
        if address is None:
            return False
        if address in self._objects.unpainted:
            return not self._is_scan
        position = self._objects.order.get(address)
        later = [cover for cover in self._covers if position is not None and cover.position > position]
        doubtful = address in self._objects.doubtful
        box = character_box(index) if later or doubtful else None
        if box is None:
            return False
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        over = {cover.is_image for cover in later if _overlap(cover.box, (x, y, x, y))}
        if True in over:
            return not self._is_scan
        return (doubtful or False in over) and self._contrast(box) < _MIN_CONTRAST

    def close(self) -> None:
        """Frees the drawn page."""
        if self._bitmap is not None:
            self._bitmap.close()

    def _covers_most(self) -> bool:
        left, bottom, right, top = self._page.get_bbox()
        area = max((right - left) * (top - bottom), 1.0)
        for cover in self._objects.covers:
            box = cover.box
            width = min(box[2], right) - max(box[0], left)
            height = min(box[3], top) - max(box[1], bottom)
            if cover.is_image and width > 0 and height > 0 and width * height >= _SCAN_SHARE * area:
                return True
        return False

    def _contrast(self, box: Box) -> int:
        """The difference between the lightest and the darkest pixel of the drawn page in the box."""
        if self._bitmap is None:
            width, height = self._page.get_size()
            scale = min(_RENDER_SCALE, (_MAX_PIXELS / max(width * height, 1)) ** 0.5)
            self._bitmap = self._page.render(scale=scale, grayscale=True)
        bitmap = self._bitmap
        left, bottom, right, top = self._page.get_bbox()
        per_x, per_y = bitmap.width / max(right - left, 1), bitmap.height / max(top - bottom, 1)
        columns = range(max(int((box[0] - left) * per_x), 0), min(int((box[2] - left) * per_x) + 1, bitmap.width))
        rows = range(max(int((top - box[3]) * per_y), 0), min(int((top - box[1]) * per_y) + 1, bitmap.height))
        if not columns or not rows:
            return 255
        view = memoryview(bitmap.buffer).cast("B")
        lines = [view[row * bitmap.stride + columns.start : row * bitmap.stride + columns.stop] for row in rows]
        return max(map(max, lines)) - min(map(min, lines))


def _scan(page: pdfium.PdfPage) -> _Objects:
    objects = _Objects(unpainted=set(), doubtful=set(), covers=[], order={}, rules=[])
    for position, handle, on_page in _handles(page):
        kind = raw.FPDFPageObj_GetType(handle)
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            address = ctypes.cast(handle, ctypes.c_void_p).value
            assert address is not None
            objects.order[address] = position
            color = _fill_color(handle)
            if raw.FPDFTextObj_GetTextRenderMode(handle) == raw.FPDF_TEXTRENDERMODE_INVISIBLE or (
                color is not None and color[3] < _MIN_ALPHA
            ):
                objects.unpainted.add(address)
            elif color is not None and min(color[:3]) >= _LIGHT:
                objects.doubtful.add(address)
        elif on_page and kind in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_PATH):
            box = _bounds(handle)
            if box is None:
                continue
            if min(box[2] - box[0], box[3] - box[1]) < _MIN_COVER:
                if kind == raw.FPDF_PAGEOBJ_PATH and len(objects.rules) < _MAX_RULES:
                    objects.rules.append(box)
            elif kind == raw.FPDF_PAGEOBJ_IMAGE or _is_opaque(handle):
                objects.covers.append(_Cover(position, kind == raw.FPDF_PAGEOBJ_IMAGE, box))
    return objects


def _handles(page: pdfium.PdfPage) -> Iterator[tuple[int, raw.FPDF_PAGEOBJECT, bool]]:
    """The page's objects in painting order with their positions, and whether they are the page's, not a form's."""
    count = 0
    stack = [
        (raw.FPDFPage_GetObject(page.raw, index), index, 0) for index in range(raw.FPDFPage_CountObjects(page.raw))
    ]
    stack.reverse()
    while stack and count < _MAX_OBJECTS:
        handle, position, depth = stack.pop()
        if not handle:
            continue
        count += 1
        yield position, handle, depth == 0
        if depth < _MAX_DEPTH and raw.FPDFPageObj_GetType(handle) == raw.FPDF_PAGEOBJ_FORM:
            inner = min(raw.FPDFFormObj_CountObjects(handle), _MAX_OBJECTS)
            stack += [
                (raw.FPDFFormObj_GetObject(handle, index), position, depth + 1) for index in reversed(range(inner))
            ]


def _fill_color(handle: raw.FPDF_PAGEOBJECT) -> tuple[int, int, int, int] | None:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not raw.FPDFPageObj_GetFillColor(handle, red, green, blue, alpha):
        return None
    return red.value, green.value, blue.value, alpha.value


def _is_opaque(handle: raw.FPDF_PAGEOBJECT) -> bool:
    """Whether the path is filled and hides what is under it."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if not raw.FPDFPath_GetDrawMode(handle, fill, stroke) or fill.value == raw.FPDF_FILLMODE_NONE:
        return False
    color = _fill_color(handle)
    return color is not None and color[3] > 255 - _MIN_ALPHA


def _bounds(handle: raw.FPDF_PAGEOBJECT) -> Box | None:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(handle, left, bottom, right, top):
        return None
    return left.value, bottom.value, right.value, top.value


def _overlap(box: Box, other: Box) -> bool:
    return box[0] <= other[2] and other[0] <= box[2] and box[1] <= other[3] and other[1] <= box[3]
