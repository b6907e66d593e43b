from pathlib import Path

import pytest

from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.pages import Block, Page
from lambda_src.document_reader.reader import open_document
from lambda_src.shared.file_types import DOCX
from tests.lambda_src.document_reader.office_files import changed, word, word_body


def read(folder: Path, content: bytes, max_pages: int = 100) -> list[Page]:
    path = folder / "document.docx"
    path.write_bytes(content)
    with open_document(path, max_pages) as document:
        assert document.content_type == DOCX
        return document.read(1, document.page_count)


def blocks(folder: Path, content: bytes) -> list[Block]:
    return [block for page in read(folder, content) for block in page.blocks]


def paragraph(text: str, properties: str = "", run: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def test_headings_follow_the_styles(tmp_path: Path) -> None:
    def build(document):
        document.add_heading("Handbook", 0)
        document.add_heading("Leave", 1)
        document.add_heading("Vacation", 2)
        document.add_paragraph("Employees have 30 days.")
        document.add_paragraph("Ask your manager.", style="List Bullet")
        document.add_heading("Travel", 1)
        document.add_paragraph("Trains are paid.")

    assert blocks(tmp_path, word(build)) == [
        Block("Handbook", "heading"),
        Block("Leave", "heading", ("Handbook",)),
        Block("Vacation", "heading", ("Handbook", "Leave")),
        Block("Employees have 30 days.", path=("Handbook", "Leave", "Vacation")),
        Block("Ask your manager.", path=("Handbook", "Leave", "Vacation")),
        Block("Travel", "heading", ("Handbook",)),
        Block("Trains are paid.", path=("Handbook", "Travel")),
    ]


def test_a_style_has_the_level_of_those_it_is_based_on(tmp_path: Path) -> None:
    styles = (
        '<w:style w:styleId="a"><w:name w:val="Chapter"/><w:basedOn w:val="b"/></w:style>'
        '<w:style w:styleId="b"><w:name w:val="heading 2"/><w:basedOn w:val="a"/></w:style>'
    )
    body = paragraph("Leave", '<w:pStyle w:val="a"/>') + paragraph("Text.")
    assert [block.kind for block in blocks(tmp_path, word_body(body, styles=styles))] == ["heading", "paragraph"]


def test_bold_lines_are_headings_if_no_styles_are(tmp_path: Path) -> None:
    def build(document):
        document.add_paragraph().add_run("Sick leave").bold = True
        document.add_paragraph("A note from day four.")
        document.add_paragraph().add_run("This whole sentence is important.").bold = True

    found = blocks(tmp_path, word(build))
    assert [block.kind for block in found] == ["heading", "paragraph", "paragraph"]
    assert found[1].path == ("Sick leave",)


def test_numbers_of_headings_and_lists_are_text(tmp_path: Path) -> None:
    level = '<w:lvl w:ilvl="{}"><w:start w:val="1"/><w:numFmt w:val="{}"/><w:lvlText w:val="{}"/></w:lvl>'
    numbering = (
        f'<w:abstractNum w:abstractNumId="7">{level.format(0, "decimal", "%1.")}'
        f"{level.format(1, 'decimal', '%1.%2')}{level.format(2, 'lowerRoman', '(%3)')}</w:abstractNum>"
        '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
    )
    number = '<w:numPr><w:ilvl w:val="{}"/><w:numId w:val="1"/></w:numPr>'
    levels = [0, 1, 1, 2, 2, 2, 2, 0, 1]
    body = "".join(paragraph("x", number.format(level)) for level in levels)
    texts = [block.text for block in blocks(tmp_path, word_body(body, numbering=numbering))]
    assert texts == ["1. x", "1.1 x", "1.2 x", "(i) x", "(ii) x", "(iii) x", "(iv) x", "2. x", "2.1 x"]


def test_rows_have_the_names_of_their_columns(tmp_path: Path) -> None:
    def build(document):
        table = document.add_table(4, 3)
        rows = [["Level", "Days", "Note"], ["Junior", "25", ""], ["Senior", "30", "from 2024"], ["", "", ""]]
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
        for cell in table.rows[0].cells:
            cell.paragraphs[0].runs[0].bold = True
        table.cell(2, 0).merge(table.cell(3, 0))

    columns = ("Level", "Days", "Note")
    assert blocks(tmp_path, word(build)) == [
        Block("Level\tDays\tNote", "row", (), columns),
        Block("Junior\t25", "row", (), columns),
        Block("Senior\t30\tfrom 2024", "row", (), columns),
        Block("Senior", "paragraph", ()),
    ]


def test_a_cell_over_columns_keeps_the_others_in_place(tmp_path: Path) -> None:
    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text)}</w:tc>"

    head = "<w:trPr><w:tblHeader/></w:trPr>"
    wide = '<w:gridSpan w:val="2"/>'
    body = (
        f"<w:tbl><w:tr>{head}{cell('Level')}{cell('Days', wide)}</w:tr>"
        f"<w:tr>{head}{cell('')}{cell('2024')}{cell('2025')}</w:tr>"
        f"<w:tr>{cell('Junior')}{cell('25')}{cell('26')}</w:tr><w:tr>{cell('both', wide)}{cell('30')}</w:tr></w:tbl>"
    )
    columns = ("Level", "Days 2024", "Days 2025")
    assert blocks(tmp_path, word_body(body)) == [
        Block("Level\tDays 2024\tDays 2025", "row", (), columns),
        Block("Junior\t25\t26", "row", (), columns),
        Block("both\t\t30", "row", (), columns),
    ]


