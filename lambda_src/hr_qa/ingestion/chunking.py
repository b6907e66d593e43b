"""Splits pages into chunks: complete sentences of one page, with their headings and offsets."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile, zip_longest

import msgspec

from lambda_src.document_reader.joining import join_texts
from lambda_src.document_reader.pages import Block, Page
from lambda_src.document_reader.sentences import MAX_CHARACTERS, sentences
from lambda_src.hr_qa.chunk import SEPARATOR, Chunk, column_names, with_page_breaks
from lambda_src.hr_qa.language import detect
from lambda_src.shared.rows import CELL_SEPARATOR, row_text

# Characters. A chunk ends before a sentence that would exceed `_TARGET_SIZE`, or from `_MIN_SIZE` on at a heading.
_MIN_SIZE = 300
_TARGET_SIZE = 700
_MAX_OVERLAP = 250
# A group with fewer characters joins its neighbor, and one that begins within a section ends at the next heading.
_STUB_SIZE = 40
_REST_SIZE = 100
_MAX_ROW_NAME = 60
# The language of a shorter chunk, a row of names and amounts perhaps, is its page's.
_DETECTED_SIZE = 150
# The nearest headings that are embedded with a chunk, their characters in total, and those of the names of columns.
_EMBEDDED_HEADINGS = 2
_EMBEDDED_HEADING = 80
_EMBEDDED_COLUMNS = 200
# At least as many as `MAX_CHARACTERS` of a page can become.
CHUNKS_PER_PAGE = 10_000


class _Sentence(msgspec.Struct, frozen=True):
    text: str
    path: tuple[str, ...]
    starts_block: bool
    is_heading: bool
    # The names of a table row's columns.
    columns: tuple[str, ...] = ()

    @property
    def is_head(self) -> bool:
        """Whether the row has the names."""
        return bool(self.columns) and self.text == row_text(self.columns)


def chunk_pages(pages: Iterable[Page]) -> list[Chunk]:
    """The chunks of the pages. Those of a page do not depend on the other pages."""
    return [chunk for page in pages for chunk in _chunk_page(page)]


def embedding_text(title: str, chunk: Chunk) -> str:
    """The text to embed, and to search by words: title, nearest headings, names of columns, and the chunk's text.

    All headings of a deeply divided law would outweigh the text.
    """
    headings = [part for part in chunk.heading.split(SEPARATOR) if part and part.casefold() != title.casefold()]
    columns = column_names(chunk.heading)
    if columns:
        headings.pop()
    nearest = [heading[:_EMBEDDED_HEADING] for heading in headings[-_EMBEDDED_HEADINGS:]]
    if sum(map(len, nearest)) > _EMBEDDED_HEADING:
        nearest = nearest[-1:]
    row = " | ".join(filter(None, columns))[:_EMBEDDED_COLUMNS]
    return "\n".join(filter(None, (title, SEPARATOR.join(nearest), row, chunk.text)))


def _chunk_page(page: Page) -> list[Chunk]:
    # "Contents" is the heading of nothing else.
    blocks = [
        block
        for block, following in zip_longest(page.blocks, page.blocks[1:])
        if not (block.kind == "heading" and following and following.kind == "contents")
    ]
    groups = _group([sentence for block in blocks for sentence in _sentences(block)])
    language = detect(page.text)
    return [_chunk(page.number, number, group, language) for number, group in enumerate(groups)]


def _sentences(block: Block) -> Iterator[_Sentence]:
    if block.kind == "contents":  # repeats every heading and answers nothing
        return
    if block.kind == "row":
        yield from _row(block)
        return
    single = block.kind == "heading" and len(block.text) <= MAX_CHARACTERS
    text = with_page_breaks(block.before, block.text, block.after)
    for index, sentence in enumerate([text] if single else sentences(text)):
        yield _Sentence(sentence, block.path, index == 0, block.kind == "heading")


def _row(block: Block) -> Iterator[_Sentence]:
    """A row as one sentence. The cells of a longer one are separate, in their columns, under the name of the row."""
    if len(block.text) <= _TARGET_SIZE:
        yield _Sentence(block.text, block.path, starts_block=True, is_heading=False, columns=block.columns)
        return
    cells = block.text.split(CELL_SEPARATOR)
    path = (*block.path, cells[0]) if 0 < len(cells[0]) <= _MAX_ROW_NAME else block.path
    for number, cell in enumerate(cells):
        for index, text in enumerate(text for item in cell.split("\n") for text in sentences(item)):
            yield _Sentence(CELL_SEPARATOR * number + text, path, index == 0, is_heading=False, columns=block.columns)


def _group(all_sentences: Sequence[_Sentence]) -> list[list[_Sentence]]:
    groups: list[list[_Sentence]] = []
    group: list[_Sentence] = []
    heads: dict[tuple[str, ...], _Sentence] = {}
    carried = 0  # how many sentences at the group's start repeat what is before it
    for sentence in all_sentences:
        if sentence.is_head:
            heads[sentence.columns] = sentence
        if group and (_length([*group, sentence]) > _TARGET_SIZE or _is_new_part(group, sentence)):
            group, following = _split_trailing_headings(group, carried)
            if group:
                groups.append(group)
            group = following or (_repeated(groups[-1], sentence, heads) if groups else [])
            carried = 0 if following else len(group)
        group.append(sentence)
    if len(group) > carried:
        groups.append(group)
    return _without_stubs(groups)


def _is_new_part(group: Sequence[_Sentence], sentence: _Sentence) -> bool:
    """Whether the sentence begins a section or a table that is better in a chunk of its own."""
    length = _length(group)
    if sentence.columns:
        columns = next((each.columns for each in reversed(group) if each.columns), sentence.columns)
        return columns != sentence.columns and length >= _REST_SIZE
    if not sentence.is_heading or group[-1].is_heading:
        return False
    # The heading of a section that began earlier is not in the text, and would be lost in a chunk of two sections.
    return length >= (_MIN_SIZE if group[0].is_heading or not group[0].path else _REST_SIZE)


def _repeated(
    group: Sequence[_Sentence], sentence: _Sentence, heads: dict[tuple[str, ...], _Sentence]
) -> list[_Sentence]:
    """What a chunk repeats before a sentence: the names of a row's columns, or the previous sentence."""
    if sentence.is_heading:
        return []
    if sentence.columns:
        head = heads.get(sentence.columns)
        fits = head is not None and head is not sentence and _length([head, sentence]) <= MAX_CHARACTERS
        return [head] if head is not None and fits else []
    return _overlap(group, sentence)


