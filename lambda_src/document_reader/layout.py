"""Groups lines into blocks: headings, paragraphs, table rows and lines of a table of contents."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median

import msgspec

from lambda_src.document_reader.cleaning import CELL_LINE_END, join_broken_words, join_hyphenated_words, words
from lambda_src.document_reader.furniture import Furniture, SampledPage, find_furniture
from lambda_src.document_reader.joining import join_texts
from lambda_src.document_reader.lines import Line
from lambda_src.document_reader.pages import Block, BlockKind
from lambda_src.document_reader.sentences import sentences

# Lines with as many characters are those of paragraphs, whose type size is the body's.
_LINE_OF_TEXT = 40
# Type size of headings, as a multiple of the body's: of larger type, and of bold type.
_LARGER = 1.06
_AS_LARGE = 0.98
_MAX_HEADING = 200
# Smaller type, as a multiple of the body's, is a footnote's.
_FOOTNOTE = 0.92
# Longer text that ends like a sentence is one, whatever its type size.
_SENTENCE = 60
# Lines after a table that end it: the rows of another one do not inherit its columns' names.
_TABLE_END = 4
# Levels of headings above a heading. Limits a document made to exhaust memory.
_MAX_DEPTH = 7
# Dot leaders before a page number.
_LEADERS = re.compile(r"(?:\.{4}|(?: \.){4}|…{2}) ?\d{0,4}$")
_LEADING = 20
_ITEM = re.compile(
    r"(?:[•◦▪▫■□●○‣⁃∙]|[-–*]\s|\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]\s|§|Art\.\s*\d|[IVXL]{1,6}\s*[-–]\s"
    r"|(?:Parágrafo|Artikel|Article|Artículo|Artigo)\s)"
)


class Heading(msgspec.Struct, frozen=True):
    """`rank` is the type size, and slightly more for bold type; higher ranks are outer levels."""

    text: str
    rank: float


class Style(msgspec.Struct, frozen=True):
    """What a document's pages have in common, taken from a sample."""

    body_size: float
    furniture: Furniture
    vocabulary: frozenset[str]


class Table(msgspec.Struct, frozen=True):
    """The columns of the table above a line, and their names. `lines`: how many lines are between."""

    columns: tuple[tuple[float, float], ...]
    heads: tuple[str, ...]
    lines: int = 0

    def names(self, row: Line) -> bool:
        """Whether a row is in the same columns."""
        return (
            self.lines < _TABLE_END
            and len(row.columns) == len(self.columns)
            and all(
                left < column[1] and column[0] < right
                for (left, right), column in zip(row.columns, self.columns, strict=True)
            )
        )


def find_style(pages: Sequence[SampledPage]) -> Style:
    """The size of most text, the headers and footers, and the vocabulary."""
    sizes: Counter[float] = Counter()
    short_sizes: Counter[float] = Counter()
    vocabulary: set[str] = set()
    for page in pages:
        for line in page.lines:
            (sizes if len(line.text) >= _LINE_OF_TEXT else short_sizes)[line.size] += len(line.text)
            vocabulary |= words(line.text)
    # Tables have more text than the paragraphs around them in some documents.
    sizes = sizes if sizes.total() >= 0.1 * short_sizes.total() else sizes + short_sizes
    body_size = sizes.most_common(1)[0][0] if sizes else 0.0
    return Style(body_size, find_furniture(pages, body_size), frozenset(vocabulary))


def headings(lines: Sequence[Line], style: Style) -> list[Heading]:
    """The page's headings in order. Consecutive lines of one style are one heading."""
    return [_heading(group) for group, is_heading in _groups(lines, style) if is_heading]


def push_heading(path: Sequence[Heading], heading: Heading) -> tuple[Heading, ...]:
    """The headings in force after `heading`, which ends those of its rank and below."""
    return (*[outer for outer in path if outer.rank > heading.rank][:_MAX_DEPTH], heading)


