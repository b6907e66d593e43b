"""Groups lines into blocks: headings, paragraphs, table rows and lines of a table of contents."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median

import msgspec

from lambda_src.hr_qa.ingestion.cleaning import join_hyphenated_words, words
from lambda_src.hr_qa.ingestion.lines import Line
from lambda_src.hr_qa.ingestion.pages import Block, BlockKind

# The share of the page's height at the top and at the bottom that headers and footers are in.
_MARGIN = 0.1
# The share of the sampled pages that a header or footer repeats on.
_MIN_REPEATS = 0.3
# Type size of headings, as a multiple of the body's: of larger type, and of bold type.
_LARGER = 1.06
_AS_LARGE = 0.98
_MAX_HEADING = 200
# Levels of headings above a heading. Limits a document made to exhaust memory.
_MAX_DEPTH = 7
_DIGITS = re.compile(r"\d+")
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
    """What a document's pages have in common, taken from a sample. `furniture`: headers and footers."""

    body_size: float
    furniture: frozenset[str]
    vocabulary: frozenset[str]


class SampledPage(msgspec.Struct, frozen=True):
    """A page's lines, and the y-coordinates of the page's edges."""

    lines: list[Line]
    bottom: float
    top: float


def find_style(pages: Sequence[SampledPage]) -> Style:
    """The size of most text, the headers and footers, and the vocabulary."""
    sizes: Counter[float] = Counter()
    repeated: Counter[str] = Counter()
    vocabulary: set[str] = set()
    for page in pages:
        for line in page.lines:
            sizes[line.size] += len(line.text)
            vocabulary |= words(line.text)
        repeated.update({_key(line) for line in page.lines if _in_margin(line, page)})
    needed = max(min(3, max(len(pages), 2)), round(len(pages) * _MIN_REPEATS))
    return Style(
        body_size=sizes.most_common(1)[0][0] if sizes else 0.0,
        furniture=frozenset(key for key, count in repeated.items() if count >= needed),
        vocabulary=frozenset(vocabulary),
    )


def without_furniture(page: SampledPage, furniture: Collection[str]) -> list[Line]:
    """The lines without headers and footers. The same words elsewhere on the page stay."""
    return [line for line in page.lines if not (_in_margin(line, page) and _key(line) in furniture)]


def _key(line: Line) -> str:
    return _DIGITS.sub("#", line.text)


def _in_margin(line: Line, page: SampledPage) -> bool:
    margin = (page.top - page.bottom) * _MARGIN
    return line.bottom > page.top - margin or line.top < page.bottom + margin


def headings(lines: Sequence[Line], style: Style) -> list[Heading]:
    """The page's headings in order. Consecutive lines of one style are one heading."""
    return [_heading(group) for group, is_heading in _groups(lines, style) if is_heading]


def push_heading(path: Sequence[Heading], heading: Heading) -> tuple[Heading, ...]:
    """The headings in force after `heading`, which ends those of its rank and below."""
    return (*[outer for outer in path if outer.rank > heading.rank][:_MAX_DEPTH], heading)


def blocks(lines: Sequence[Line], style: Style, path: Sequence[Heading]) -> tuple[list[Block], tuple[Heading, ...]]:
    """The page's blocks, and the headings in force after them. `path`: those in force before."""
    page_blocks = []
    path = tuple(path)
    vocabulary = style.vocabulary | words("\n".join(line.text for line in lines))
    for group, is_heading in _groups(lines, style):
        text = join_hyphenated_words(" ".join(line.text for line in group), vocabulary)
        if is_heading:
            path = push_heading(path, msgspec.structs.replace(_heading(group), text=text))
            page_blocks.append(Block(text, "heading", tuple(outer.text for outer in path[:-1])))
        else:
            page_blocks.append(Block(text, _block_kind(group[0], text), tuple(outer.text for outer in path)))
    return page_blocks, path


def _block_kind(line: Line, text: str) -> BlockKind:
    if _LEADERS.search(text[-_LEADING:]):
        return "contents"
    return "row" if line.cells > 1 else "paragraph"


def _heading(group: Sequence[Line]) -> Heading:
    return Heading(" ".join(line.text for line in group), group[0].size + (0.01 if group[0].bold else 0.0))


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
        if self.is_heading[index] != self.is_heading[index + 1]:
            return False
        if self.is_heading[index]:
            return self._same_heading(index)
        if line.cells > 1 or following.cells > 1 or following.item or _ITEM.match(following.text):
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
        return line.cells == 1 and (line.size >= body * _LARGER or (line.bold and line.size >= body * _AS_LARGE))

    def _same_heading(self, index: int) -> bool:
        line, following = self._lines[index], self._lines[index + 1]
        same = (line.bold, line.size, line.cells) == (following.bold, following.size, following.cells)
        return same and not following.item and self._is_next(index)

    def _is_heading(self, start: int, end: int) -> bool:
        text = " ".join(line.text for line in self._lines[start : end + 1])
        if not self._stands_out(start) or len(text) > _MAX_HEADING or not any(map(str.isalpha, text)):
            return False
        if _LEADERS.search(text[-_LEADING:]):
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
        if end + 1 == len(self._lines) or self._lines[end + 1].item or _ITEM.match(self._lines[end + 1].text):
            return False
        return self._runs_on(end)

    def _is_next(self, index: int) -> bool:
        """Whether the next line is directly below."""
        line, following = self._lines[index], self._lines[index + 1]
        return 0 < line.bottom - following.bottom <= self._pitch * 1.25 * following.size + 0.5

    def _runs_on(self, index: int) -> bool:
        """Whether a sentence may continue on the next line."""
        line, following = self._lines[index], self._lines[index + 1]
        if line.cells > 1 or following.cells > 1 or abs(line.size - following.size) > 0.1 * line.size:
            return False
        unfinished = following.text[0].islower() and line.text[-1] not in ".!?:"
        if line.bottom < following.bottom:  # the next column
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
        (line.bottom - following.bottom) / following.size
        for line, following in pairwise(lines)
        if following.size and line.size == following.size and 0 < line.bottom - following.bottom < 3 * following.size
    ]
    return median(steps) if steps else 1.3


def _right_edges(lines: Sequence[Line]) -> list[float]:
    """The right edge of each line's column."""
    edges: list[float] = []
    column: list[Line] = []
    for line in lines:
        if column and line.bottom > column[-1].top:
            edges += [max(each.right for each in column)] * len(column)
            column = []
        column.append(line)
    return edges + [max(each.right for each in column)] * len(column)
