"""The numbers of a text in one notation, whether in digits or spelled out."""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from lambda_src.hr_qa.number_words import CONJUNCTIONS, OTHERS, TENS, UNITS

_DIGITS = re.compile(r"\d{1,50}(?:[.,]\d{1,50}){0,20}")
_WORD = re.compile(r"[^\W\d_]{1,30}")
_IDEOGRAPHS = re.compile("[〇零一二三四五六七八九十百]{1,7}")
_HUNDRED = 100
# What joins a unit to a ten in one word, with the unit first: "einundzwanzig", "vijfentwintig".
_JOINTS = {"de": "und", "nl": "en"}


def figures(text: str) -> set[str]:
    """The numbers in digits of any script: "1,500" and "1.500" are 1500, "٣" is 3."""
    return {_in_ascii(number) for number in _DIGITS.findall(text)}


def spelled_figures(text: str, language: str = "") -> set[str]:
    """The numbers up to 199 that a text spells out: "twelve", "cento e vinte", "einundzwanzig", "十五".

    In English, Portuguese, Spanish, French, German, Italian and Dutch, and in Chinese characters. All numbers that a
    word may belong to are given: "cento e vinte" is 100, 20 and 120. `language` is the text's; without one, words of
    all these languages count ("once" is 11).
    """
    words = _WORDS.get(language, {} if language else _ALL_WORDS)
    numbers: set[int] = set()
    total = 0
    for word in _WORD.findall(_without_accents(text)):
        value = words.get(word)
        if value is None:
            total = total if word in CONJUNCTIONS else 0
            continue
        total = _continued(total, value)
        numbers |= {total, value}
    numbers.update(_composed(found) for found in _IDEOGRAPHS.findall(text))
    return {str(number) for number in numbers}


def _continued(total: int, value: int) -> int:
    """The number so far with the value of one more word; the value alone if that begins another number."""
    if (total, value) in ((4, 20), (104, 20)):  # quatre-vingts
        return total + 76
    if total == _HUNDRED and 0 < value < _HUNDRED:
        return total + value
    tens = total % _HUNDRED
    return total + value if tens >= 20 and tens % 10 == 0 and 0 < value < 20 else value


def _composed(ideographs: str) -> int:
    """15 for 十五, 120 for 百二十."""
    total, unit = 0, 0
    for character in ideographs:
        value = int(unicodedata.numeric(character))
        if value in (10, _HUNDRED):
            total, unit = total + (unit or 1) * value, 0
        else:
            unit = unit * 10 + value
    return total + unit


def _in_ascii(number: str) -> str:
    digits = "".join(str(unicodedata.decimal(character)) for character in number if character not in ".,")
    return digits.lstrip("0") or "0"


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _words(language: str) -> Iterator[tuple[str, int]]:
    units = [*enumerate(UNITS[language].split(), 1)]
    tens = [(number * 10, word) for number, word in enumerate(TENS[language].split(), 2)]
    yield from ((word, number) for number, word in (*units, *tens))
    yield from OTHERS[language].items()
    for unit, name in units[:9]:
        if language == "es":
            yield f"veinti{name}", 20 + unit
        for ten, ten_name in tens[:8]:
            if language in _JOINTS:
                yield f"{name}{_JOINTS[language]}{ten_name}", ten + unit
            elif language == "it":
                yield f"{ten_name[:-1] if name[0] in 'ou' else ten_name}{name}", ten + unit


_WORDS: Mapping[str, Mapping[str, int]] = {language: dict(_words(language)) for language in UNITS}
_ALL_WORDS = {word: number for words in _WORDS.values() for word, number in words.items()}
