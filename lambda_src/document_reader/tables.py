"""Builds the rows of tables from lines: cells in their columns, wrapped cells joined, and the columns' names."""

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

import msgspec

from lambda_src.document_reader.cleaning import CELL_LINE_END
from lambda_src.document_reader.hidden_text import Box
from lambda_src.document_reader.joining import join_texts
from lambda_src.document_reader.lines import Line

Cells = list[list[Line]]
Span = tuple[float, float]

_MAX_HEAD = 60
_MAX_HEAD_ROWS = 3
# How many times the length of the names the text of rows is that cannot be names.
_LONGER = 3
# As multiples of the type size: the distance of lines that overlap, and of lines of one cell.
_OVERLAPPING = 0.9
_WRAPPED = 1.5
_NEXT_LINE = 1.35
# Points.
_TOLERANCE = 3
_DIGIT = re.compile(r"\d")
# Characters of a word that may be too long for its cell.
_BROKEN_WORD = 6
# A cell that is nothing but a figure.
_FIGURE = re.compile(r"[^\w]{0,3}\d[\d.,:/%\s-]{0,20}[^\w\s]?$")
_YEAR = re.compile(r"(?:19|20)\d\d$")


def column_of(line: Line, spans: Sequence[Span]) -> int:
    """The span that has most of the line, or is the nearest."""
    overlaps = [min(line.right, right) - max(line.left, left) for left, right in spans]
    return overlaps.index(max(overlaps))


def merged_spans(spans: Sequence[Span], gutter: float) -> list[Span]:
    """The union of the spans. Those that are nearer than `gutter` become one."""
    union: list[Span] = []
    for left, right in sorted(spans):
        if union and left - union[-1][1] < gutter:
            union[-1] = (union[-1][0], max(union[-1][1], right))
        else:
            union.append((left, right))
    return union


class _Row(msgspec.Struct):
    """The lines of each cell, and the heights of the first and the last line."""

    cells: Cells
    top: float
    bottom: float

    def filled(self) -> int:
        """The number of cells with text."""
        return sum(map(bool, self.cells))

    def clusters(self) -> list[Span]:
        """The horizontal extents of the row's cells."""
        lines = [line for cell in self.cells for line in cell]
        return merged_spans([(line.left, line.right) for line in lines], 0.2 * lines[0].size)


def table_lines(bands: Sequence[Sequence[Line]], spans: Sequence[Span], rules: Sequence[Box]) -> list[Line]:
    """The table's rows as lines with cells, and single lines as they are."""
    first = next((number for number, band in enumerate(bands) if len(band) > 1), len(bands))
    above = [line for band in bands[:first] for line in band]
    # A title may be wider than the first column, which must not count.
    return [*above, *_table(bands[first:], _narrowed(bands[first:], spans), rules)] if bands[first:] else above


def _narrowed(bands: Sequence[Sequence[Line]], spans: Sequence[Span]) -> list[Span]:
    """The extents of the columns without lines that are alone."""
    columns: list[list[Line]] = [[] for _ in spans]
    for band in bands:
        for line in band if len(band) > 1 else ():
            columns[column_of(line, spans)].append(line)
    return [(min(line.left for line in column), max(line.right for line in column)) for column in columns if column]


def _table(bands: Sequence[Sequence[Line]], spans: Sequence[Span], rules: Sequence[Box]) -> list[Line]:
    if len(spans) < 2:
        return [line for band in bands for line in band]
    rows = _rows(bands, spans, rules)
    spans = _columns(rows, spans)
    for row in rows:
        _assign(row, spans)
    lines = [_line(row, spans) for row in rows]
    table = [index for index, line in enumerate(lines) if line.cells]
    heads = _heads([lines[index] for index in table])
    if not heads:
        return lines
    names = tuple(
        " ".join(lines[index].cells[column] for index in table[:heads]).strip() for column in range(len(spans))
    )
    head = [lines[index] for index in table[:heads]]
    merged = (
        _line(_Row(_stacked([rows[index].cells for index in table[:heads]]), 0, 0), spans) if heads > 1 else head[0]
    )
    return [
        *lines[: table[0]],
        msgspec.structs.replace(merged, heads=names),
        *(msgspec.structs.replace(line, heads=names) if line.cells else line for line in lines[table[heads - 1] + 1 :]),
    ]


