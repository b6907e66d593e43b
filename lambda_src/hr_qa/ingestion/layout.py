"""From lines to blocks: which lines are headings, which go on in the next one, which are a table's rows."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

import msgspec

from lambda_src.hr_qa.ingestion.cleaning import join_cut_words, words
from lambda_src.hr_qa.ingestion.lines import Line
from lambda_src.hr_qa.ingestion.pages import Block

# Headers and footers stand in this share of the page's height, above and below.
_MARGIN = 0.1
# The share of the sampled pages that a line of the margins must return on.
_REPEATS = 0.3
_LARGER = 1.06
_AS_LARGE = 0.98
_MAX_HEADING = 200
# Headings above a heading. No document needs more, and one made to exhaust memory gets no more.
_MAX_DEPTH = 7
_DIGITS = re.compile(r"\d+")
# Dots that lead to a page number.
_LEADERS = re.compile(r"(?:\.{4}|(?: \.){4}|…{2}) ?\d{0,4}$")
_LEADING = 20
_ITEM = re.compile(
    r"(?:[•◦▪▫■□●○‣⁃∙]|[-–*]\s|\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]\s|§|Art\.\s*\d|[IVXL]{1,6}\s*[-–]\s"
    r"|(?:Parágrafo|Artikel|Article|Artículo|Artigo)\s)"
)


class Heading(msgspec.Struct, frozen=True):
    """`rank`: the larger, the further out. Its size, and a little for bold type."""

    text: str
    rank: float


class Style(msgspec.Struct, frozen=True):
    """What a document's pages have in common, found on a sample of them."""

    body_size: float
    furniture: frozenset[str]
    vocabulary: frozenset[str]


class SampledPage(msgspec.Struct, frozen=True):
    """A page's lines and where the page begins and ends, from below."""

    lines: list[Line]
    bottom: float
    top: float


def find_style(pages: Sequence[SampledPage]) -> Style:
    """The size of most of the text, the headers and footers, and the words in use."""
    sizes: Counter[float] = Counter()
    repeated: Counter[str] = Counter()
    vocabulary: set[str] = set()
    for page in pages:
        for line in page.lines:
            sizes[line.size] += len(line.text)
            vocabulary |= words(line.text)
        repeated.update({_key(line) for line in page.lines if _in_margin(line, page)})
    needed = max(min(3, max(len(pages), 2)), round(len(pages) * _REPEATS))
    return Style(
        body_size=sizes.most_common(1)[0][0] if sizes else 0.0,
        furniture=frozenset(key for key, count in repeated.items() if count >= needed),
        vocabulary=frozenset(vocabulary),
    )


def without_furniture(page: SampledPage, furniture: Collection[str]) -> list[Line]:
    """The lines but headers and footers; the same words elsewhere on the page stay."""
    return [line for line in page.lines if not (_in_margin(line, page) and _key(line) in furniture)]


def _key(line: Line) -> str:
    return _DIGITS.sub("#", line.text)


def _in_margin(line: Line, page: SampledPage) -> bool:
    margin = (page.top - page.bottom) * _MARGIN
    return line.bottom > page.top - margin or line.top < page.bottom + margin


def headings(lines: Sequence[Line], style: Style) -> list[Heading]:
    """The page's headings in order; lines that follow each other in one style are one heading."""
    return [_heading(group) for group, is_heading in _groups(lines, style) if is_heading]


def in_force(before: Sequence[Heading], heading: Heading) -> tuple[Heading, ...]:
    """The headings in force after `heading`: those of its rank and below end."""
    return (*[outer for outer in before if outer.rank > heading.rank][:_MAX_DEPTH], heading)


def blocks(lines: Sequence[Line], style: Style, path: Sequence[Heading]) -> tuple[list[Block], tuple[Heading, ...]]:
    """The page's blocks, and the headings in force after them."""
    found = []
    force = tuple(path)
    vocabulary = style.vocabulary | words("\n".join(line.text for line in lines))
    for group, is_heading in _groups(lines, style):
        text = join_cut_words(" ".join(line.text for line in group), vocabulary)
        if is_heading:
            force = in_force(force, msgspec.structs.replace(_heading(group), text=text))
            found.append(Block(text, "heading", tuple(outer.text for outer in force[:-1])))
        else:
            found.append(Block(text, _kind(group[0], text), tuple(outer.text for outer in force)))
    return found, force


def _kind(line: Line, text: str) -> Literal["paragraph", "row", "contents"]:
    if _LEADERS.search(text[-_LEADING:]):
        return "contents"
    return "row" if line.cells > 1 else "paragraph"


def _heading(group: Sequence[Line]) -> Heading:
    return Heading(" ".join(line.text for line in group), group[0].size + (0.01 if group[0].bold else 0.0))


def _groups(lines: Sequence[Line], style: Style) -> list[tuple[list[Line], bool]]:
    """Lines that belong together - a paragraph, a heading, one row - and whether they are a heading."""
    if not lines:
        return []
    flow = _Flow(lines, style)
    found = [([lines[0]], flow.is_heading[0])]
    for index in range(1, len(lines)):
        if flow.goes_on(index - 1):
            found[-1][0].append(lines[index])
        else:
            found.append(([lines[index]], flow.is_heading[index]))
    return found


class _Flow:
    """How a page's lines follow each other."""

    def __init__(self, lines: Sequence[Line], style: Style) -> None:
        self._lines = lines
        self._style = style
        self._pitch = _pitch(lines)
        self._edges = _right_edges(lines)
        self.is_heading = self._headings()

    def goes_on(self, index: int) -> bool:
        """Whether the next line belongs to this one."""
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
        # Bold words of a sentence are an emphasis.
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
        """Whether the next line stands right below."""
        line, following = self._lines[index], self._lines[index + 1]
        return 0 < line.bottom - following.bottom <= self._pitch * 1.25 * following.size + 0.5

    def _runs_on(self, index: int) -> bool:
        """Whether a sentence could go on from this line to the next."""
        line, following = self._lines[index], self._lines[index + 1]
        if line.cells > 1 or following.cells > 1 or abs(line.size - following.size) > 0.1 * line.size:
            return False
        unfinished = following.text[0].islower() and line.text[-1] not in ".!?:"
        if line.bottom < following.bottom:  # the next column
            return unfinished
        if not self._is_next(index):
            return False
        # Had the next word had room? Then the line was ended on purpose.
        width = (following.right - following.left) / len(following.text)
        needed = (len(following.text.split()[0]) + 1) * width
        return unfinished or line.right + needed > self._edges[index] - 0.5 * line.size


def _pitch(lines: Sequence[Line]) -> float:
    """The usual distance from line to line, in sizes of the type."""
    steps = [
        (one.bottom - other.bottom) / other.size
        for one, other in pairwise(lines)
        if other.size and one.size == other.size and 0 < one.bottom - other.bottom < 3 * other.size
    ]
    return median(steps) if steps else 1.3


def _right_edges(lines: Sequence[Line]) -> list[float]:
    """For every line the right edge of its column."""
    edges: list[float] = []
    column: list[Line] = []
    for line in lines:
        if column and line.bottom > column[-1].top:
            edges += [max(one.right for one in column)] * len(column)
            column = []
        column.append(line)
    return edges + [max(one.right for one in column)] * len(column)
