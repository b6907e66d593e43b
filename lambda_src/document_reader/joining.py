"""Joins the parts of a line, and decides what raised characters and the marks of list items are.

Raised digits and signs are footnote marks, which are no part of the text, exponents, ordinals or fractions. PDFium
appends a raised digit to the figure before it, so that "10" with the mark "2" would be read as "102".
"""

import re
from collections.abc import Sequence

import msgspec

from lambda_src.document_reader.lines import PART_GAP, Line

# Of the type size of the text that a mark belongs to.
_MIN_RAISE = 0.18
_MAX_RAISE = 0.95
_SMALLER = 0.9
_APART = 0.45
# How far a mark and its text are apart in the page's content.
_NEAR = 2
_MARK = re.compile(r"[\[(]?(?:\d{1,3}|[a-z])(?:[,;–-] ?(?:\d{1,3}|[a-z])){0,3}[\])]?")
_LETTERS = re.compile(r"[^\W\d_]{1,4}\.?")
# What a raised number after it is the exponent of: "5 x 10", "m", "km".
_BASE = re.compile(r"(?:[x×·*] ?10|(?:^|[\s\d/])[kcdm]?m)$")
# "1a", "2o": ordinals with one letter. Others are marks.
_ORDINAL = re.compile(r"(?:^|\D)(?:[1-9]|[12]\d|3[01])[aoe]\.?$")
# Gaps of parts of one line, as multiples of the type size: the least that means a space, the most between parts that
# are not consecutive in the page's content, and the least that always separates cells.
_SPACE = 0.18
_NEIGHBOR = 0.4
_CELL_GAP = 1.5
# How far below or above a line, as multiples of the type size, the lines are that tell cells from justified text: by
# crossing the gap, and by having one, too.
_AROUND = 2.6
_FAR_AROUND = 7
_MAX_AROUND = 60
# Bullets, signs that are bullets before text, and the numbers of list items.
_BULLET = re.compile(r"[•◦▪▫■□●○‣⁃∙·➢➤✓]$")
_SIGN = re.compile(r"[-–—*o]$")
_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]$")
_MARKER_GAP = 4.0
_MARKER_SHIFT = 0.35
# Scripts without spaces: kana, Chinese characters, full-width forms.
_WITHOUT_SPACES = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def joined_parts(lines: Sequence[Line]) -> list[Line]:
    """The lines with raised characters resolved, and parts of a line joined. Cells stay apart."""
    ordered = sorted(lines, key=lambda line: line.order)
    return _join(_resolved(ordered))


def join_texts(text: str, following: str) -> str:
    """Both texts with a space between them, where the script has spaces."""
    if not text or not following:
        return text + following
    if _WITHOUT_SPACES.match(text[-1]) and _WITHOUT_SPACES.match(following[0]):
        return text + following
    return f"{text} {following}"


def _resolved(lines: list[Line]) -> list[Line]:
    kept: list[Line | None] = list(lines)
    for index, mark in enumerate(lines):
        if len(mark.text) > 12:
            continue
        near = [
            other
            for other in range(max(index - _NEAR, 0), min(index + _NEAR + 1, len(lines)))
            if other != index and kept[other] is not None
        ]
        before = next((each for each in reversed(near) if _is_raised(mark, kept[each], after=True)), None)
        after = next((each for each in near if _is_raised(mark, kept[each], after=False)), None)
        if before is not None:
            host = kept[before]
            assert host
            following = kept[after].text if after is not None and kept[after] else ""  # type: ignore[union-attr]
            text = _attached(host.text, mark.text, following)
            kept[before] = msgspec.structs.replace(
                host,
                text=text,
                right=max(mark.right, host.right),
                spaced=(host.spaced[0], host.spaced[1] or mark.spaced[1]),
            )
            kept[index] = None
        elif after is not None and _MARK.fullmatch(mark.text):
            host = kept[after]
            assert host
            if host.text.startswith(("/", "⁄")):
                kept[after] = msgspec.structs.replace(host, text=mark.text + host.text, left=mark.left)
            else:
                kept[after] = msgspec.structs.replace(
                    host, left=mark.left, spaced=(mark.spaced[0] or host.spaced[0], host.spaced[1])
                )
            kept[index] = None
    return [line for line in kept if line is not None]


def _is_raised(mark: Line, host: Line | None, *, after: bool) -> bool:
    """Whether the mark is raised, and directly after (or before) the host."""
    if host is None:
        return False
    size = max(host.size, 1.0)
    rise = mark.baseline - host.baseline
    if not _MIN_RAISE * size <= rise <= _MAX_RAISE * size or mark.size > 1.02 * host.size:
        return False
    if mark.size > _SMALLER * host.size and rise < 0.25 * size:
        return False
    gap = mark.left - host.right if after else host.left - mark.right
    return -0.3 * size <= gap <= _APART * size


