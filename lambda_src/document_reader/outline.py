"""Collects the blocks of a document that has no lines at positions, and cuts them into pages.

Documents without pages are cut into parts of a few thousand characters, at headings where possible. A part is what a
page is elsewhere: the unit of progress and of chunks. Readers find a citation by its headings.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from lambda_src.document_reader.cleaning import HYPHEN_AT_LINE_END, clean
from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.pages import Block, BlockKind, Page
from lambda_src.shared.rows import row_text

# Characters. A part ends at a heading from `_PART_SIZE` on, and at any block before `_MAX_PART_SIZE` is exceeded.
_PART_SIZE = 2_500
_MAX_PART_SIZE = 6_000
# Longer paragraphs with the style of a heading are text.
_MAX_HEADING = 250
# More columns than any table has that is read as one.
_MAX_COLUMNS = 100
# A cell over several rows is repeated in each, unless it is long: repeating it is what a hostile file would do.
_MAX_REPEATED = 200
_EMPTY = "The document has no text. If it consists of pictures, save it as PDF and upload that."


class Cell(msgspec.Struct, frozen=True):
    """A cell of a table, and how many columns and rows it covers. `continued`: it is part of the cell above."""

    text: str
    columns: int = 1
    rows: int = 1
    continued: bool = False


class Grid:
    """A table with merged cells as rows of equal columns."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self._heads: list[bool] = []
        # Column -> how many more rows its cell covers, and the text.
        self._covered: dict[int, tuple[int, str]] = {}

    def add(self, cells: Iterable[Cell], *, before: int = 0, names_columns: bool = False) -> None:
        """Adds a row that has `before` blank columns at its start. `names_columns`: it is marked as a head."""
        row = [""] * min(before, _MAX_COLUMNS)
        for cell in cells:
            self._fill(row)
            if len(row) >= _MAX_COLUMNS:
                break
            above = self.rows[-1] if cell.continued and self.rows else []
            text = _repeated(above[len(row)]) if len(row) < len(above) else cell.text
            for column in range(min(cell.columns, _MAX_COLUMNS - len(row))):
                if cell.rows > 1:
                    self._covered[len(row)] = (cell.rows - 1, _repeated(text))
                # A name over several columns names each of them.
                row.append(text if column == 0 or names_columns else "")
        self._fill(row)
        self.rows.append(row)
        self._heads.append(names_columns)

    @property
    def width(self) -> int:
        """The number of columns."""
        return max(map(len, self.rows), default=0)

    @property
    def heads(self) -> int:
        """How many rows at the start are marked as heads; not all of them."""
        marked = next((number for number, head in enumerate(self._heads) if not head), len(self._heads))
        return marked if marked < len(self.rows) else 0

    def _fill(self, row: list[str]) -> None:
        """Adds the cells that cells of earlier rows cover."""
        while len(row) in self._covered:
            rows, text = self._covered.pop(len(row))
            if rows > 1:
                self._covered[len(row)] = (rows - 1, text)
            row.append(text)


