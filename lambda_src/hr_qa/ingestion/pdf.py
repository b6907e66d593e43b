"""Reads a PDF's pages as text with headings, range by range. Memory does not grow with the number of pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from lambda_src.hr_qa.ingestion.errors import PdfError
from lambda_src.hr_qa.ingestion.layout import (
    Heading,
    SampledPage,
    Style,
    blocks,
    find_style,
    headings,
    push_heading,
    without_furniture,
)
from lambda_src.hr_qa.ingestion.lines import Line, PageText, read_lines
from lambda_src.hr_qa.ingestion.pages import Page
from lambda_src.hr_qa.ingestion.png import grayscale_png

_HEADER_BYTES = 1024
# Pages sampled for the document's style. Pairs, because odd and even pages may differ.
_SAMPLED_PAIRS = 12
# How many pages before a range are searched for the headings in force at its start.
_LOOK_BACK_PAGES = 200
_MAX_PIXELS = 20_000_000


class Document:
    """An open PDF. Pages count from 1."""

    def __init__(self, pdf: pdfium.PdfDocument, on_page: Callable[[], None] = lambda: None) -> None:
        """`on_page` is called before each page that is read or drawn."""
        self._pdf = pdf
        self._on_page = on_page
        self.page_count = len(pdf)
        # Cached by page: consecutive ranges look back at the same pages.
        self._headings: dict[int, list[Heading]] = {}

    @cached_property
    def style(self) -> Style:
        """The style of the document, which is the same for every range."""
        return find_style(list(self._samples()))

    def furniture(self) -> tuple[str, ...]:
        """The headers and footers, with `#` in place of numbers."""
        return tuple(sorted(self.style.furniture))

    def read(self, first: int, last: int) -> list[Page]:
        """The pages from `first` to `last`, inclusive. Raises `PdfError` for a damaged page."""
        path = self._path_before(first)
        pages = []
        for number in range(first, last + 1):
            lines, has_graphics, hidden = self._lines(number)
            self._headings[number] = headings(lines, self.style)
            page_blocks, path_after = blocks(lines, self.style, path)
            texts = tuple(heading.text for heading in path)
            pages.append(
                Page(
                    number=number,
                    blocks=tuple(page_blocks),
                    path=texts,
                    has_graphics=has_graphics,
                    hidden_characters=hidden,
                )
            )
            path = path_after
        return pages

    def render_png(self, page: int, dpi: int) -> bytes:
        """The page as a grayscale PNG. A huge page has a lower resolution than `dpi`."""
        with self._page(page) as handle:
            width, height = handle.get_size()
            scale = min(dpi / 72, (_MAX_PIXELS / max(width * height, 1)) ** 0.5)
            bitmap = handle.render(scale=scale, grayscale=True)
            try:
                view = memoryview(bitmap.buffer).cast("B")
                rows = (bytes(view[row * bitmap.stride :][: bitmap.width]) for row in range(bitmap.height))
                return grayscale_png(bitmap.width, bitmap.height, rows)
            finally:
                bitmap.close()

    def _path_before(self, number: int) -> tuple[Heading, ...]:
        path: tuple[Heading, ...] = ()
        for earlier in range(max(1, number - _LOOK_BACK_PAGES), number):
            if earlier not in self._headings:
                self._headings[earlier] = headings(self._lines(earlier)[0], self.style)
            for heading in self._headings[earlier]:
                path = push_heading(path, heading)
        return path

    def _lines(self, number: int) -> tuple[list[Line], bool, int]:
        """The page's lines without headers and footers, whether anything is drawn, and the hidden characters."""
        with self._page(number) as page:
            text = read_lines(page)
            lines = without_furniture(_sample(page, text), self.style.furniture)
            return lines, raw.FPDFPage_CountObjects(page.raw) > 0, text.hidden_characters

    def _samples(self) -> Iterator[SampledPage]:
        for number in _sampled_pages(self.page_count):
            with self._page(number) as page:
                yield _sample(page, read_lines(page))

    @contextmanager
    def _page(self, number: int) -> Iterator[pdfium.PdfPage]:
        if not 1 <= number <= self.page_count:
            raise ValueError(f"there is no page {number} of {self.page_count}")
        self._on_page()
        try:
            page = self._pdf[number - 1]
        except pdfium.PdfiumError as error:
            message = f"Page {number} is damaged. Save or print the document to a new PDF and upload that."
            raise PdfError("damaged", message) from error
        try:
            yield page
        finally:
            page.close()


@contextmanager
def open_document(path: Path, max_pages: int, *, on_page: Callable[[], None] = lambda: None) -> Iterator[Document]:
    """Opens the file in this process, without limits: for trusted files only. Raises `PdfError`."""
    _check_type(path)
    try:
        pdf = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise _open_error(getattr(error, "err_code", None)) from error
    try:
        if len(pdf) > max_pages:
            message = f"The document has {len(pdf)} pages, at most {max_pages} are read. Split it and upload the parts."
            raise PdfError("too_many_pages", message)
        if not len(pdf):
            raise PdfError("empty", "The document has no pages. Check the file and upload it again.")
        yield Document(pdf, on_page)
    finally:
        pdf.close()


def _check_type(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    if not start:
        raise PdfError("empty", "The file is empty. Check it and upload it again.")
    if b"%PDF-" not in start:
        raise PdfError("not_a_pdf", "The file is not a PDF. Save the document as PDF and upload that.")


def _open_error(code: int | None) -> PdfError:
    if code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
        return PdfError("encrypted", "The PDF is protected by a password. Save it without one and upload it again.")
    message = "The PDF is damaged or incomplete. Check that it opens, save it again and upload that."
    return PdfError("damaged", message)


def _sampled_pages(count: int) -> list[int]:
    if count <= 2 * _SAMPLED_PAIRS:
        return list(range(1, count + 1))
    starts = {1 + round(pair * (count - 2) / (_SAMPLED_PAIRS - 1)) for pair in range(_SAMPLED_PAIRS)}
    return sorted(starts | {start + 1 for start in starts})


def _sample(page: pdfium.PdfPage, text: PageText) -> SampledPage:
    _, bottom, _, top = page.get_bbox()
    return SampledPage(text.lines, bottom, top)
