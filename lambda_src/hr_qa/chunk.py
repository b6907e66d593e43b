"""The unit of search: a part of one page."""

import msgspec


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences of one page. `ordinal` is unique in the document and rises with the pages.

    `sentences`: where each sentence starts in `text`; it ends where the next one starts. `heading`: the headings that
    all of the text is under, outermost first. `language`: a code, or "" if unknown.
    """

    ordinal: int
    page: int
    heading: str
    text: str
    sentences: tuple[int, ...]
    language: str