def blocks(
    lines: Sequence[Line], style: Style, path: Sequence[Heading], table: Table | None = None
) -> tuple[list[Block], tuple[Heading, ...]]:
    """The page's blocks, and the headings in force after them.

    `path`: the headings in force before the page. `table`: the table that goes on at the top of the page.
    """
    page_blocks: list[Block] = []
    path = before = tuple(path)
    vocabulary = style.vocabulary | words("\n".join(line.text for line in lines))
    for group, is_heading in _groups(lines, style):
        text = _joined(_text(group), vocabulary)
        texts = tuple(outer.text for outer in path)
        if is_heading:
            before, path = path, push_heading(path, msgspec.structs.replace(_heading(group), text=text))
            page_blocks.append(Block(text, "heading", tuple(outer.text for outer in path[:-1])))
        elif group[0].cells:
            table = table_after(group[0], table)
            heads = tuple(_joined(head, vocabulary) for head in table.heads) if table else ()
            page_blocks.append(Block(text, "row", texts, heads))
        else:
            table = table_after(group[0], table)
            kind = _block_kind(text)
            if kind == "contents" and page_blocks and page_blocks[-1].kind == "heading":
                # "Contents" is the heading of nothing that follows it.
                path = before
            page_blocks.append(Block(text, kind, texts))
    return page_blocks, path


def table_after(line: Line, table: Table | None) -> Table | None:
    """The table in force after a line: one without names of its columns may be the rest of the table above it."""
    if not line.cells:
        return msgspec.structs.replace(table, lines=table.lines + 1) if table else None
    if line.heads:
        return Table(line.columns, line.heads)
    return Table(table.columns, table.heads) if table and table.names(line) else None


def _is_item(line: Line) -> bool:
    return line.item or bool(_ITEM.match(line.text))


def _text(group: Sequence[Line]) -> str:
    text = group[0].text
    for line in group[1:]:
        text = join_texts(text, line.text)
    return text


def _joined(text: str, vocabulary: Collection[str]) -> str:
    return join_broken_words(join_hyphenated_words(text, vocabulary), vocabulary)


def _block_kind(text: str) -> BlockKind:
    return "contents" if _LEADERS.search(text[-_LEADING:]) else "paragraph"


def _heading(group: Sequence[Line]) -> Heading:
    return Heading(_text(group).replace(CELL_LINE_END, " "), group[0].size + (0.01 if group[0].bold else 0.0))


def _groups(lines: Sequence[Line], style: Style) -> list[tuple[list[Line], bool]]:
    """The lines of each block, and whether the block is a heading."""
    if not lines:
        return []
    flow = _Flow(lines, style)
    groups = [([lines[0]], flow.is_heading[0])]
    for index in range(1, len(lines)):
        if flow.continues(index - 1):
            groups[-1][0].append(lines[index])
        else:
            groups.append(([lines[index]], flow.is_heading[index]))
    return groups