def _columns(rows: Sequence[_Row], spans: Sequence[Span]) -> Sequence[Span]:
    """The columns of most rows. Names that are not above their figures would add columns to all rows' union."""
    counts = Counter(len(clusters) for row in rows if len(clusters := row.clusters()) > 1)
    if not counts:
        return spans
    count, repeats = counts.most_common(1)[0]
    if repeats < 0.5 * counts.total():
        return spans
    typical = [clusters for row in rows if len(clusters := row.clusters()) == count]
    for names in range(min(_MAX_HEAD_ROWS + 1, len(typical))):
        union = merged_spans([span for clusters in typical[names:] for span in clusters], 0.0)
        if len(union) == count:
            return union
    return spans


def _assign(row: _Row, spans: Sequence[Span]) -> None:
    """Puts the row's lines into the columns: in order if there are as many, and otherwise into the nearest ones."""
    clusters = row.clusters()
    in_order = len(clusters) == len(spans)
    cells: Cells = [[] for _ in spans]
    for cell in row.cells:
        for line in cell:
            cells[column_of(line, clusters if in_order else spans)].append(line)
    row.cells = cells


def _stacked(rows: Sequence[Cells]) -> Cells:
    return [[line for row in rows for line in row[column]] for column in range(len(rows[0]))]


def _rows(bands: Sequence[Sequence[Line]], spans: Sequence[Span], rules: Sequence[Box]) -> list[_Row]:
    inside = _rules_inside(bands, spans, rules)
    is_grid = _is_grid(bands, spans, rules)
    # The content of a table that was drawn column by column says nothing about wrapped cells.
    ordered = _is_drawn_by_rows(bands)
    pitch = _pitch(bands)
    rows: list[_Row] = []
    for band in bands:
        cells: Cells = [[] for _ in spans]
        for line in band:
            cells[column_of(line, spans)].append(line)
        row = _Row(cells, band[0].baseline, band[0].baseline)
        if rows and (
            not _is_ruled_off(rows[-1], row, inside)
            if is_grid and rows[-1].filled() > 1
            else _continues(rows[-1], row, spans, inside, pitch, ordered=ordered)
        ):
            for cell, more in zip(rows[-1].cells, cells, strict=True):
                cell += more
            rows[-1].bottom = row.bottom
        else:
            rows.append(row)
    return rows


def _continues(
    row: _Row,
    following: _Row,
    spans: Sequence[Span],
    rules: Sequence[float],
    pitch: float,
    *,
    ordered: bool,
) -> bool:
    """Whether the following lines are the next ones of the row's cells."""
    size = max(line.size for cell in following.cells for line in cell)
    distance = row.bottom - following.top
    if _is_ruled_off(row, following, rules):
        return False
    if distance < _OVERLAPPING * size:
        return True
    if distance > _WRAPPED * size or row.filled() < 2:
        return False
    below = [(cell, more) for cell, more in zip(row.cells, following.cells, strict=True) if more]
    if ordered and all(cell and more[0].order == cell[-1].order + cell[-1].parts for cell, more in below):
        return True
    if len(below) == 1 and distance < _NEXT_LINE * size and _is_full(row.cells, following.cells, spans):
        return True
    return not following.cells[0] and distance < 0.8 * pitch and all(cell for cell, _ in below)


def _is_ruled_off(row: _Row, following: _Row, rules: Sequence[float]) -> bool:
    """Whether a line is drawn between both."""
    size = max(line.size for cell in following.cells for line in cell)
    return any(following.top + 0.5 * size < rule < row.bottom + 0.1 * size for rule in rules)


def _is_grid(bands: Sequence[Sequence[Line]], spans: Sequence[Span], rules: Sequence[Box]) -> bool:
    """Whether vertical lines are drawn between the first columns, so that horizontal ones separate all rows."""
    several = [band for band in bands if len(band) > 1]
    if not several:
        return False
    top, bottom = several[0][0].top, several[-1][0].bottom
    left, right = spans[0][1] - _TOLERANCE, spans[1][0] + _TOLERANCE
    height = sum(
        max(min(rule[3], top) - max(rule[1], bottom), 0.0)
        for rule in rules
        if left <= rule[0] and rule[2] <= right and rule[3] - rule[1] > rule[2] - rule[0]
    )
    return height >= 0.6 * (top - bottom)