def _attached(text: str, mark: str, following: str) -> str:
    """The text with what a mark after it says: an exponent, an ordinal's ending, the start of a fraction, a sign."""
    if following.startswith(("/", "⁄")) and mark.isdigit():
        return f"{text} {mark}" if text[-1:].isdigit() else text + mark
    if (re.fullmatch(r"\d{1,3}", mark) and _BASE.search(text)) or re.fullmatch(r"[-−]\d{1,3}", mark):
        return f"{text}^{mark}"
    if _LETTERS.fullmatch(mark) and (len(mark.rstrip(".")) > 1 or _ORDINAL.search(text + mark)):
        return text + mark
    return text if _MARK.fullmatch(mark) else text + mark


def _join(lines: list[Line]) -> list[Line]:
    """Joins parts of a line that PDFium has separated, for example after a raised character."""
    by_height = sorted(lines, key=lambda line: (-round(line.baseline), line.left))
    joined: list[Line] = []
    for index, line in enumerate(by_height):
        if joined and (item := _item(joined[-1], line)):
            joined[-1] = item
        elif joined and _belong(joined[-1], line) and not _is_cell_gap(joined[-1], line, by_height, index):
            joined[-1] = _joined(joined[-1], line)
        else:
            joined.append(line)
    joined = [line for line in joined if not _BULLET.match(line.text)]
    # Lowered characters, as in "CO2", are at another height, and follow in the content.
    in_order = sorted(joined, key=lambda line: line.order)
    result = in_order[:1]
    for line in in_order[1:]:
        gap = line.left - result[-1].right
        if _belong(result[-1], line) and gap < _NEIGHBOR * line.size:
            result[-1] = _joined(result[-1], line)
        else:
            result.append(line)
    return result


def _item(marker: Line, line: Line) -> Line | None:
    """The line without the bullet, or with the number, that precedes it."""
    size = max(line.size, 1.0)
    near = abs(marker.baseline - line.baseline) <= _MARKER_SHIFT * size
    if not near or not -0.3 * size <= line.left - marker.right <= _MARKER_GAP * size:
        return None
    in_order = 0 < line.order - marker.order <= _NEAR
    if _NUMBER.match(marker.text) and in_order and not line.cells:
        return msgspec.structs.replace(_joined(marker, line), size=line.size, bold=line.bold, item=True)
    if _BULLET.match(marker.text) or (_SIGN.match(marker.text) and in_order and line.text[0].isalpha()):
        return msgspec.structs.replace(line, item=True)
    return None


def _belong(line: Line, following: Line) -> bool:
    """Whether both may be parts of one line, from left to right."""
    size = max(line.size, following.size, 1.0)
    other_size = min(line.size, following.size) < _SMALLER * size
    if abs(line.baseline - following.baseline) > (0.4 if other_size else 0.12) * size:
        return False
    consecutive = 0 <= following.order - line.order <= _NEAR + line.parts
    return -0.3 * size <= following.left - line.right <= (_CELL_GAP if consecutive else _NEIGHBOR) * size


def _is_cell_gap(line: Line, following: Line, by_height: Sequence[Line], index: int) -> bool:
    """Whether the lines around have the same gap, so that it separates the cells of a table."""
    size = max(line.size, following.size)
    if following.left - line.right <= PART_GAP * size:
        return False
    left = right = False
    for step in (-1, 1):
        at = index + step
        for _ in range(_MAX_AROUND):
            if not 0 <= at < len(by_height) or abs(by_height[at].baseline - line.baseline) > _FAR_AROUND * size:
                break
            other = by_height[at]
            distance = abs(other.baseline - line.baseline)
            if distance > 0.5 * size:
                if distance < _AROUND * size and other.left < line.right and other.right > following.left:
                    return False
                left |= line.left < other.right <= following.left
                right |= line.right <= other.left < following.right
            at += step
    return left and right


def _joined(line: Line, following: Line) -> Line:
    gap = following.left - line.right
    wide = gap >= _SPACE * max(line.size, following.size) and following.text[0] not in ".,;:!?)]»”"
    spaced = line.spaced[1] or following.spaced[0] or wide
    text = join_texts(line.text, following.text) if spaced else line.text + following.text
    main = line if line.size * len(line.text) >= following.size * len(following.text) else following
    return msgspec.structs.replace(
        main,
        text=text,
        left=min(line.left, following.left),
        right=max(line.right, following.right),
        bottom=min(line.bottom, following.bottom),
        top=max(line.top, following.top),
        order=min(line.order, following.order),
        spaced=(line.spaced[0], following.spaced[1]),
        parts=line.parts + following.parts,
    )
