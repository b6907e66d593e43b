"""Finds headers and footers: lines in the margins that repeat, with numbers that are the pages' or that never change.

An amount, a title that tells pages apart and the names of a table's columns repeat, too, and are text.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from lambda_src.document_reader.lines import Line

# The share of the page's height at the top and at the bottom that headers and footers are in.
_MARGIN = 0.1
_MAX_LINES = 2_000
# A page number on a line of its own may be farther from the edge.
_NUMBER_MARGIN = 0.16
# The share of the sampled pages that a header or footer repeats on.
_MIN_REPEATS = 0.3
# Type of this size, as a multiple of the body's, is a title's.
_TITLE = 1.15
_NUMBER = re.compile(r"\d{1,9}")
_LONE_NUMBER = re.compile(r"[-–—|/ ]{0,3}\d{1,4}[-–—|/ ]{0,3}")
# What may be before a page number.
_PAGE_WORD = re.compile(
    r"(?:^[-–—(\[ ]{0,4}|[|–—·•/-]|第"
    r"|\b(?:pages?|pp?|pgs?|seiten?|s|p[áa]gs?|p[áa]ginas?|of|von|de|sur|стр|страница)[.:]?) ?$",
    re.IGNORECASE,
)
# Pages without numbers before the first that has one.
_MAX_OFFSET = 20
_AMOUNT = re.compile(r"[:=.$€£] ?$")
# Years, dates and versions.
_EDITION = re.compile(
    r"(?<![\d.,])(?:(?:19|20)\d\d|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|v(?:ersion)? ?\d[\d.]{0,8})", re.IGNORECASE
)


class SampledPage(msgspec.Struct, frozen=True):
    """A page's number and lines, and the y-coordinates of its edges."""

    number: int
    lines: list[Line]
    bottom: float
    top: float


class Furniture(msgspec.Struct, frozen=True):
    """The headers and footers of a document: texts with `#` in place of numbers.

    The numbers that belong to each: a value, or how much more than the page's number it is.
    """

    numbers: dict[str, tuple[tuple[bool, int], ...]] = {}

    def has(self, line: Line, page: int) -> bool:
        """Whether the line, from a margin of the page with this number, is a header or footer."""
        rules = self.numbers.get(_key(line))
        if rules is None:
            return False
        return all(
            value == expected + (page if moves else 0)
            for (moves, expected), value in zip(rules, _values(line), strict=True)
        )


def find_furniture(pages: Sequence[SampledPage], body_size: float) -> Furniture:
    """The headers and footers of a document, from a sample of its pages."""
    occurrences: dict[str, list[tuple[int, Line, bool]]] = defaultdict(list)
    for page in pages:
        for line in _margin_lines(page):
            occurrences[_key(line)].append((page.number, line, line.top < (page.bottom + page.top) / 2))
    needed = max(min(3, max(len(pages), 2)), round(len(pages) * _MIN_REPEATS))
    numbers = {}
    for key, lines in occurrences.items():
        if len({number for number, _, _ in lines}) >= needed:
            rules = _rules(lines, body_size)
            if rules is not None:
                numbers[key] = rules
    return Furniture(numbers)


def split_furniture(page: SampledPage, furniture: Furniture) -> tuple[list[Line], list[Line]]:
    """The page's text, and its headers and footers. The same words elsewhere on the page are text."""
    dropped = {line.order for line in _margin_lines(page) if furniture.has(line, page.number)}
    text = [line for line in page.lines if line.order not in dropped]
    return text, [line for line in page.lines if line.order in dropped]


def _rules(occurrences: Sequence[tuple[int, Line, bool]], body_size: float) -> tuple[tuple[bool, int], ...] | None:
    """What the numbers of a repeated line are; None if it is text."""
    _, line, at_bottom = occurrences[0]
    values = [_values(line) for _, line, _ in occurrences]
    pages = [number for number, _, _ in occurrences]
    rules = []
    for position, match in enumerate(_NUMBER.finditer(line.text)):
        column = [each[position] for each in values]
        offsets = {value - page for value, page in zip(column, pages, strict=True)}
        if len(set(column)) == 1:
            rules.append((False, column[0]))
        elif len(offsets) == 1 and _may_be_page(line.text[: match.start()], max(offsets), at_bottom=at_bottom):
            rules.append((True, offsets.pop()))
        else:
            return None
    if not rules:
        return ()
    if line.size > _TITLE * body_size > 0:
        return None
    has_page = any(moves for moves, _ in rules)
    return tuple(rules) if has_page or not _NUMBER.search(_EDITION.sub("", line.text)) else None


def _may_be_page(before: str, offset: int, *, at_bottom: bool) -> bool:
    """Whether a number that grows with the pages is the page's, from the text before it: not "Grade 7" at the top."""
    if _PAGE_WORD.search(before):
        return True
    return at_bottom and abs(offset) <= _MAX_OFFSET and not _AMOUNT.search(before)


def _margin_lines(page: SampledPage) -> list[Line]:
    """The lines in the margins, except for the names of a table's columns. A page of too many lines has none."""
    if len(page.lines) > _MAX_LINES:
        return []
    height = page.top - page.bottom
    lines = []
    for line in page.lines:
        margin = height * (_NUMBER_MARGIN if _LONE_NUMBER.fullmatch(line.text) else _MARGIN)
        if line.bottom > page.top - margin or line.top < page.bottom + margin:
            lines.append(line)
    return [line for line in lines if not _is_column_name(line, page.lines)] if lines else []


def _is_column_name(line: Line, lines: Sequence[Line]) -> bool:
    """Whether the line is one of several in a row, with a row of as many directly below."""
    row = [other for other in lines if abs(other.baseline - line.baseline) < 0.3 * line.size]
    if len(row) < 2:
        return False
    below = [other for other in lines if 0.5 * line.size < line.baseline - other.baseline < 3 * line.size]
    if not below:
        return False
    highest = max(other.baseline for other in below)
    next_row = [other for other in below if highest - other.baseline < 0.3 * line.size]
    aligned = sum(any(cell.left < other.right and other.left < cell.right for other in next_row) for cell in row)
    return len(next_row) > 1 and aligned > 1


def _key(line: Line) -> str:
    return _NUMBER.sub("#", line.text)


def _values(line: Line) -> list[int]:
    return [int(number) for number in _NUMBER.findall(line.text)]


def detached(lines: Sequence[Line], furniture: Sequence[Line]) -> list[Line]:
    """The lines in reading order. Those that furniture separates from the previous line are marked."""
    if not furniture or not lines:
        return list(lines)
    marked = [lines[0]]
    for line, following in pairwise(lines):
        between = any(line.baseline > other.baseline > following.baseline for other in furniture)
        marked.append(msgspec.structs.replace(following, detached=True) if between else following)
    return marked
