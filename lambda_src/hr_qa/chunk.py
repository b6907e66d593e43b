"""The unit of search: a part of one page."""

import msgspec

from lambda_src.shared.rows import CELL_SEPARATOR, row_text

# Between the headings of a chunk.
SEPARATOR = " > "
# White space around what a sentence has on the previous page and on the next one.
_AFTER_PREVIOUS_PAGE = "\f "
_BEFORE_NEXT_PAGE = " \f"


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences of one page, complete also when they begin or end on a neighboring one.

    `ordinal` is unique in the document and rises with the pages.

    `sentences`: where each sentence starts in `text`; it ends where the next one starts. `heading`: the headings that
    all of the text is under, outermost first; the last one is the names of the columns of the text's table rows, if
    they have names: cells, as in the rows. `language`: a code, or "" if unknown.
    """

    ordinal: int
    page: int
    heading: str
    text: str
    sentences: tuple[int, ...]
    language: str


def labeled_row(text: str, heading: str) -> str:
    """A row with the names of its columns: "Benefit: Meal vouchers | Manager: 10 a week". Other text is unchanged."""
    cells = text.strip(" \n").split(CELL_SEPARATOR)
    if len(cells) < 2:
        return text.strip()
    names = column_names(heading)
    if len(cells) > len(names) or row_text(cells) == row_text(names):
        names = ("",) * len(cells)
    pairs = zip(names, cells, strict=False)
    labeled = [f"{name.rstrip(':')}: {cell}" if name else cell for name, cell in pairs if cell]
    return " | ".join(labeled).replace(": | ", ": ")


def column_names(heading: str) -> tuple[str, ...]:
    """The names of the columns of a chunk's table rows."""
    names = heading.rsplit(SEPARATOR, 1)[-1].split(CELL_SEPARATOR)
    return tuple(names) if len(names) > 1 else ()


def section_of(heading: str) -> str:
    """The headings of a chunk without the names of its table's columns."""
    return heading.rpartition(SEPARATOR)[0] if column_names(heading) else heading


def with_page_breaks(before: str, text: str, after: str) -> str:
    """A paragraph with the parts of its first and last sentence that are on the previous and the next page."""
    text = f"{before}{_AFTER_PREVIOUS_PAGE}{text}" if before else text
    return f"{text}{_BEFORE_NEXT_PAGE}{after}" if after else text


def by_page(text: str) -> list[tuple[int, str]]:
    """The parts of a text by how many pages after its own they are: -1, 0 or 1."""
    before, mark, rest = text.partition(_AFTER_PREVIOUS_PAGE)
    parts = [(-1, before)] if mark else []
    own, mark, after = (rest if mark else text).partition(_BEFORE_NEXT_PAGE)
    return [*parts, (0, own), *([(1, after)] if mark else [])]
