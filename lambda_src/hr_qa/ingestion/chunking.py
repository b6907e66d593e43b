"""Splits pages into chunks: complete sentences of one page, with their headings and offsets."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

import msgspec

from lambda_src.hr_qa.chunk import Chunk
from lambda_src.hr_qa.ingestion.pages import Block, Page
from lambda_src.hr_qa.language import detect

# Characters. A chunk ends before a sentence that would exceed `_TARGET_SIZE`, or from `_MIN_SIZE` on at a heading.
_MIN_SIZE = 300
_TARGET_SIZE = 700
MAX_CHARACTERS = 1000
_MAX_OVERLAP = 250
CHUNKS_PER_PAGE = 1000
SEPARATOR = " > "

# Every repetition is bounded: documents are untrusted, and no input may make a pattern slow.
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]{0,3}\s(?=[\"'“‘«(\[¿¡•– -]{0,4}[A-ZÀ-ÖØ-Þ0-9#§])")
# Titles, references and units that are written with a dot, in all supported languages.
_ABBREVIATION_LIST = """
abr abs ago al approx apr art arts aug av bzw ca cf co corp d.h dec dept dez dr dra déc e.g ed est etc ex ext fev fig
févr ggf i.e inc incl inkl jan janv jul jun ltd ltda max min mr mrs ms no nos nov nr num n° nº núm o.ä oct p p.ex pag
par parág pp prof pág págs res seg sept sr sra ss st tel u.a usw vgl vol vs z.b ziff zzgl
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())
_MAX_ABBREVIATION = 12
_LIST_NUMBER = re.compile(r"\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]$")
_INITIALS = re.compile(r"(?:\b[^\W\d_]\.)+$")
_PAUSE = re.compile(r"[;:,]\s|\s")


class _Sentence(msgspec.Struct, frozen=True):
    text: str
    path: tuple[str, ...]
    starts_block: bool
    is_heading: bool


def chunk_pages(pages: Iterable[Page]) -> list[Chunk]:
    """The chunks of the pages. Those of a page do not depend on the other pages."""
    return [chunk for page in pages for chunk in _chunk_page(page)]


def embedding_text(title: str, chunk: Chunk) -> str:
    """The text to embed for a chunk: the document's title, the headings, and the chunk's text."""
    heading = [part for part in chunk.heading.split(SEPARATOR) if part and part.casefold() != title.casefold()]
    return "\n".join(filter(None, (title, SEPARATOR.join(heading), chunk.text)))


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph, stripped. A sentence that is too long is split at a pause."""
    parts = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match[0].strip() != "." or not _ends_in_abbreviation(text, start, match.start() + 1):
            parts.append(text[start : match.end()].strip())
            start = match.end()
    parts.append(text[start:].strip())
    return [piece for part in parts if part for piece in _split_long(part)]


def _ends_in_abbreviation(text: str, start: int, end: int) -> bool:
    """Whether the dot before `end` is part of an abbreviation, or of a list item's number."""
    word = text[max(start, text.rfind(" ", start, end) + 1, end - _MAX_ABBREVIATION) : end]
    if _LIST_NUMBER.fullmatch(word) and end - len(word) == start:
        return True
    return word.lstrip("(\"'“‘«[").rstrip(".").lower() in _ABBREVIATIONS or bool(_INITIALS.search(word))


def _split_long(sentence: str) -> Iterator[str]:
    while len(sentence) > MAX_CHARACTERS:
        pauses = [match.end() for match in _PAUSE.finditer(sentence, 0, _TARGET_SIZE)]
        strong_pauses = [match.end() for match in re.finditer(r"[;:]\s", sentence[:_TARGET_SIZE])]
        cut = max(strong_pauses or pauses or [_TARGET_SIZE])
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
    if sentence:
        yield sentence


def _chunk_page(page: Page) -> list[Chunk]:
    groups = _group([sentence for block in page.blocks for sentence in _sentences(block)])
    language = detect(page.text)
    return [_chunk(page.number, number, group, language) for number, group in enumerate(groups)]


def _sentences(block: Block) -> Iterator[_Sentence]:
    if block.kind == "contents":  # repeats every heading and answers nothing
        return
    single = block.kind != "paragraph" and len(block.text) <= MAX_CHARACTERS
    for index, text in enumerate([block.text] if single else sentences(block.text)):
        yield _Sentence(text, block.path, index == 0, block.kind == "heading")


def _group(all_sentences: Sequence[_Sentence]) -> list[list[_Sentence]]:
    groups: list[list[_Sentence]] = []
    group: list[_Sentence] = []
    carried = 0  # how many sentences at the group's start repeat the previous group's end
    for sentence in all_sentences:
        new_section = sentence.is_heading and group and not group[-1].is_heading
        if group and (_length([*group, sentence]) > _TARGET_SIZE or (new_section and _length(group) >= _MIN_SIZE)):
            group, following = _split_trailing_headings(group, carried)
            if group:
                groups.append(group)
            carried = 0 if sentence.is_heading or following else 1
            group = following or (_overlap(groups[-1], sentence) if carried else [])
            carried = len(group) if carried else 0
        group.append(sentence)
    if len(group) > carried:
        groups.append(group)
    return groups


def _split_trailing_headings(group: list[_Sentence], carried: int) -> tuple[list[_Sentence], list[_Sentence]]:
    """The group, and the headings at its end, which belong to the next group."""
    end = len(group)
    while end > carried and group[end - 1].is_heading:
        end -= 1
    # A group of headings only joins the next group, unless it is already long.
    if end == 0 and _length(group) > _TARGET_SIZE // 2:
        return group, []
    return group[:end], group[end:]


def _overlap(group: list[_Sentence], sentence: _Sentence) -> list[_Sentence]:
    last = group[-1]
    short = len(last.text) <= _MAX_OVERLAP and _length([last, sentence]) <= MAX_CHARACTERS
    return [last] if short and last.path == sentence.path and not last.is_heading else []


def _length(group: Sequence[_Sentence]) -> int:
    return sum(len(sentence.text) + 1 for sentence in group) - 1


def _chunk(page: int, number: int, group: list[_Sentence], language: str) -> Chunk:
    text = ""
    starts = []
    for sentence in group:
        text += ("\n" if sentence.starts_block else " ") if text else ""
        starts.append(len(text))
        text += sentence.text
    return Chunk(
        ordinal=page * CHUNKS_PER_PAGE + number,
        page=page,
        heading=SEPARATOR.join(_common_path(group)),
        text=text,
        sentences=tuple(starts),
        language=detect(text) or language,
    )


def _common_path(group: Sequence[_Sentence]) -> tuple[str, ...]:
    paths = [sentence.path for sentence in group if not sentence.is_heading] or [group[-1].path]
    levels = takewhile(lambda headings: len(set(headings)) == 1, zip(*paths, strict=False))
    return tuple(headings[0] for headings in levels)
