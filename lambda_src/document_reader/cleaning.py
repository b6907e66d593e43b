"""Cleans extracted text: removes invisible characters, expands ligatures, joins words hyphenated at line ends."""

import re
import unicodedata
from collections.abc import Collection

# PDFium's marks for a hyphen at a line end inside a word.
HYPHEN_AT_LINE_END = "\ufffe"
# Our mark between the lines of a narrow cell, which may break a word without a hyphen.
CELL_LINE_END = "\ufdd0"
_HYPHEN_MARKS = str.maketrans({"\x02": HYPHEN_AT_LINE_END})
# Cf: zero-width and bidi controls, soft hyphens, Unicode tags. Cc: controls. Co and Cs: glyphs without a character.
_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs"}
_INVISIBLE_CHARACTERS = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u3164", "\uffa0", "\ufffc"}
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)  # NFKC would also decompose "½" and "²".
# Longer strings are not words, and would make the patterns slow.
_MAX_WORD = 100
_BEFORE = re.compile(r"(\S*?)(\w+)$")
_AFTER = re.compile(r"\s*(\w+)(\S*)")
_TOKEN = re.compile(r"\S+")
_WORD = re.compile(r"\w+(?:-\w+)*")


def clean(text: str) -> str:
    """The text on one line. Keeps `HYPHEN_AT_LINE_END` for `join_hyphenated_words`."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = unicodedata.normalize("NFC", text.translate(_HYPHEN_MARKS).translate(_LIGATURES))
    kept = []
    for character in text:
        if (
            character == HYPHEN_AT_LINE_END
            or character.isspace()
            or (unicodedata.category(character) not in _INVISIBLE_CATEGORIES and not _is_hidden(character))
        ):
            kept.append(character)
    return " ".join("".join(kept).split())


def _is_hidden(character: str) -> bool:
    # Variation selectors change the look of the character before them, and can carry hidden bytes.
    return (
        character in _INVISIBLE_CHARACTERS
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def words(text: str) -> set[str]:
    """The words of a text in lower case; hyphenated ones also in parts, and none that are split at a line end."""
    vocabulary: set[str] = set()
    for token in _TOKEN.findall(text.lower()):
        if HYPHEN_AT_LINE_END not in token:
            for word in _WORD.findall(token):
                vocabulary.add(word)
                vocabulary.update(word.split("-"))
    return vocabulary


def join_hyphenated_words(text: str, vocabulary: Collection[str]) -> str:
    """Joins words that are split at line ends: "reimburse-|ment" loses its hyphen, "two-|week" keeps it.

    `vocabulary`: the words that the document uses elsewhere, in lower case.
    """
    joined, *parts = text.split(HYPHEN_AT_LINE_END)
    for part in parts:
        before = _BEFORE.search(joined[-_MAX_WORD:])
        after = _AFTER.match(part[:_MAX_WORD])
        if before and after and not _has_hyphen(before, after, vocabulary):
            joined += part.lstrip()
        else:
            joined += "-" + part.lstrip()
    return joined


def join_broken_words(text: str, vocabulary: Collection[str]) -> str:
    """Joins words that a narrow cell breaks without a hyphen, "maternidad|e"; other marks become spaces.

    `vocabulary`: the words that the document uses elsewhere, in lower case.
    """
    joined, *parts = text.split(CELL_LINE_END)
    for position, part in enumerate(parts, 1):
        before = _BEFORE.search(joined[-_MAX_WORD:])
        after = _AFTER.match(part[:_MAX_WORD])
        is_broken = False
        if before and after and (before[2] + after[1]).isalpha() and after[1].islower():
            # No cell ends in a conjunction alone on its line.
            ends = (
                len(after[1]) <= 2 and after[1] == part.partition("\t")[0] and ("\t" in part or position == len(parts))
            )
            is_broken = ends or (before[2] + after[1]).lower() in vocabulary
        joined += part if is_broken else f" {part}"
    return joined


def _has_hyphen(before: re.Match[str], after: re.Match[str], vocabulary: Collection[str]) -> bool:
    first, second = before[2], after[1]
    if re.search(r"[/@._]", before[1]) or re.match(r"[/@_]|\.\w", after[2]):
        return True  # part of an address
    if not (first + second).isalpha() or not second[0].islower():
        return True
    if (first + second).lower() in vocabulary:
        return False
    # "-ment" and "-tion" are not words.
    return f"{first}-{second}".lower() in vocabulary or second.lower() in vocabulary