class _Flow:
    """Decides which of a page's consecutive lines belong together."""

    def __init__(self, lines: Sequence[Line], style: Style) -> None:
        self._lines = lines
        self._style = style
        self._pitch = _pitch(lines)
        self._edges = _right_edges(lines)
        self.is_heading = self._headings()

    def continues(self, index: int) -> bool:
        """Whether the next line belongs to the same block."""
        line, following = self._lines[index], self._lines[index + 1]
        if following.detached:
            return False
        if self.is_heading[index] != self.is_heading[index + 1]:
            return False
        if self.is_heading[index]:
            return self._same_heading(index)
        if line.cells or following.cells or _is_item(following):
            return False
        if _LEADERS.search(line.text[-_LEADING:]) or _LEADERS.search(following.text[-_LEADING:]):
            return False
        return self._runs_on(index)

    def _headings(self) -> list[bool]:
        flags: list[bool] = []
        while len(flags) < len(self._lines):
            start = end = len(flags)
            while end + 1 < len(self._lines) and self._stands_out(end) and self._same_heading(end):
                end += 1
            flags += [self._is_heading(start, end)] * (end + 1 - start)
        return flags

    def _stands_out(self, index: int) -> bool:
        line, body = self._lines[index], self._style.body_size
        return not line.cells and (line.size >= body * _LARGER or (line.bold and line.size >= body * _AS_LARGE))

    def _same_heading(self, index: int) -> bool:
        line, following = self._lines[index], self._lines[index + 1]
        same = (line.bold, line.size) == (following.bold, following.size) and not line.cells and not following.cells
        return same and not following.item and not following.detached and self._is_next(index)

    def _is_heading(self, start: int, end: int) -> bool:
        text = " ".join(line.text for line in self._lines[start : end + 1])
        if not self._stands_out(start) or len(text) > _MAX_HEADING or not any(map(str.isalpha, text)):
            return False
        if _LEADERS.search(text[-_LEADING:]) or (len(text) > _SENTENCE and text[-1] in ".;,"):
            return False
        if len(text) > _SENTENCE and len(sentences(text)) > 1 and end > start:
            return False
        if self._lines[start].size >= self._style.body_size * _LARGER:
            return True
        # Bold words of a sentence are emphasis.
        if text[-1] in ".,;!":
            return False
        return not self._within_sentence(start, end)

    def _within_sentence(self, start: int, end: int) -> bool:
        if start and not self._stands_out(start - 1) and self._runs_on(start - 1):
            return True
        if end + 1 == len(self._lines) or _is_item(self._lines[end + 1]):
            return False
        return self._runs_on(end)

    def _is_next(self, index: int) -> bool:
        """Whether the next line is directly below."""
        line, following = self._lines[index], self._lines[index + 1]
        return 0 < line.baseline - following.baseline <= self._pitch * 1.25 * following.size + 0.5

    def _runs_on(self, index: int) -> bool:
        """Whether a sentence may continue on the next line."""
        line, following = self._lines[index], self._lines[index + 1]
        if line.cells or following.cells or abs(line.size - following.size) > 0.1 * line.size:
            return False
        unfinished = following.text[0].islower() and line.text[-1] not in ".!?:"
        if line.baseline < following.baseline:  # the next column
            return unfinished
        if not self._is_next(index):
            return False
        # A line that has room for the next word ends on purpose.
        width = (following.right - following.left) / len(following.text)
        needed = (len(following.text.split()[0]) + 1) * width
        return unfinished or line.right + needed > self._edges[index] - 0.5 * line.size


def _pitch(lines: Sequence[Line]) -> float:
    """The usual distance between lines, as a multiple of the type size."""
    steps = [
        (line.baseline - following.baseline) / following.size
        for line, following in pairwise(lines)
        if following.size
        and line.size == following.size
        and 0 < line.baseline - following.baseline < 3 * following.size
    ]
    return median(steps) if steps else 1.3


def _right_edges(lines: Sequence[Line]) -> list[float]:
    """The right edge of each line's column."""
    edges: list[float] = []
    column: list[Line] = []
    for line in lines:
        if column and line.baseline > column[-1].baseline + line.size:
            edges += [max(each.right for each in column)] * len(column)
            column = []
        column.append(line)
    return edges + [max(each.right for each in column)] * len(column)


def open_ends(lines: Sequence[Line], style: Style) -> tuple[str, str, bool]:
    """The sentence that may have begun on the previous page, the one that may go on, and whether its line is full.

    Both are "" if there is none. Smaller type at the end is a footnote.
    """
    groups = [
        (group, is_heading)
        for group, is_heading in _groups(lines, style)
        if is_heading or group[0].cells or group[0].size >= _FOOTNOTE * style.body_size
    ]
    if not groups:
        return "", "", False
    (first, starts_with_heading), (last, ends_with_heading) = groups[0], groups[-1]
    edge = max(
        line.right for line in lines if (line.left < last[-1].right and last[-1].left < line.right) or line is last[-1]
    )
    start = "" if _is_item(first[0]) or first[0].cells or starts_with_heading else _text(first)
    end = "" if last[0].cells or ends_with_heading else _text(last)
    return start, end, last[-1].right > edge - 4 * last[-1].size
