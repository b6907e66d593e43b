"""What reading a document produces: pages of blocks, each with the headings above it."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from lambda_src.document_reader.cleaning import clean

# Fewer letters and digits are a stamp or a stray mark, not a page's text.
_MIN_READABLE = 12

BlockKind = Literal["paragraph", "heading", "row", "contents"]


class Block(msgspec.Struct, frozen=True):
    """A paragraph, a heading, a row of a table, or a line of a table of contents.

    `path`: the headings in force, outermost first; for a heading, those above it. The cells of a row are separated by
    tabs, and `columns` are the names of their columns, if there are any. `before` and `after`: the parts of the block's
    first and last sentence that are on the previous and the next page.
    """

    text: str
    kind: BlockKind = "paragraph"
    path: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    before: str = ""
    after: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`number` counts from 1. `path`: the headings in force at the start of the page.

    `hidden_characters`: letters and digits that the page has but does not show, left out of the blocks.
    `unread_characters`: those beyond the most that are read of a page. `attached_files`: how many are attached to it.
    """

    number: int
    blocks: tuple[Block, ...] = ()
    path: tuple[str, ...] = ()
    has_graphics: bool = False
    hidden_characters: int = 0
    unread_characters: int = 0
    attached_files: int = 0

    @property
    def text(self) -> str:
        """The blocks, one per line."""
        return "\n".join(block.text for block in self.blocks)

    @property
    def has_text(self) -> bool:
        """Whether the page has readable text apart from headers and footers, and few unmapped glyphs."""
        text = self.text
        readable = sum(character.isalnum() for character in text)
        return readable >= _MIN_READABLE and text.count("\ufffd") * 3 < readable

    @property
    def needs_ocr(self) -> bool:
        """Whether the page shows something but has no text: a scan. An empty page needs no OCR."""
        return self.has_graphics and not self.has_text


def page_from_text(number: int, lines: Iterable[str], path: tuple[str, ...] = ()) -> Page:
    """A page from recognized lines. An empty line separates paragraphs; `path` is the scanned page's."""
    paragraphs: list[list[str]] = [[]]
    for line in map(clean, lines):
        if line:
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    texts = [_join_lines(paragraph) for paragraph in paragraphs if paragraph]
    return Page(number=number, blocks=tuple(Block(text, path=path) for text in texts), path=path)


def _join_lines(lines: list[str]) -> str:
    text = lines[0]
    for line in lines[1:]:
        hyphenated = text.endswith("-") and text[-2:-1].isalpha() and line[0].islower()
        text = text[:-1] + line if hyphenated else f"{text} {line}"
    return text