def test_a_table_of_one_column_is_a_frame(tmp_path: Path) -> None:
    body = f"<w:tbl><w:tr><w:tc>{paragraph('First.')}{paragraph('Second.')}</w:tc></w:tr></w:tbl>"
    assert blocks(tmp_path, word_body(body)) == [Block("First."), Block("Second.")]


def test_notes_and_text_boxes_follow_their_paragraph_once(tmp_path: Path) -> None:
    box = "<w:txbxContent>" + paragraph("In a box.") + "</w:txbxContent>"
    body = (
        '<w:p><w:r><w:t>Meals are paid.</w:t><w:footnoteReference w:id="2"/></w:r></w:p>'
        f"<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing>{box}</w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent><w:t>After.</w:t></w:r></w:p>"
        '<w:p><w:r><w:t>Again.</w:t><w:footnoteReference w:id="2"/></w:r></w:p>'
    )
    footnotes = f'<w:footnote w:id="2">{paragraph("Up to 20 euros.")}</w:footnote>'
    texts = [block.text for block in blocks(tmp_path, word_body(body, footnotes=footnotes))]
    assert texts == ["Meals are paid.", "Up to 20 euros.", "After.", "In a box.", "Again."]


def test_changes_are_read_as_accepted_and_fields_by_their_results(tmp_path: Path) -> None:
    body = (
        "<w:p><w:ins><w:r><w:t>New </w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:instrText>PAGE</w:instrText></w:r>"
        "<w:sdt><w:sdtContent><w:r><w:t>rules.</w:t></w:r></w:sdtContent></w:sdt></w:p>"
        f"<w:sdt><w:sdtContent>{paragraph('A form.')}</w:sdtContent></w:sdt>"
    )
    assert [block.text for block in blocks(tmp_path, word_body(body))] == ["New rules.", "A form."]


def test_tables_of_contents_head_nothing(tmp_path: Path) -> None:
    styles = (
        '<w:style w:styleId="t"><w:name w:val="toc 1"/></w:style>'
        '<w:style w:styleId="h"><w:name w:val="heading 1"/></w:style>'
    )
    toc = paragraph("Contents", '<w:pStyle w:val="h"/>') + paragraph("Leave 3", '<w:pStyle w:val="t"/>')
    found = blocks(tmp_path, word_body(toc + paragraph("Text."), styles=styles))
    assert [block.kind for block in found] == ["heading", "contents", "paragraph"]
    assert found[2].path == ()