def _without_stubs(groups: list[list[_Sentence]]) -> list[list[_Sentence]]:
    """Groups of a few words join the group before or after them."""
    result: list[list[_Sentence]] = []
    for group in groups:
        if result and min(_length(result[-1]), _length(group)) < _STUB_SIZE:
            fresh = [sentence for sentence in group if sentence not in result[-1]]
            if _length([*result[-1], *fresh]) <= MAX_CHARACTERS and len(_columns([*result[-1], *fresh])) < 2:
                result[-1] = [*result[-1], *fresh]
                continue
        result.append(group)
    return result


def _columns(group: Sequence[_Sentence]) -> set[tuple[str, ...]]:
    return {sentence.columns for sentence in group if sentence.columns}


def _split_trailing_headings(group: list[_Sentence], carried: int) -> tuple[list[_Sentence], list[_Sentence]]:
    """The group, and the headings at its end, which belong to the next group."""
    end = len(group)
    while end > carried and group[end - 1].is_heading:
        end -= 1
    # A group of headings only joins the next group, unless it is already long.
    if end == 0 and _length(group) > _TARGET_SIZE // 2:
        return group, []
    return group[:end], group[end:]


def _overlap(group: Sequence[_Sentence], sentence: _Sentence) -> list[_Sentence]:
    last = group[-1]
    short = len(last.text) <= _MAX_OVERLAP and _length([last, sentence]) <= MAX_CHARACTERS
    return [last] if short and last.path == sentence.path and not last.is_heading else []


def _length(group: Sequence[_Sentence]) -> int:
    return sum(len(sentence.text) + 1 for sentence in group) - 1


def _chunk(page: int, number: int, group: list[_Sentence], language: str) -> Chunk:
    text = ""
    starts = []
    for sentence in group:
        if text and sentence.starts_block:
            text += "\n"
        elif text:
            text = join_texts(text, sentence.text)[: -len(sentence.text)]
        starts.append(len(text))
        text += sentence.text
    return Chunk(
        ordinal=page * CHUNKS_PER_PAGE + number,
        page=page,
        heading=SEPARATOR.join((*_common_path(group), *_common_columns(group))),
        text=text,
        sentences=tuple(starts),
        language=detect(text) if len(text) >= _DETECTED_SIZE else language,
    )


def _common_path(group: Sequence[_Sentence]) -> tuple[str, ...]:
    paths = [sentence.path for sentence in group if not sentence.is_heading] or [group[-1].path]
    levels = takewhile(lambda headings: len(set(headings)) == 1, zip(*paths, strict=False))
    return tuple(headings[0] for headings in levels)


def _common_columns(group: Sequence[_Sentence]) -> list[str]:
    """The names of the columns of the group's rows, as the innermost heading."""
    columns = _columns(group)
    return [row_text(columns.pop()).replace(SEPARATOR, " ")] if len(columns) == 1 else []
