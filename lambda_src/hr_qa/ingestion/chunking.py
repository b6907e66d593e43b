"""Pages into chunks: whole sentences of one page under their headings, each with where its sentences start."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

import msgspec

from lambda_src.hr_qa.ingestion.pages import Block, Page
from lambda_src.hr_qa.language import detect

# Characters. A chunk is closed before the sentence that would make it longer than `_FULL`; under a new heading from
# `_ENOUGH` on.
_ENOUGH = 300
_FULL = 700
MAX_CHARACTERS = 1000
_MAX_OVERLAP = 250
CHUNKS_A_PAGE = 1000
SEPARATOR = " > "

# Every repetition is bounded: documents come from strangers, and a pattern must not take long over any of them.
_END = re.compile(r"[.!?…][\"'”’»)\]]{0,3}\s(?=[\"'“‘«(\[¿¡•– -]{0,4}[A-ZÀ-ÖØ-Þ0-9#§])")
# Titles, references and measures with a dot, of every language.
_WITH_DOT = """
abr abs ago al approx apr art arts aug av bzw ca cf co corp d.h dec dept dez dr dra déc e.g ed est etc ex ext fev fig
févr ggf i.e inc incl inkl jan janv jul jun ltd ltda max min mr mrs ms no nos nov nr num n° nº núm o.ä oct p p.ex pag
par parág pp prof pág págs res seg sept sr sra ss st tel u.a usw vgl vol vs z.b ziff zzgl
"""
_ABBREVIATIONS = frozenset(_WITH_DOT.split())
_MAX_ABBREVIATION = 12
_LIST_NUMBER = re.compile(r"\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]$")
_INITIALS = re.compile(r"(?:\b[^\W\d_]\.)+$")
_PAUSE = re.compile(r"[;:,]\s|\s")


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """`sentences`: where each sentence starts in `text`; it ends where the next one starts.

    `heading`: the headings that all of the text stands under, outermost first. `language`: a code, or "".
    """

    ordinal: int
    page: int
    heading: str
    text: str
    sentences: tuple[int, ...]
    language: str


class _Sentence(msgspec.Struct, frozen=True):
    text: str
    path: tuple[str, ...]
    starts_block: bool
    is_heading: bool


def chunk_pages(pages: Iterable[Page]) -> list[Chunk]:
    """The chunks of these pages; the same for a page whichever others are given with it."""
    return [chunk for page in pages for chunk in _chunk_page(page)]


def embedding_text(title: str, chunk: Chunk) -> str:
    """What is embedded for a chunk: its text after the titles that say what it is about."""
    heading = [part for part in chunk.heading.split(SEPARATOR) if part and part.casefold() != title.casefold()]
    return "\n".join(filter(None, (title, SEPARATOR.join(heading), chunk.text)))


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph, without the space between them; one that is too long is cut at a pause."""
    found = []
    start = 0
    for match in _END.finditer(text):
        if match[0].strip() != "." or not _ends_in_abbreviation(text, start, match.start() + 1):
            found.append(text[start : match.end()].strip())
            start = match.end()
    found.append(text[start:].strip())
    return [part for sentence in found if sentence for part in _fitting(sentence)]


def _ends_in_abbreviation(text: str, start: int, end: int) -> bool:
    """Whether the dot before `end` belongs to its word, or to the number of a list's item."""
    word = text[max(start, text.rfind(" ", start, end) + 1, end - _MAX_ABBREVIATION) : end]
    if _LIST_NUMBER.fullmatch(word) and end - len(word) == start:
        return True
    return word.lstrip("(\"'“‘«[").rstrip(".").lower() in _ABBREVIATIONS or bool(_INITIALS.search(word))


def _fitting(sentence: str) -> Iterator[str]:
    while len(sentence) > MAX_CHARACTERS:
        pauses = [match.end() for match in _PAUSE.finditer(sentence, 0, _FULL)]
        better = [match.end() for match in re.finditer(r"[;:]\s", sentence[:_FULL])]
        cut = max(better or pauses or [_FULL])
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
    if sentence:
        yield sentence


def _chunk_page(page: Page) -> list[Chunk]:
    groups = _grouped([sentence for block in page.blocks for sentence in _sentences(block)])
    language = detect(page.text)
    return [_chunk(page.number, number, group, language) for number, group in enumerate(groups)]


def _sentences(block: Block) -> Iterator[_Sentence]:
    if block.kind == "contents":  # lists every heading, and answers nothing
        return
    whole = block.kind != "paragraph" and len(block.text) <= MAX_CHARACTERS
    for index, text in enumerate([block.text] if whole else sentences(block.text)):
        yield _Sentence(text, block.path, index == 0, block.kind == "heading")


def _grouped(all_sentences: Sequence[_Sentence]) -> list[list[_Sentence]]:
    groups: list[list[_Sentence]] = []
    group: list[_Sentence] = []
    carried = 0  # the sentences at the group's start that are the last group's, too
    for sentence in all_sentences:
        new_section = sentence.is_heading and group and not group[-1].is_heading
        if group and (_length([*group, sentence]) > _FULL or (new_section and _length(group) >= _ENOUGH)):
            group, following = _closed(group, carried)
            if group:
                groups.append(group)
            carried = 0 if sentence.is_heading or following else 1
            group = following or (_overlap(groups[-1], sentence) if carried else [])
            carried = len(group) if carried else 0
        group.append(sentence)
    if len(group) > carried:
        groups.append(group)
    return groups


def _closed(group: list[_Sentence], carried: int) -> tuple[list[_Sentence], list[_Sentence]]:
    """The group without headings at its end: they belong to what follows."""
    end = len(group)
    while end > carried and group[end - 1].is_heading:
        end -= 1
    # A group of nothing but headings stays with what follows, unless that makes it too long.
    if end == 0 and _length(group) > _FULL // 2:
        return group, []
    return group[:end], group[end:]


def _overlap(group: list[_Sentence], sentence: _Sentence) -> list[_Sentence]:
    last = group[-1]
    fits = len(last.text) <= _MAX_OVERLAP and _length([last, sentence]) <= MAX_CHARACTERS
    return [last] if fits and last.path == sentence.path and not last.is_heading else []


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
        ordinal=page * CHUNKS_A_PAGE + number,
        page=page,
        heading=SEPARATOR.join(_common_path(group)),
        text=text,
        sentences=tuple(starts),
        language=detect(text) or language,
    )


def _common_path(group: Sequence[_Sentence]) -> tuple[str, ...]:
    paths = [sentence.path for sentence in group if not sentence.is_heading] or [group[-1].path]
    return tuple(one[0] for one in takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False)))
