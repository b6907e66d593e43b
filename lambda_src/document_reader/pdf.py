"""Reads a PDF's pages as text with headings, range by range. Memory does not grow with the number of pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import msgspec
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from lambda_src.document_reader.annotations import Annotations, has_fields, read_annotations, with_values
from lambda_src.document_reader.errors import XFA_FORM, UnreadableFileError, too_many_pages
from lambda_src.document_reader.furniture import SampledPage, detached, split_furniture
from lambda_src.document_reader.joining import joined_parts
from lambda_src.document_reader.layout import (
    Heading,
    Style,
    Table,
    blocks,
    find_style,
    headings,
    open_ends,
    push_heading,
    table_after,
)
from lambda_src.document_reader.lines import Line, PageText, read_text
from lambda_src.document_reader.pages import Block, Page
from lambda_src.document_reader.png import grayscale_png
from lambda_src.document_reader.reading_order import in_reading_order
from lambda_src.document_reader.sentences import is_unfinished, sentences
from lambda_src.shared.file_types import PDF

# Pages sampled for the document's style. Pairs, because odd and even pages may differ.
_SAMPLED_PAIRS = 12
# How many pages before a range are searched for the headings in force at its start.
_LOOK_BACK_PAGES = 200
_MAX_PIXELS = 20_000_000


# Pages that are read for their neighbors' sake, and again for their own.
_KEPT_PAGES = 4
_MAX_KEPT_LINES = 2_000
# How many pages a table without repeated names of its columns may have, and how many rows end a page of it.
_MAX_TABLE_PAGES = 20
_TABLE_ENDS = 2


class _Content(msgspec.Struct, frozen=True):
    """What is on a page: lines in reading order, whether anything is drawn, and what is left out."""

    lines: list[Line]
    has_graphics: bool
    hidden_characters: int
    unread_characters: int


class PdfDocument:
    """An open PDF. Pages count from 1."""

    def __init__(self, pdf: pdfium.PdfDocument, on_page: Callable[[], None] = lambda: None) -> None:
        """`on_page` is called before each page that is read or drawn."""
        self._pdf = pdf
        self._on_page = on_page
        self.content_type = PDF
        self.page_count = len(pdf)
        self.embedded_files = pdf.count_attachments()
        # Cached by page: consecutive ranges look back at the same pages.
        self._headings: dict[int, list[Heading]] = {}
        self._contents: dict[int, _Content] = {}
        # Pages that were read for the style, until they are read for their text.
        self._sampled: dict[int, PageText] = {}
        # Read before the page is flattened, which makes them part of its content for good.
        self._annotations: dict[int, Annotations] = {}

    @cached_property
    def style(self) -> Style:
        """The style of the document, which is the same for every range."""
        return find_style(list(self._samples()))

    def furniture(self) -> tuple[str, ...]:
        """The headers and footers, with `#` in place of numbers."""
        return tuple(sorted(self.style.furniture.numbers))

    def read(self, first: int, last: int) -> list[Page]:
        """The pages from `first` to `last`, inclusive. Raises `UnreadableFileError` for a damaged page."""
        path = self._path_before(first)
        table = self._table_before(first)
        pages = []
        for number in range(first, last + 1):
            content = self._content(number)
            page_blocks, path_after = blocks(content.lines, self.style, path, table)
            page_blocks = self._with_open_ends(number, page_blocks)
            for line in content.lines:
                table = table_after(line, table)
            texts = tuple(heading.text for heading in path)
            pages.append(
                Page(
                    number=number,
                    blocks=tuple(page_blocks),
                    path=texts,
                    has_graphics=content.has_graphics,
                    hidden_characters=content.hidden_characters,
                    unread_characters=content.unread_characters,
                    attached_files=self._annotations[number].files,
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
                self._headings[earlier] = headings(self._content(earlier).lines, self.style)
            for heading in self._headings[earlier]:
                path = push_heading(path, heading)
        return path

    def _table_before(self, number: int) -> Table | None:
        """The table that may go on at the top of the page. Its columns' names may be some pages before."""
        first = number
        while first > max(number - _MAX_TABLE_PAGES, 1):
            first -= 1
            lines = self._content(first).lines
            rows = [line for line in lines if line.cells]
            if not rows or any(line.heads for line in rows) or not all(line.cells for line in lines[-_TABLE_ENDS:]):
                break
        table = None
        for earlier in range(first, number):
            for line in self._content(earlier).lines:
                table = table_after(line, table)
        return table

    def _with_open_ends(self, number: int, page_blocks: list[Block]) -> list[Block]:
        """The blocks, with the rest of the sentences that come from the page before or go on to the next one.

        Such a sentence is complete on both pages: a half of it could say the opposite.
        """
        if number > 1 and (parts := self._crossing_sentence(number - 1)):
            index = next((i for i, block in enumerate(page_blocks) if block.text.startswith(parts[1])), None)
            if index is not None:
                page_blocks[index] = msgspec.structs.replace(page_blocks[index], before=parts[0])
        if number < self.page_count and (parts := self._crossing_sentence(number)):
            ends = [i for i, block in enumerate(page_blocks) if block.text.endswith(parts[0])]
            if ends:
                page_blocks[ends[-1]] = msgspec.structs.replace(page_blocks[ends[-1]], after=parts[1])
        return page_blocks

    def _crossing_sentence(self, number: int) -> tuple[str, str] | None:
        """The two parts of a sentence that goes on from this page to the next one."""
        _, end, is_full = open_ends(self._content(number).lines, self.style)
        start, _, _ = open_ends(self._content(number + 1).lines, self.style)
        if not end or not start or not is_unfinished(end) or not (start[0].islower() or is_full):
            return None
        return sentences(end)[-1], sentences(start)[0]

    def _content(self, number: int) -> _Content:
        """What is on a page, without headers and footers. The last few pages are kept."""
        if number not in self._contents:
            style = self.style
            with self._page(number) as page:
                text = self._sampled.pop(number, None) or self._text(number, page)
                lines, furniture = split_furniture(_sample(number, text), style.furniture)
                ordered = detached(in_reading_order(lines, text.rules), furniture)
                has_graphics = raw.FPDFPage_CountObjects(page.raw) > 0
            while len(self._contents) >= _KEPT_PAGES:
                del self._contents[next(iter(self._contents))]
            self._contents[number] = _Content(ordered, has_graphics, text.hidden_characters, text.unread)
        return self._contents[number]

    def _samples(self) -> Iterator[SampledPage]:
        for number in _sampled_pages(self.page_count):
            with self._page(number) as page:
                text = self._text(number, page)
            if len(text.lines) <= _MAX_KEPT_LINES:
                self._sampled[number] = text
            yield _sample(number, text)

    def _text(self, number: int, page: pdfium.PdfPage) -> PageText:
        return with_values(read_text(page), self._annotations[number].values)

    @contextmanager
    def _page(self, number: int) -> Iterator[pdfium.PdfPage]:
        if not 1 <= number <= self.page_count:
            raise ValueError(f"there is no page {number} of {self.page_count}")
        self._on_page()
        page = self._loaded(number)
        if number not in self._annotations:
            self._annotations[number] = read_annotations(page)
            if self._annotations[number].drawn:
                raw.FPDFPage_Flatten(page.raw, raw.FLAT_NORMALDISPLAY)
                page.close()
                page = self._loaded(number)
        try:
            yield page
        finally:
            page.close()

    def _loaded(self, number: int) -> pdfium.PdfPage:
        try:
            return self._pdf[number - 1]
        except pdfium.PdfiumError as error:
            message = f"Page {number} is damaged. Save or print the document to a new PDF and upload that."
            raise UnreadableFileError("damaged", message) from error