def _is_full(cells: Cells, following: Cells, spans: Sequence[Span]) -> bool:
    """Whether the next line's first word has no room on the line above it."""
    for cell, more, (_, right) in zip(cells, following, spans, strict=True):
        if more:
            width = (more[0].right - more[0].left) / len(more[0].text)
            return bool(cell) and cell[-1].right + (len(more[0].text.split()[0]) + 1) * width > right
    return False


def _is_drawn_by_rows(bands: Sequence[Sequence[Line]]) -> bool:
    """Whether most rows' cells are near each other in the page's content."""
    several = [band for band in bands if len(band) > 1]
    near = sum(max(line.order for line in band) - min(line.order for line in band) <= 4 * len(band) for band in several)
    return near >= 0.7 * len(several)


def _rules_inside(bands: Sequence[Sequence[Line]], spans: Sequence[Span], rules: Sequence[Box]) -> list[float]:
    """The heights of the lines between the first and the last row that are under most of the first column."""
    left, right = spans[0]
    top, bottom = bands[0][0].baseline, bands[-1][0].baseline
    heights = {
        round(height, 1)
        for start, height, end, above in rules
        if end - start > above - height
        and start <= left + 0.3 * (right - left)
        and end >= left + 0.7 * (right - left)
        and bottom < height < top
    }
    return sorted(heights)


def _pitch(bands: Sequence[Sequence[Line]]) -> float:
    """The usual distance between rows."""
    steps = [band[0].baseline - bands[index + 1][0].baseline for index, band in enumerate(bands[:-1])]
    return median(steps) if steps else 0.0


def _line(row: _Row, spans: Sequence[Span]) -> Line:
    lines = [line for cell in row.cells for line in cell]
    texts = tuple(_cell_text(cell) for cell in row.cells)
    is_row = sum(map(bool, texts)) > 1
    return msgspec.structs.replace(
        lines[0],
        text="\t".join(texts).rstrip("\t") if is_row else " ".join(filter(None, texts)),
        bold=all(line.bold for line in lines),
        left=min(line.left for line in lines),
        right=max(line.right for line in lines),
        bottom=min(line.bottom for line in lines),
        top=max(line.top for line in lines),
        order=min(line.order for line in lines),
        cells=texts if is_row else (),
        columns=tuple(spans) if is_row else (),
    )


def _cell_text(lines: Sequence[Line]) -> str:
    text = ""
    previous = ""
    for line in lines:
        if not text or line.item:
            text = f"{text}\n{line.text}" if text else line.text
        elif line.text[0].islower() and len(word := previous.rpartition(" ")[2]) >= _BROKEN_WORD and word.isalpha():
            text = f"{text}{CELL_LINE_END}{line.text}"
        else:
            text = join_texts(text, line.text)
        previous = line.text
    return text


def _heads(rows: Sequence[Line]) -> int:
    """How many rows at the start name the columns."""
    if len(rows) < 2 or not _may_name(rows[0]):
        return 0
    count = 1
    if rows[0].bold and not all(row.bold for row in rows):
        while count < min(_MAX_HEAD_ROWS, len(rows) - 1) and rows[count].bold and _may_name(rows[count]):
            count += 1
        return count
    return 1 if _differs(rows[0], rows[1:]) else 0


def _may_name(row: Line) -> bool:
    filled = [cell for cell in row.cells if cell]
    if len(filled) < len(row.cells) - 1 and not row.bold:
        return False
    return not any(
        len(cell) > _MAX_HEAD or cell.endswith(":") or (_FIGURE.match(cell) and not _YEAR.match(cell))
        for cell in filled
    )


def _differs(head: Line, rows: Sequence[Line]) -> bool:
    """Whether columns have figures below a name without one."""
    columns = [
        [row.cells[column] for row in rows if row.cells[column]]
        for column in range(len(head.cells))
        if head.cells[column] and not _DIGIT.search(head.cells[column])
    ]
    with_figures = sum(
        bool(cells) and sum(map(bool, map(_DIGIT.search, cells))) >= 0.6 * len(cells) for cells in columns
    )
    lengths = [sum(map(len, row.cells)) for row in rows]
    if median(lengths) >= _LONGER * sum(map(len, head.cells)) and (
        # The labels of a list of labels and values have similar lengths.
        len(head.cells) > 2 or median(len(row.cells[0]) for row in rows) >= _LONGER * max(len(head.cells[0]), 1)
    ):
        return True
    # A list of names and values begins with any of them.
    return with_figures >= (2 if len(head.cells) == 2 else 1)
