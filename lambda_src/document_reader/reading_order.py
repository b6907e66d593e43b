"""Puts a page's lines in the order in which they are read: columns after each other, tables row by row.

The page is divided from top to bottom into zones in which the same vertical gutters are free. A zone with gutters is
either columns of prose or a table.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import msgspec

from lambda_src.document_reader.hidden_text import Box
from lambda_src.document_reader.lines import Line
from lambda_src.document_reader.tables import Span, column_of, merged_spans, table_lines

_MAX_DEPTH = 4
# As multiples of the type size: the least width of a gutter, and how far below each other lines of one height may be.
_GUTTER = 0.4
_SAME_HEIGHT = 0.35
# Text taller than this many type sizes runs sideways.
_SIDEWAYS = 3
# What makes columns prose rather than cells: characters of a line, and the share of the column's width that it fills.
_MIN_PROSE = 18
_MIN_FILL = 0.6
_LONG_PROSE = 25
_MIN_LINES = 3
# The share of the lines that a column has at least; and of its width, that a line drawn across a table crosses.
_MIN_SHARE = 0.05
_CROSSING = 0.8
# Zones with more lines are not examined. Limits a page made to exhaust memory.
_MAX_LINES = 20_000

Band = list[Line]


class _Zone(msgspec.Struct):
    """Consecutive bands, and the horizontal extents of what is between their common gutters."""

    bands: list[Band]
    spans: list[Span]

    def lines(self) -> list[Line]:
        return [line for band in self.bands for line in band]

    def columns(self) -> list[list[Line]]:
        """The lines of each span, from top to bottom."""
        columns: list[list[Line]] = [[] for _ in self.spans]
        for line in self.lines():
            columns[column_of(line, self.spans)].append(line)
        return columns


def in_reading_order(lines: Sequence[Line], rules: Sequence[Box]) -> list[Line]:
    """The lines in reading order. Those of a table's row are one line with cells."""
    sideways = [line for line in lines if line.top - line.bottom > _SIDEWAYS * line.size and len(line.text) > 2]
    if len(lines) > _MAX_LINES:
        return sorted(lines, key=lambda line: line.order)
    upright = [line for line in lines if line not in sideways] if sideways else list(lines)
    return [*_ordered(upright, rules, 0), *sideways]


def _ordered(lines: Sequence[Line], rules: Sequence[Box], depth: int) -> list[Line]:
    ordered: list[Line] = []
    for zone in _zones(_bands(lines), strict=False):
        if len(zone.spans) > 1 and depth < _MAX_DEPTH and _is_prose(zone, rules):
            for column in zone.columns():
                ordered += _ordered(column, rules, depth + 1)
        elif len(zone.spans) > 1:
            for table in _zones(zone.bands, strict=True):
                several = len(table.spans) > 1
                ordered += table_lines(table.bands, table.spans, rules) if several else table.lines()
        else:
            ordered += zone.lines()
    return ordered


def _bands(lines: Sequence[Line]) -> list[Band]:
    """Lines of the same height, from top to bottom; in each, from left to right."""
    bands: list[Band] = []
    for line in sorted(lines, key=lambda line: (-line.baseline, line.left)):
        if bands and bands[-1][0].baseline - line.baseline <= _SAME_HEIGHT * min(bands[-1][0].size, line.size):
            bands[-1].append(line)
        else:
            bands.append([line])
    return [sorted(band, key=lambda line: line.left) for band in bands]


def _spans(band: Band) -> list[Span]:
    return [(line.left, line.right) for line in band]


