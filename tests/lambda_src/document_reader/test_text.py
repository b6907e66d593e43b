"""HTML, Markdown and plain text."""

from pathlib import Path

import pytest

from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.pages import Block, Page
from lambda_src.document_reader.reader import open_document
from lambda_src.shared.file_types import HTML, MARKDOWN, TEXT


def opened(folder: Path, name: str, content: str | bytes) -> tuple[str, list[Page]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_document(path, 100) as document:
        return document.content_type, document.read(1, document.page_count)


def blocks(folder: Path, name: str, content: str | bytes) -> list[Block]:
    return [block for page in opened(folder, name, content)[1] for block in page.blocks]


def texts(folder: Path, name: str, content: str | bytes) -> list[str]:
    return [block.text for block in blocks(folder, name, content)]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.html", "<p>Text.", HTML),
        ("a.txt", "<!DOCTYPE html><p>Text.", HTML),
        ("a.md", "\ufeff <!-- x -->\n<html><body>Text.", HTML),
        ("a.txt", '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>Text.', HTML),
        ("a.md", "# Text.", MARKDOWN),
        ("a.txt", "# Text.", TEXT),
        ("a", "Text.", TEXT),
    ],
)
def test_the_start_tells_html_and_the_name_tells_markdown(tmp_path: Path, name: str, content: str, kind: str) -> None:
    assert opened(tmp_path, name, content)[0] == kind


def test_html_headings_paragraphs_and_lists(tmp_path: Path) -> None:
    page = """<html><head><title>x</title><style>p {}</style></head><body><nav><a>Leave</a></nav>
    <h1>Hand<b>book</b></h1>Loose <i>text</i>.<p>A<br>line.</p><div>Div<div>inner</div></div>
    <h2>Leave</h2><ol start=3><li>Ask.<ul><li>early</li></ul></li><li><p>Wait.</p><p>Long.</p></li></ol>
    <script>alert(1)</script><!-- comment --><img alt="alt"><template>t</template></body></html>"""
    assert blocks(tmp_path, "a.html", page) == [
        Block("Leave", "contents"),
        Block("Handbook", "heading"),
        *(Block(text, path=("Handbook",)) for text in ("Loose text.", "A line.", "Div", "inner")),
        Block("Leave", "heading", ("Handbook",)),
        *(Block(text, path=("Handbook", "Leave")) for text in ("3. Ask.", "early", "4. Wait.", "Long.")),
    ]


def test_html_tables(tmp_path: Path) -> None:
    table = """<table><caption>Days off</caption><thead><tr><th>Level<th colspan=2>Days<tr><th><th>2024<th>2025</thead>
    <tr><th rowspan=2>Junior<td>25<td></tr><tr><td>26<td>27</tr></table>"""
    columns = ("Level", "Days 2024", "Days 2025")
    assert blocks(tmp_path, "a.html", table) == [
        Block("Days off"),
        Block("Level\tDays 2024\tDays 2025", "row", (), columns),
        Block("Junior\t25", "row", (), columns),
        Block("Junior\t26\t27", "row", (), columns),
    ]


def test_html_tables_for_layout_are_text(tmp_path: Path) -> None:
    nested = "<table><tr><td><h1>Leave</h1><p>30 days.<td>Menu</tr></table>"
    assert [block.kind for block in blocks(tmp_path, "a.html", nested)] == ["heading", "paragraph", "paragraph"]


@pytest.mark.parametrize(
    "attributes",
    [
        "hidden",
        'style="display: none"',
        'style="color: red;DISPLAY:none!important"',
        'style="visibility:hidden"',
        'style="font-size:0"',
        'style="opacity: 0"',
    ],
)
def test_hidden_html_is_left_out_and_counted(tmp_path: Path, attributes: str) -> None:
    content = f"<p>Shown.<p {attributes}>Not <b>this</b>.<h1>A<span {attributes}>bc</span></h1>"
    _, (page,) = opened(tmp_path, "a.html", content)
    assert (page.text, page.hidden_characters) == ("Shown.\nA", len("Notthis") + len("bc"))


def test_shown_html_is_kept(tmp_path: Path) -> None:
    content = '<p style="opacity:0.9;background-display:none">Shown.</p>'
    assert texts(tmp_path, "a.html", content.replace("background-display:none", "")) == ["Shown."]


def test_markdown(tmp_path: Path) -> None:
    source = """---
title: Rules
---
# Leave

Thirty *days*
a year.

1. Ask
2. Wait

| Level | Days |
| ----- | ---- |
| Junior | 25 |
|  | `26` |

Travel
------

<div hidden>secret</div>

- Trains [only](https://example.com)
"""
    columns = ("Level", "Days")
    assert blocks(tmp_path, "a.md", source) == [
        Block("Leave", "heading"),
        *(Block(text, path=("Leave",)) for text in ("Thirty days a year.", "1. Ask", "2. Wait")),
        Block("Level\tDays", "row", ("Leave",), columns),
        Block("Junior\t25", "row", ("Leave",), columns),
        Block("\t26", "row", ("Leave",), columns),
        Block("Travel", "heading", ("Leave",)),
        Block("Trains only", path=("Leave", "Travel")),
    ]


def test_plain_text(tmp_path: Path) -> None:
    source = """HANDBOOK

Employees have thirty days of vacation in a year, and five more
from the age of fifty on.
- Ask early.
- Wait.

Travel
======
Monday: trains
Friday: none
"""
    assert blocks(tmp_path, "a.txt", source) == [
        Block("HANDBOOK", "heading"),
        *(
            Block(text, path=("HANDBOOK",))
            for text in (
                "Employees have thirty days of vacation in a year, and five more from the age of fifty on.",
                "- Ask early.",
                "- Wait.",
            )
        ),
        Block("Travel", "heading"),
        Block("Monday: trains", path=("Travel",)),
        Block("Friday: none", path=("Travel",)),
    ]


PORTUGUESE = "Férias de trinta dias não são opcionais. A remuneração é paga até dois dias antes do início das férias."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    assert texts(tmp_path, "a.txt", PORTUGUESE.encode(encoding)) == [PORTUGUESE]


def test_html_is_read_in_the_declared_encoding(tmp_path: Path) -> None:
    content = '<meta charset="windows-1251"><p>Отпуск</p>'.encode("windows-1251")
    assert texts(tmp_path, "a.html", content) == ["Отпуск"]
    content = '<meta http-equiv=x content="text/html; charset=iso-2022-jp"><p>休暇</p>'.encode("iso-2022-jp")
    assert texts(tmp_path, "a.html", content) == ["休暇"]


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a\x01\0", bytes(range(1, 32)) * 20, b"\x01\x02 text"]
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFileError) as raised:
        opened(tmp_path, "a.txt", content)
    assert raised.value.code == "unsupported_type"


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.pptx"])
def test_a_text_with_the_name_of_another_type_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableFileError, match="is none of them") as raised:
        opened(tmp_path, name, "<!DOCTYPE html><p>Please sign in.")
    assert raised.value.code == "unsupported_type"


@pytest.mark.parametrize(("name", "content"), [("a.html", "<html></html>"), ("a.md", "\n"), ("a.txt", "\ufeff")])
def test_a_text_without_words_is_empty(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(UnreadableFileError) as raised:
        opened(tmp_path, name, content)
    assert raised.value.code == "empty"