class Outline:
    """The blocks of a document, each with the headings above it. `hidden_characters` as a `Page` has it."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.hidden_characters = 0
        self._path: list[tuple[int, str]] = []

    def heading(self, level: int, text: str) -> None:
        """Adds a heading; a lower `level` is further outside."""
        text = _clean(text)
        if not text:
            return
        if len(text) > _MAX_HEADING:
            self.paragraph(text)
            return
        self._path = [outer for outer in self._path if outer[0] < level]
        self.blocks.append(Block(text, "heading", self.path))
        self._path.append((level, text))

    def paragraph(self, text: str, kind: BlockKind = "paragraph") -> None:
        """Adds a paragraph, or a line of a table of contents. Blank ones are left out."""
        text = _clean(text)
        if not text:
            return
        if kind == "contents" and self.blocks and self.blocks[-1].kind == "heading":
            # "Contents" is the heading of nothing that follows it.
            self._path.pop()
        self.blocks += [Block(piece, kind, self.path) for piece in _pieces(text)]

    def table(self, grid: Grid, heads: int) -> None:
        """Adds the rows of a table, of which the first `heads` name the columns."""
        rows = [[_clean_cell(cell) for cell in row] for row in grid.rows]
        names: list[list[str]] = []
        for row in rows[:heads]:
            texts = [cell for cell in row if cell]
            if len(set(texts)) == 1:
                # The title of the table.
                self.paragraph(texts[0])
            elif texts:
                names.append(row)
        columns = tuple(_column_name(names, column) for column in range(grid.width)) if names else ()
        if not row_text(columns).strip() or len(columns) < 2:
            columns = ()
        for row in [list(columns), *rows[heads:]] if columns else rows[heads:]:
            text = row_text(row)
            if "\t" not in text or len(text) > _MAX_PART_SIZE:
                for cell in row:
                    self.paragraph(cell)
            else:
                self.blocks.append(Block(text, "row", self.path, columns))

    def hide(self, text: str) -> None:
        """Counts text that the document has but does not show."""
        self.hidden_characters += sum(character.isalnum() for character in text)

    @property
    def path(self) -> tuple[str, ...]:
        """The headings in force."""
        return tuple(text for _, text in self._path)


class OutlinedDocument:
    """An open document other than a PDF. All of its pages are in memory."""

    def __init__(self, pages: list[Page], content_type: str, embedded_files: int = 0) -> None:
        """Raises `UnreadableFileError` for a document without any text."""
        if not any(page.blocks for page in pages):
            raise UnreadableFileError("empty", _EMPTY)
        self._pages = pages
        self.content_type = content_type
        self.page_count = len(pages)
        self.embedded_files = embedded_files

    def read(self, first: int, last: int) -> list[Page]:
        """The pages from `first` to `last`, inclusive."""
        if not 1 <= first <= last <= self.page_count:
            raise ValueError(f"there are no pages {first} to {last} of {self.page_count}")
        return self._pages[first - 1 : last]

    def render_png(self, page: int, dpi: int) -> bytes:
        """Only the pages of PDFs are drawn."""
        raise ValueError(f"page {page} cannot be drawn at {dpi} dots per inch: the document is no PDF")


def cut(outline: Outline, on_page: Callable[[], None]) -> list[Page]:
    """The parts of a document without pages. The hidden characters are counted in the first one."""
    pages: list[Page] = []
    for blocks in _parts(outline.blocks):
        on_page()
        hidden = 0 if pages else outline.hidden_characters
        page = Page(number=len(pages) + 1, blocks=tuple(blocks), path=blocks[0].path, hidden_characters=hidden)
        pages.append(page)
    return pages


def _parts(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    part: list[Block] = []
    size = 0
    for block in blocks:
        is_new_section = block.kind == "heading" and part and part[-1].kind != "heading"
        if part and (size + len(block.text) > _MAX_PART_SIZE or (is_new_section and size >= _PART_SIZE)):
            # A heading belongs to what follows it.
            end = len(part)
            while end and part[end - 1].kind == "heading":
                end -= 1
            if end:
                yield part[:end]
                part = part[end:]
                size = sum(len(each.text) for each in part)
        part.append(block)
        size += len(block.text)
    if part:
        yield part


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that fit in a part. Ordinary paragraphs are one piece."""
    while len(text) > _MAX_PART_SIZE:
        end = text.rfind(" ", _PART_SIZE, _MAX_PART_SIZE)
        end = _MAX_PART_SIZE if end < 0 else end
        yield text[:end]
        text = text[end:].lstrip()
    if text:
        yield text


def _clean(text: str) -> str:
    return clean(text).replace(HYPHEN_AT_LINE_END, "")


def _clean_cell(text: str) -> str:
    return "\n".join(filter(None, map(_clean, text.split("\n"))))


def _repeated(text: str) -> str:
    return text if len(text) <= _MAX_REPEATED else ""


def _column_name(rows: Sequence[Sequence[str]], column: int) -> str:
    """The name of a column, from one row or several."""
    names = dict.fromkeys(row[column].replace("\n", " ") for row in rows if column < len(row) and row[column])
    return " ".join(names)
