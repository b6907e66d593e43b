"""No renderer turns an inert text into a link, an image or HTML, however its parts are nested."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lambda_src.shared.inert_text import inert_text

# CommonMark with HTML, GitHub's tables and strikethrough, and links of bare addresses.
RENDERER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
LIVE = {"link_open", "image", "html_inline", "html_block"}
PIECES = (
    *(
        "[",
        "]",
        "(",
        ")",
        "![",
        "](",
        "][",
        "]:",
        "]: ",
        "[]",
        "[x]",
        "[x]: ",
        "[[",
        "]]",
        "<",
        ">",
        "</",
        "<!--",
        "<?",
    ),
    *("<a href=", "<img src=x onerror=alert(1)", "<script>", "<![CDATA[", "<https://evil.example>", "<a@evil.com>"),
    *("http:", "https:", "ftp:", "mailto:", "xmpp:", "javascript:", "data:", ":", "/", "//", "://", "www", ".", "www."),
    *(
        "evil.com",
        "evil",
        "com",
        "//evil.example/x",
        "localhost",
        "1.2.3.4",
        "a@b",
        "a@evil.com",
        "@",
        "xn--p1ai",
        "рф",
    ),
    *(
        "&",
        "#46;",
        "&#46;",
        "&period;",
        "&colon;",
        "&lt;",
        "&commat;",
        "\\",
        "\\.",
        "\\@",
        "`",
        "*",
        "_",
        "~",
        "|",
        '"',
    ),
    *(
        " ",
        "\n",
        "\n\n",
        "\t",
        "\u00a0",
        "\u200b",
        "\u3000",
        "-",
        "+",
        "1",
        "é",
        "!",
        "?",
        "'",
        "=",
        ";",
        "%",
        ".pdf",
        "。",
    ),
)
MARKUP = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def tokens(text: str) -> list[Token]:
    """The renderer's tokens, with those of inline content."""
    blocks = RENDERER.parse(text)
    return [*blocks, *(child for block in blocks for child in block.children or [])]


def live(text: str) -> set[str]:
    """The kinds of links, images and HTML that the renderer makes of a text."""
    return {token.type for token in tokens(text)} & LIVE


@settings(max_examples=2_000, deadline=None)
@given(MARKUP | st.text(max_size=40))
@example("[[the policy](x)](//evil.example/leave)")
@example("![![p](x)](//evil.example/p.png)")
@example("Read <img src=x onerror=alert(1)")
@example("/http:/evil.example")
@example("[the policy][x]\n\n[x]: //evil.example")
@example("hr&#64;evil.com and evil&period;com")
def test_nothing_in_an_inert_text_is_live(text: str) -> None:
    assert live(inert_text(text)) == set()


@given(MARKUP, st.sampled_from([" ", "\n", "\n\n", "- ", "> "]), MARKUP)
@settings(max_examples=500, deadline=None)
def test_inert_texts_stay_inert_when_they_are_joined(first: str, separator: str, second: str) -> None:
    assert live(inert_text(first) + separator + inert_text(second)) == set()


@given(MARKUP | st.text())
def test_only_spaces_are_inserted(text: str) -> None:
    inert = inert_text(text)
    assert inert.replace(" ", "") == text.replace(" ", "")
    assert inert_text(inert) == inert


@pytest.mark.parametrize(
    "text",
    [
        "[a](//evil.example)", "![a](x)", "[a][b]\n\n[b]: x", "[b]\n\n[b]: x", "<b>", "<!-- a -->", "<https://a>",
        "<a@b.c>", "https://evil.example", "www.evil.com", "evil.com", "a@evil.com", "mailto:a@evil.com", "//localhost",
    ],
)  # fmt: skip
def test_the_renderer_would_render_it(text: str) -> None:
    """The test's renderer knows each construct, so its silence means something."""
    assert live(text)


@pytest.mark.parametrize(
    "text",
    [
        "Leave is 12 days, from 9:30 to 17:45, at 1.5 times the pay (see [3], p. 4).",
        "Fewer than 3 < 4 days > none; R&D, AT&T, e.g. the U.S. office and/or others...",
        "Fill in form_12.pdf or Leave.docx: part KX.A12, ratio 3:1, note [a] and [b].",
        "Férias de 30 dias. Nota após três dias.\n- item",
    ],
)
def test_prose_stays_as_it_is(text: str) -> None:
    assert inert_text(text) == text


def test_character_references_are_broken() -> None:
    """GitHub's parser decodes them before it looks for addresses; the one of these tests decodes them after."""
    assert inert_text("hr&#64;evil, evil&period;com, AT&T; R&D") == "hr& #64;evil, evil& period;com, AT& T; R&D"


def test_schemes_are_broken() -> None:
    """No parser of Markdown links these, but mail programs and chats do."""
    assert inert_text("tel:112, javascript:alert(1)") == "tel: 112, javascript: alert(1)"


def test_addresses_stay_readable() -> None:
    assert inert_text("Write to hr@gsa.gov or see https://www.gsa.gov/leave.") == (
        "Write to hr@ gsa. gov or see https: / /www . gsa. gov/leave."
    )
