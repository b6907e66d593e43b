"""Turns Markdown into HTML, whose reader then handles headings, lists, tables and the HTML within."""

from markdown_it import MarkdownIt

# More lists in lists are left out, as the library does from 20 on.
_MAX_NESTING = 100


def to_html(text: str) -> str:
    """The HTML of CommonMark with tables. It is never shown, only read."""
    html: str = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"]).render(text)
    return html
