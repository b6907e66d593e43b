"""Markdown as safe HTML."""

import html
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.markdown import as_html

ALLOWED = {
    "p": {"class", "role", "aria-level"},
    "div": {"class", "tabindex"},
    "span": {"class"},
    "button": {"type", "class"},
    "pre": {"tabindex"},
    "ol": {"start"},
    "th": {"style"},
    "td": {"style"},
    **{
        name: set[str]()
        for name in ["ul", "li", "blockquote", "code", "strong", "em", "s", "br", "hr", "table", "thead", "tbody", "tr"]
    },
}  # fmt: skip
PIECES = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<a href='//x.example' title=\"y\">", "<style>",
    "[a](javascript:alert(1))", "![a](https://x.example/?q=1)", "<https://x.example>", "[a]: https://x.example\n",
    "<!--", "[a]", "```", "`", "~~~", "|a|b|\n|-|-:|\n|1|2|3|\n", "- ", "1. ", "> ", "\n", "\n\n", "    ", "**",
    "_", "~~", "# ", "&lt;", "&#x3c;", "\\", '"', "'", "<", ">", "](", "![", "word", "é", "\u202e", "]]>", "<?php ?>",
    "\x00",
)  # fmt: skip


class _Checked(HTMLParser):
    """Collects the tags, attributes and text of a piece of HTML."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.others: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)


def _assert_safe(text: str) -> _Checked:
    checked = _Checked(as_html(text, "Copy"))
    for tag, attributes in checked.tags:
        assert tag in ALLOWED, tag
        assert set(attributes) <= ALLOWED[tag], (tag, attributes)
        assert re.fullmatch(r"|text-align:(left|center|right)", attributes.get("style") or "")
    assert checked.open == []
    assert checked.others == []
    return checked


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=30).map("".join))
def test_any_text_is_safe_and_keeps_its_letters(text: str) -> None:
    checked = _assert_safe(text)

    assert Counter(filter(str.isalpha, text)) <= Counter(filter(str.isalpha, checked.text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**bold** and `code`", "<p><strong>bold</strong> and <code>code</code></p>\n"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        ("# Title", '<p class="heading" role="heading" aria-level="2">Title</p>\n'),
        (
            "### A\n##### B\n# C",
            '<p class="heading" role="heading" aria-level="2">A</p>\n'
            '<p class="heading" role="heading" aria-level="3">B</p>\n'
            '<p class="heading" role="heading" aria-level="2">C</p>\n',
        ),
        ("one\ntwo", "<p>one<br />\ntwo</p>\n"),
        (
            "|a|b|\n|-|-:|\n|1|2|",
            '<div class="table" tabindex="0"><table>\n<thead>\n<tr>\n<th>a</th>\n<th style="text-align:right">b</th>\n'
            '</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td style="text-align:right">2</td>\n</tr>\n</tbody>\n'
            "</table></div>\n",
        ),
        (
            "```py\nprint('<')\n```",
            '<div class="code"><div class="code-head"><span class="language">py</span>'
            '<button type="button" class="copy">Copy</button></div>'
            "<pre tabindex=\"0\"><code>print(&#x27;&lt;&#x27;)\n</code></pre></div>\n",
        ),
    ],
)  # fmt: skip
def test_markdown_is_rendered(text: str, expected: str) -> None:
    assert as_html(text, "Copy") == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[our form](https://x.example/a?b=c)", "our form (https://x.example/a?b=c)"),
        ("[click](javascript:alert(1))", "click (javascript:alert(1))"),
        ("<https://x.example>", "https://x.example"),
        ('[a](https://x.example "and a title")', "a (https://x.example and a title)"),
        ("![a chart](https://x.example/?stolen=1)", "a chart (https://x.example/?stolen=1)"),
    ],
)
def test_links_and_images_are_text_with_their_address(text: str, shown: str) -> None:
    assert _assert_safe(text).text.strip() == shown


@pytest.mark.parametrize("text", ["|a|\n|-|\n|1|2|", "> " * 40 + "deep", "x" * 100_001])
def test_what_markdown_would_hide_or_take_too_long_is_shown_as_it_is(text: str) -> None:
    assert as_html(text, "Copy") == f'<p class="verbatim">{html.escape(text)}</p>'