HIDDEN_STYLE = '<w:style w:styleId="x"><w:name w:val="x"/><w:rPr><w:vanish/></w:rPr></w:style>'


@pytest.mark.parametrize(
    ("hidden", "run"),
    [
        ("by itself", "<w:vanish/>"),
        ("by its style", '<w:rStyle w:val="x"/>'),
        ("tiny", '<w:sz w:val="2"/>'),
        ("white on white", '<w:color w:val="ffffff"/>'),
    ],
)
def test_hidden_text_is_left_out_and_counted(tmp_path: Path, hidden: str, run: str) -> None:
    body = paragraph("Shown text.") + paragraph(hidden, run=run)
    (page,) = read(tmp_path, word_body(body, styles=HIDDEN_STYLE))
    assert page.text == "Shown text."
    assert page.hidden_characters == len(hidden.replace(" ", ""))


@pytest.mark.parametrize(
    ("paragraph_properties", "run"),
    [
        ("", '<w:vanish w:val="0"/><w:rStyle w:val="x"/>'),
        ('<w:shd w:fill="000000"/>', '<w:color w:val="FFFFFF"/>'),
        ("", '<w:color w:val="FFFFFF"/><w:highlight w:val="black"/>'),
        ("", '<w:color w:val="auto"/>'),
    ],
)
def test_other_text_is_shown(tmp_path: Path, paragraph_properties: str, run: str) -> None:
    (page,) = read(tmp_path, word_body(paragraph("Shown.", paragraph_properties, run), styles=HIDDEN_STYLE))
    assert (page.text, page.hidden_characters) == ("Shown.", 0)


def test_long_documents_are_cut_at_headings(tmp_path: Path) -> None:
    def build(document):
        for number in range(20):
            document.add_heading(f"Section {number}", 1)
            for _ in range(10):
                document.add_paragraph("Employees have thirty days of vacation in a year. " * 2)

    pages = read(tmp_path, word(build))
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert 5 < len(pages) < 20
    assert all(page.blocks[0].kind == "heading" for page in pages)
    assert all(len(page.text) < 6_100 for page in pages)


def test_a_paragraph_longer_than_a_part_is_in_several(tmp_path: Path) -> None:
    pages = read(tmp_path, word_body(paragraph("word " * 5_000)))
    assert len(pages) == 5
    assert sum(len(page.text.split()) for page in pages) == 5_000


def test_embedded_documents_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "document.docx"
    path.write_bytes(
        word_body(paragraph("Text.") + '<w:p><w:r><w:object><o:OLEObject Type="Embed"/></w:object></w:r></w:p>')
    )
    with open_document(path, 10) as document:
        assert document.embedded_files == 1


def test_a_document_without_text_is_empty(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="has no text") as raised:
        read(tmp_path, word_body("<w:p/>"))
    assert raised.value.code == "empty"


def test_too_many_parts_are_too_many_pages(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as raised:
        read(tmp_path, word_body(paragraph("word " * 5_000)), max_pages=4)
    assert raised.value.code == "too_many_pages"


def test_strict_documents_and_those_with_macros_are_read(tmp_path: Path) -> None:
    content = word(lambda document: document.add_paragraph("Text."))
    transitional = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    strict = changed(content, "word/document.xml", lambda part: part.replace(transitional, b"http://purl.oclc.org/w"))
    macros = changed(
        content,
        "[Content_Types].xml",
        lambda part: part.replace(
            b"vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
            b"vnd.ms-word.document.macroEnabled.main+xml",
        ),
    )
    for each in (strict, macros):
        assert [block.text for block in blocks(tmp_path, each)] == ["Text."]
