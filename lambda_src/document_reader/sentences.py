"""Splits paragraphs into sentences, in any script."""

import re
from collections.abc import Iterator

# Characters of the longest sentence, and of the parts of a longer one.
MAX_CHARACTERS = 1000
PART_SIZE = 700

_CLOSING = "\"'”’»)\\]」』）】〉》"
_OPENING = "\"'“‘«(\\[¿¡•– 「『（【〈《-"
# Every repetition is bounded: documents are untrusted, and no input may make a pattern slow.
# Full stops of scripts with spaces, which need one; and those of scripts without.
_SENTENCE_END = re.compile(
    rf"[.!?…؟۔।॥։።][{_CLOSING}]{{0,3}}\s(?=[{_OPENING}]{{0,4}}([^\s{_OPENING}]))|[。！？｡．](?!\d)[{_CLOSING}]{{0,3}}()"
)
# Titles, references and units that are written with a dot.
_ABBREVIATION_LIST = """
abr abs ago al approx apr art arts aug av bzw ca cf co corp d.h dec dept dez dr dra déc e.g ed est etc ex ext fev fig
févr ggf i.e inc incl inkl jan janv jul jun ltd ltda max min mr mrs ms no nos nov nr num n° nº núm o.ä oct p p.ex pag
par parág pp prof pág págs res seg sept sr sra ss st tel u.a usw vgl vol vs z.b ziff zzgl
абз вкл гг гл др им кв млн млрд напр обл пп пр проф ред руб рис см ср ст стр табл тел тыс т.д т.е т.п ул утв ч
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())
_MAX_ABBREVIATION = 12
_LIST_NUMBER = re.compile(r"\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]$")
_INITIALS = re.compile(r"(?:\b[^\W\d_]\.)+$")
_STRONG_PAUSE = re.compile(r"[;:]\s|[；：]")
_PAUSE = re.compile(r"[;:,]\s|\s|[、，；：]")
_UNFINISHED = re.compile(rf"[^.!?…؟۔।॥։።。！？｡．:;：；][{_CLOSING}]{{0,3}}$")


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph, stripped. A sentence that is too long is split at a pause."""
    parts = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match[1] and not _may_start(match[1]):
            continue
        if match[0].strip() != "." or not _ends_in_abbreviation(text, start, match.start() + 1):
            parts.append(text[start : match.end()].strip())
            start = match.end()
    parts.append(text[start:].strip())
    return [piece for part in parts if part for piece in _split_long(part)]


def is_unfinished(text: str) -> bool:
    """Whether the text ends within a sentence."""
    return bool(_UNFINISHED.search(text[-8:]))


def _may_start(character: str) -> bool:
    """Whether a sentence may start with the character: anything but a lower-case letter or a punctuation mark."""
    # Georgian letters count as lower case and have no other case in texts.
    return (
        character in "#§"
        or character.isdigit()
        or "ა" <= character <= "ჿ"
        or (character.isalpha() and not character.islower())
    )


def _ends_in_abbreviation(text: str, start: int, end: int) -> bool:
    """Whether the dot before `end` is part of an abbreviation, or of a list item's number."""
    word = text[max(start, text.rfind(" ", start, end) + 1, end - _MAX_ABBREVIATION) : end]
    if _LIST_NUMBER.fullmatch(word) and end - len(word) == start:
        return True
    return word.lstrip("(\"'“‘«[").rstrip(".").lower() in _ABBREVIATIONS or bool(_INITIALS.search(word))


def _split_long(sentence: str) -> Iterator[str]:
    while len(sentence) > MAX_CHARACTERS:
        pauses = [match.end() for match in _PAUSE.finditer(sentence, 0, PART_SIZE)]
        strong_pauses = [match.end() for match in _STRONG_PAUSE.finditer(sentence, 0, PART_SIZE)]
        cut = max(strong_pauses or pauses or [PART_SIZE])
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
    if sentence:
        yield sentence
