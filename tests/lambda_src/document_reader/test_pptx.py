from pathlib import Path

import pytest
from pptx.util import Inches

from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.pages import Block, Page
from lambda_src.document_reader.reader import open_document
from lambda_src.shared.file_types import PPTX
from tests.lambda_src.document_reader.office_files import changed, slides

BOX = (Inches(1), Inches(2), Inches(4), Inches(1))


def read(folder: Path, content: bytes, max_pages: int = 100) -> list[Page]:
    path = folder / "document.pptx"
    path.write_bytes(content)
    with open_document(path, max_pages) as document:
        assert document.content_type == PPTX
        return document.read(1, document.page_count)


def add(presentation, title: str, *texts: str):
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = title
    slide.placeholders[1].text = "\n".join(texts)
    return slide


def test_a_slide_is_a_page_under_its_title(tmp_path: Path) -> None:
    def build(presentation):
        add(presentation, "Leave", "30 days a year", "Ask early")
        add(presentation, "Travel", "Trains only")

    first, second = read(tmp_path, slides(build))
    assert (first.number, second.number) == (1, 2)
    assert first.blocks == (
        Block("Leave", "heading"),
        Block("30 days a year", path=("Leave",)),
        Block("Ask early", path=("Leave",)),
    )
    assert second.blocks[1].path == ("Travel",)


def test_slides_have_the_order_of_the_presentation(tmp_path: Path) -> None:
    def build(presentation):
        add(presentation, "First made", "a")
        add(presentation, "Shown first", "b")
        ids = presentation.slides._sldIdLst
        ids.insert(0, ids[1])

    assert [page.blocks[0].text for page in read(tmp_path, slides(build))] == ["Shown first", "First made"]


def test_groups_text_boxes_and_tables_are_read(tmp_path: Path) -> None:
    def build(presentation):
        slide = add(presentation, "Travel", "Meals")
        group = slide.shapes.add_group_shape()
        group.shapes.add_textbox(*BOX).text_frame.text = "In a group"
        table = slide.shapes.add_table(3, 2, *BOX).table
        for row, texts in enumerate([("Country", "Euros"), ("France", "50"), ("", "40")]):
            for column, text in enumerate(texts):
                table.cell(row, column).text = text
        table.cell(1, 0).merge(table.cell(2, 0))

    (page,) = read(tmp_path, slides(build))
    columns = ("Country", "Euros")
    assert page.blocks[2:] == (
        Block("In a group", path=("Travel",)),
        Block("Country\tEuros", "row", ("Travel",), columns),
        Block("France\t50", "row", ("Travel",), columns),
        Block("France\t40", "row", ("Travel",), columns),
    )


def test_notes_hidden_shapes_and_hidden_slides_are_left_out_and_counted(tmp_path: Path) -> None:
    def build(presentation):
        slide = add(presentation, "Leave", "30 days")
        slide.notes_slide.notes_text_frame.text = "Do not say"
        box = slide.shapes.add_textbox(*BOX)
        box.text_frame.text = "secret"
        box._element.nvSpPr.cNvPr.set("hidden", "1")
        add(presentation, "Old", "25 days")._element.set("show", "0")
        add(presentation, "End", "Thanks")

    pages = read(tmp_path, slides(build))
    assert [page.text for page in pages] == ["Leave\n30 days", "", "End\nThanks"]
    assert [page.hidden_characters for page in pages] == [len("Donotsay") + len("secret"), len("Old25days"), 0]


def test_footers_and_numbers_of_slides_are_no_text(tmp_path: Path) -> None:
    def number_body(part: bytes) -> bytes:
        return part.replace(b'<p:ph idx="1"/>', b'<p:ph type="sldNum" idx="1"/>')

    content = slides(lambda presentation: add(presentation, "Leave", "7"))
    (page,) = read(tmp_path, changed(content, "ppt/slides/slide1.xml", number_body))
    assert page.text == "Leave"


def test_too_many_slides_are_refused(tmp_path: Path) -> None:
    def build(presentation):
        for _ in range(3):
            add(presentation, "Leave", "30 days")

    with pytest.raises(UnreadableFileError) as raised:
        read(tmp_path, slides(build), max_pages=2)
    assert raised.value.code == "too_many_pages"


def test_a_missing_slide_is_damage(tmp_path: Path) -> None:
    content = slides(lambda presentation: add(presentation, "Leave", "30 days"))
    content = changed(content, "ppt/_rels/presentation.xml.rels", lambda part: part.replace(b"slides/slide1", b"x"))
    with pytest.raises(UnreadableFileError) as raised:
        read(tmp_path, content)
    assert raised.value.code == "damaged"
