"""
Markdown of models and users as HTML that is safe to show.

Everything that the text says is escaped. Links are not active, since a document may have made the model write them:
the reader sees the address. Images are never loaded, because their address could carry data away.
"""

import html
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

# Longer texts are shown as they are: 100,000 characters take up to half a second.
_MAX_CHARACTERS = 100_000
_TAG = re.compile(r"<[^>]*>")
# The browser writes the numbers of a list.
_LIST_NUMBER = re.compile(r"^[\s>*+-]*\d+[.)](?=\s)", re.MULTILINE)


class _Renderer(RendererHTML):
    """Renders links as text with their address, images as their description, and code with a button to copy it.

    `options` has the button's label in `copy`.
    """

    def link_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return '<span class="link">'

    def link_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        opened = next(place for place in range(index, -1, -1) if tokens[place].type == "link_open")
        text = "".join(token.content for token in tokens[opened + 1 : index])
        return f"</span>{_address(tokens[opened], 'href', text)}"

    def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        description = self.renderInlineAsText(token.children or [], options, env)
        return html.escape(description) + _address(token, "src", description)

    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return self.code_block(tokens, index, options, env)

    def code_block(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        language = f'<span class="language">{html.escape(token.info.strip())}</span>'
        copy = f'<button type="button" class="copy">{html.escape(env["copy"])}</button>'
        return (
            f'<div class="code"><div class="code-head">{language}{copy}</div>'
            f'<pre tabindex="0"><code>{html.escape(token.content)}</code></pre></div>\n'
        )

    def table_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        # The keyboard scrolls only what has the focus.
        return '<div class="table" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</table></div>\n"

    def heading_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f'<p class="heading" role="heading" aria-level="{_level(tokens[index], env["headings"])}">'

    def heading_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</p>\n"


def _level(token: Token, above: list[str]) -> int:
    """The heading's level below the page's title, without gaps, whatever the model chose. `above`: what it is in."""
    while above and above[-1] >= token.tag:
        above.pop()
    above.append(token.tag)
    return min(6, 1 + len(above))


def _address(token: Token, attribute: str, text: str) -> str:
    """The address and title in parentheses, unless the text is the address."""
    address, title = str(token.attrs.get(attribute, "")), str(token.attrs.get("title", ""))
    shown = " ".join(filter(None, (address, title)))
    return f' <span class="address">({html.escape(shown)})</span>' if shown and shown != text.strip() else ""


_PARSER = (
    MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    .enable(["table", "strikethrough"])
    # A definition of a link vanishes from the text, and `&lt;` in an answer about HTML is meant as it is.
    .disable(["entity", "reference"])
)
# Addresses are only shown. To encode them, or to refuse some, would hide what the text says.
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]
_PARSER.normalizeLink = lambda url: url  # type: ignore[method-assign]


def as_html(text: str, copy: str) -> str:
    """The text as HTML. `copy` is the label of the buttons (`.copy`) that copy the code next to them (`.code code`).

    A text that is too long, or that would lose letters or digits, stays as it is: Markdown drops, for example, a
    table's surplus cells, and what is nested too deeply.
    """
    if len(text) <= _MAX_CHARACTERS:
        rendered = str(_PARSER.render(text, {"copy": copy, "headings": []}))
        if _characters(_LIST_NUMBER.sub("", text)) <= _characters(html.unescape(_TAG.sub("", rendered))):
            return rendered
    return f'<p class="verbatim">{html.escape(text)}</p>'


def _characters(text: str) -> Counter[str]:
    return Counter(filter(str.isalnum, text))
