"""The numbers of a Word document's paragraphs: "4.2" of a heading, "a)" of a list. Its text does not have them."""

from collections.abc import Iterator

import msgspec
from lxml import etree

from lambda_src.document_reader.office import attribute, child, local

_LEVELS = 9
_ROMAN = {1000: "m", 900: "cm", 500: "d", 400: "cd", 100: "c", 90: "xc", 50: "l", 40: "xl", 10: "x", 9: "ix", 5: "v"}
_ROMAN |= {4: "iv", 1: "i"}
_MAX_ROMAN = 4_000
_MAX_LABEL = 30


class _Level(msgspec.Struct, frozen=True):
    start: int
    format: str
    # "%1.%2": the numbers of the first and the second level.
    text: str


class Numbering:
    """Counts the numbered paragraphs, which must be asked for in the document's order."""

    def __init__(self, root: etree._Element | None) -> None:
        self._levels: dict[str, dict[int, _Level]] = {}
        self._lists: dict[str, str] = {}
        self._restarts: dict[str, dict[int, int]] = {}
        self._counts: dict[str, list[int | None]] = {}
        for element in root if root is not None else ():
            if local(element) == "abstractNum":
                self._levels[attribute(element, "abstractNumId") or ""] = dict(_levels(element))
            elif local(element) == "num":
                number = attribute(element, "numId") or ""
                self._lists[number] = attribute(child(element, "abstractNumId")) or ""
                self._restarts[number] = dict(_restarts(element))

    def label(self, number: str, level: int) -> str:
        """The number of the next paragraph of this list and level, or "" for bullets and unknown lists."""
        abstract = self._lists.get(number, "")
        levels = self._levels.get(abstract, {})
        if level not in levels:
            return ""
        counts = self._counts.setdefault(abstract, [None] * _LEVELS)
        for restarted, start in self._restarts.pop(number, {}).items():
            counts[restarted] = start - 1
        count = counts[level]
        counts[level] = levels[level].start if count is None else count + 1
        counts[level + 1 :] = [None] * (_LEVELS - level - 1)
        if levels[level].format in ("bullet", "none"):
            return ""
        text = levels[level].text
        for each, definition in levels.items():
            count = counts[each]
            shown = definition.start if count is None else count
            text = text.replace(f"%{each + 1}", _formatted(shown, definition.format))
        return text[:_MAX_LABEL].strip()


def to_integer(text: str | None, default: int = 0) -> int:
    """The number, from 0 to 99,999; `default` for what is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 5 else default


def _levels(abstract: etree._Element) -> Iterator[tuple[int, _Level]]:
    for element in abstract:
        level = to_integer(attribute(element, "ilvl"), _LEVELS)
        if local(element) == "lvl" and level < _LEVELS:
            start = to_integer(attribute(child(element, "start")), 1)
            number_format = attribute(child(element, "numFmt")) or "decimal"
            text = (attribute(child(element, "lvlText")) or "")[:_MAX_LABEL]
            yield level, _Level(start, number_format, text)


def _restarts(number: etree._Element) -> Iterator[tuple[int, int]]:
    for element in number:
        level = to_integer(attribute(element, "ilvl"), _LEVELS)
        start = child(element, "startOverride")
        if local(element) == "lvlOverride" and start is not None and level < _LEVELS:
            yield level, to_integer(attribute(start), 1)


def _formatted(number: int, number_format: str) -> str:
    if number_format in ("lowerLetter", "upperLetter") and number > 0:
        letters = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 3)
        return letters.upper() if number_format == "upperLetter" else letters
    if number_format in ("lowerRoman", "upperRoman") and 0 < number < _MAX_ROMAN:
        roman = ""
        for value, digits in _ROMAN.items():
            roman += digits * (number // value)
            number %= value
        return roman.upper() if number_format == "upperRoman" else roman
    return f"{number:02}" if number_format == "decimalZero" else str(number)
