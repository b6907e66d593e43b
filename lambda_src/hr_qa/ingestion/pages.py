"""What reading a document gives: pages of blocks, each with the headings that it stands under."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from lambda_src.hr_qa.ingestion.cleaning import clean

# Fewer letters and digits than this are a stamp or a stray mark, not a page's text.
_MEANINGFUL = 12


class Block(msgspec.Struct, frozen=True):
    """A paragraph, a heading, a row of a table or a line of a table of contents.

    `path`: the headings in force, outermost first; for a heading those above it.
    """

    text: str
    kind: Literal["paragraph", "heading", "row", "contents"] = "paragraph"
    path: tuple[str, ...] = ()


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`number` counts from 1. `path`: the headings in force where the page begins."""

    number: int
    blocks: tuple[Block, ...] = ()
    path: tuple[str, ...] = ()
    has_graphics: bool = False

    @property
    def text(self) -> str:
        """The blocks, one a line."""
        return "\n".join(block.text for block in self.blocks)

    @property
    def has_text(self) -> bool:
        """Whether the page says something: headers and footers do not count, nor do glyphs without a meaning."""
        text = self.text
        readable = sum(character.isalnum() for character in text)
        return readable >= _MEANINGFUL and text.count("\ufffd") * 3 < readable

    @property
    def needs_ocr(self) -> bool:
        """Whether there is something to see, but no text: a scan. An empty page needs nothing."""
        return self.has_graphics and not self.has_text


def page_from_text(number: int, lines: Iterable[str], path: tuple[str, ...] = ()) -> Page:
    """A page whose text was recognised from its picture. An empty line parts paragraphs; `path` is that of the scan."""
    paragraphs: list[list[str]] = [[]]
    for line in map(clean, lines):
        if line:
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    texts = [_joined(paragraph) for paragraph in paragraphs if paragraph]
    return Page(number=number, blocks=tuple(Block(text, path=path) for text in texts), path=path)


def _joined(lines: list[str]) -> str:
    text = lines[0]
    for line in lines[1:]:
        cut = text.endswith("-") and text[-2:-1].isalpha() and line[0].islower()
        text = text[:-1] + line if cut else f"{text} {line}"
    return text