def _zones(bands: Sequence[Band], *, strict: bool) -> list[_Zone]:
    """Divides the bands. A strict zone has all gutters of its bands, as a table; others share one gutter at least."""
    zones: list[_Zone] = []
    for band in bands:
        gutter = _GUTTER * band[0].size
        own = merged_spans(_spans(band), gutter)
        merged = merged_spans([*zones[-1].spans, *own], gutter) if zones else own
        if zones and (_fits(zones[-1], own, merged) if strict else _shares(zones[-1], own, merged)):
            zones[-1].bands.append(band)
            zones[-1].spans = merged
        else:
            zone = _Zone([band], own)
            if zones and len(own) > 1 and len(zones[-1].spans) == 1:
                _take_from_end(zones[-1], zone, gutter)
                if not zones[-1].bands:
                    zones.pop()
            zones.append(zone)
    return zones


def _shares(zone: _Zone, own: Sequence[Span], merged: Sequence[Span]) -> bool:
    return len(merged) > 1 or len(zone.spans) == len(own) == 1


def _fits(zone: _Zone, own: Sequence[Span], merged: Sequence[Span]) -> bool:
    if len(merged) < len(zone.spans):
        return False
    return len(own) <= len(merged) if len(zone.spans) > 1 else len(own) == 1


def _take_from_end(before: _Zone, zone: _Zone, gutter: float) -> None:
    """Moves lines above the zone into it that leave its gutters free: the top of a column, or a table's title."""
    while before.bands:
        band = before.bands[-1]
        merged = merged_spans([*zone.spans, *_spans(band)], gutter)
        distance = band[0].baseline - zone.bands[0][0].baseline
        if len(merged) != len(zone.spans) or distance > 3 * max(band[0].size, zone.bands[0][0].size):
            return
        zone.bands.insert(0, before.bands.pop())
        zone.spans = merged


def _is_prose(zone: _Zone, rules: Sequence[Box]) -> bool:
    """Whether the zone is columns of prose, which are read one after the other, and not a table."""
    if _crossing_rules(zone, rules) > 2:
        return False
    columns = zone.columns()
    least = max(_MIN_SHARE * sum(map(len, columns)), 2)
    # A page's number between the columns is none.
    main = [(column, span) for column, span in zip(columns, zone.spans, strict=True) if len(column) >= least]
    if len(main) < 2:
        return False
    long, longest = ([_fills(column, span, length) for column, span in main] for length in (_MIN_PROSE, _LONG_PROSE))
    columns = [column for column, _ in main]
    in_content_order = _changes(columns) <= 2 * len(columns)
    if sum(long) > 1 and all(len(column) >= _MIN_LINES for column in columns):
        return in_content_order or all(longest)
    several = sum(len(merged_spans(_spans(band), _GUTTER * band[0].size)) > 1 for band in zone.bands)
    return in_content_order and any(long) and several < 0.5 * min(map(len, columns))


def _fills(column: Sequence[Line], span: Span, characters: int) -> bool:
    """Whether the lines are as long as those of paragraphs. Cells count as a line."""
    bands = _bands(column)
    if len(bands) < _MIN_LINES or median(sum(len(line.text) for line in band) for band in bands) < characters:
        return False
    width = span[1] - span[0]
    return sum(band[-1].right - band[0].left >= _MIN_FILL * width for band in bands) >= 0.5 * len(bands)


def _changes(columns: Sequence[Sequence[Line]]) -> int:
    """How often the page's content moves from one column to another."""
    order = sorted((line.order, number) for number, column in enumerate(columns) for line in column)
    return sum(before != after for (_, before), (_, after) in pairwise(order))


def _crossing_rules(zone: _Zone, rules: Sequence[Box]) -> int:
    """How many horizontal lines, whole or in parts, cross most of the zone."""
    left, right = zone.spans[0][0], zone.spans[-1][1]
    top, bottom = zone.bands[0][0].top, zone.bands[-1][0].bottom
    parts: dict[int, list[Span]] = defaultdict(list)
    for rule in rules:
        if bottom < rule[1] < top and rule[2] - rule[0] > rule[3] - rule[1]:
            parts[round(rule[1])].append((max(rule[0], left), min(rule[2], right)))
    covered = [sum(end - start for start, end in merged_spans(spans, 0.0)) for spans in parts.values()]
    return sum(length >= _CROSSING * (right - left) for length in covered)
