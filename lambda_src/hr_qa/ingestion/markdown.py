"""Turns Markdown into HTML, whose reader then handles headings, lists, tables and the HTML within."""

from markdown_it import MarkdownIt


def to_html(text: str) -> str:
    """The HTML of CommonMark with tables. It is never shown, only read."""
    html: str = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return html