@contextmanager
def open_pdf(path: Path, max_pages: int, *, on_page: Callable[[], None] = lambda: None) -> Iterator[PdfDocument]:
    """Opens the file in this process, without limits: for trusted files only. Raises `UnreadableFileError`."""
    # PDFium keeps the error of the last file, and sets none for some damaged ones. This sets it to a format error.
    raw.FPDF_LoadMemDocument64(b"", 0, None)
    try:
        pdf = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise _open_error(getattr(error, "err_code", None)) from error
    try:
        _check_form(pdf)
        pdf.init_forms()
        if len(pdf) > max_pages:
            raise too_many_pages(len(pdf), max_pages)
        if not len(pdf):
            raise UnreadableFileError("empty", "The document has no pages. Check the file and upload it again.")
        yield PdfDocument(pdf, on_page)
    finally:
        pdf.close()


def _check_form(pdf: pdfium.PdfDocument) -> None:
    """Raises `UnreadableFileError` for a form whose pages are a placeholder: XFA viewers draw others instead."""
    form = pdf.get_formtype()
    if form == raw.FORMTYPE_XFA_FULL or (form == raw.FORMTYPE_XFA_FOREGROUND and _is_placeholder(pdf)):
        raise UnreadableFileError("xfa_form", XFA_FORM)


def _is_placeholder(pdf: pdfium.PdfDocument) -> bool:
    """Whether an XFA form has a single page without fields, as Adobe's message that the form cannot be shown."""
    if len(pdf) != 1:
        return False
    page = pdf[0]
    try:
        return not has_fields(page)
    finally:
        page.close()


def _open_error(code: int | None) -> UnreadableFileError:
    if code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
        return UnreadableFileError(
            "encrypted", "The PDF is protected by a password. Save it without one and upload it again."
        )
    message = "The PDF is damaged or incomplete. Check that it opens, save it again and upload that."
    return UnreadableFileError("damaged", message)


def _sampled_pages(count: int) -> list[int]:
    if count <= 2 * _SAMPLED_PAIRS:
        return list(range(1, count + 1))
    starts = {1 + round(pair * (count - 2) / (_SAMPLED_PAIRS - 1)) for pair in range(_SAMPLED_PAIRS)}
    return sorted(starts | {start + 1 for start in starts})


def _sample(number: int, text: PageText) -> SampledPage:
    return SampledPage(number, joined_parts(text.lines), text.bottom, text.top)
