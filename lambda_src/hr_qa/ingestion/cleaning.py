"""Characters of extracted text: invisible ones go, ligatures become letters, words cut at line ends become whole."""

import re
import unicodedata
from collections.abc import Collection

# PDFium's marks for a hyphen at the end of a line, whose word goes on after it.
HYPHEN_AT_LINE_END = "\ufffe"
_HYPHEN_MARKS = str.maketrans({"\x02": HYPHEN_AT_LINE_END})
# Cf: zero-width and bidi controls, soft hyphens, Unicode tags. Cc: controls. Co and Cs: glyphs without a meaning.
_INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Cs"}
_MORE_INVISIBLE = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u3164", "\uffa0", "\ufffc"}
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)  # NFKC would take "½" and "²" apart, too.
# Longer ones are not words, and patterns take long over them.
_MAX_WORD = 100
_BEFORE = re.compile(r"(\S*?)(\w+)$")
_AFTER = re.compile(r"\s*(\w+)(\S*)")
_WHOLE = re.compile(r"\S+")
_WORD = re.compile(r"\w+(?:-\w+)*")


def clean(text: str) -> str:
    """One line of text. `HYPHEN_AT_LINE_END` stays for `join_cut_words`."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = unicodedata.normalize("NFC", text.translate(_HYPHEN_MARKS).translate(_LIGATURES))
    kept = []
    for character in text:
        if (
            character == HYPHEN_AT_LINE_END
            or character.isspace()
            or (unicodedata.category(character) not in _INVISIBLE and not _is_hidden(character))
        ):
            kept.append(character)
    return " ".join("".join(kept).split())


def _is_hidden(character: str) -> bool:
    # Variation selectors change how the character before them looks, and can carry hidden bytes.
    return (
        character in _MORE_INVISIBLE or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    )


def words(text: str) -> set[str]:
    """The words of a text in lower case, hyphenated ones whole and in parts; none that are cut at a line's end."""
    found: set[str] = set()
    for token in _WHOLE.findall(text.lower()):
        if HYPHEN_AT_LINE_END not in token:
            for word in _WORD.findall(token):
                found.add(word)
                found.update(word.split("-"))
    return found


def join_cut_words(text: str, vocabulary: Collection[str]) -> str:
    """Every word cut at a line's end made whole: "reimburse-|ment" loses its hyphen, "two-|week" keeps it.

    `vocabulary` are the words that the document uses elsewhere, in lower case.
    """
    whole, *parts = text.split(HYPHEN_AT_LINE_END)
    for part in parts:
        before = _BEFORE.search(whole[-_MAX_WORD:])
        after = _AFTER.match(part[:_MAX_WORD])
        if before and after and not _has_hyphen(before, after, vocabulary):
            whole += part.lstrip()
        else:
            whole += "-" + part.lstrip()
    return whole


def _has_hyphen(before: re.Match[str], after: re.Match[str], vocabulary: Collection[str]) -> bool:
    first, second = before[2], after[1]
    if re.search(r"[/@._]", before[1]) or re.match(r"[/@_]|\.\w", after[2]):
        return True  # in an address
    if not (first + second).isalpha() or not second[0].islower():
        return True
    if (first + second).lower() in vocabulary:
        return False
    # "-ment" and "-tion" are no words of their own.
    return f"{first}-{second}".lower() in vocabulary or second.lower() in vocabulary
