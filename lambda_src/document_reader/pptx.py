"""Reads a presentation: a page for each slide, numbered as PowerPoint numbers them.

A slide's title is its heading. Dates, footers and slide numbers are left out; speaker's notes and hidden slides, too,
and counted as hidden: who looks at the slides does not see them.
"""

from collections.abc import Callable, Iterable, Iterator

from lxml import etree

from lambda_src.document_reader.errors import DAMAGED, UnreadableFileError, too_many_pages
from lambda_src.document_reader.numbering import to_integer
from lambda_src.document_reader.office import Container, child, local
from lambda_src.document_reader.outline import Cell, Grid, Outline, OutlinedDocument
from lambda_src.document_reader.pages import Block, Page
from lambda_src.shared.file_types import PPTX

# Characters, as of a PDF's page.
_MAX_CHARACTERS = 1_000_000
_TITLES = ("title", "ctrTitle")
_FURNITURE = ("dt", "ftr", "sldNum", "hdr")
_OFF = ("0", "false")


def open_pptx(
    container: Container, root: etree._Element, max_pages: int, on_page: Callable[[], None]
) -> OutlinedDocument:
    """The presentation of a container. Raises `UnreadableFileError`."""
    slides = [attribute_id(each) for each in _ids(root)]
    if len(slides) > max_pages:
        raise too_many_pages(len(slides), max_pages)
    relations = container.relations(container.main)
    pages = []
    embedded = 0
    for number, slide_id in enumerate(slides, 1):
        on_page()
        if slide_id not in relations:
            raise UnreadableFileError("damaged", DAMAGED)
        reader = _Slide(container, relations[slide_id].target)
        pages.append(reader.page(number))
        embedded += reader.embedded_files
    return OutlinedDocument(pages, PPTX, embedded)


def attribute_id(element: etree._Element, name: str = "id") -> str:
    """The id of the part that an element refers to. It has a namespace, as opposed to the element's own id."""
    return next((value for key, value in element.items() if key.endswith(f"}}{name}")), "")


def _ids(root: etree._Element) -> Iterable[etree._Element]:
    slides = child(root, "sldIdLst")
    return slides if slides is not None else ()


class _Slide:
    def __init__(self, container: Container, name: str) -> None:
        self.embedded_files = 0
        self._container = container
        self._name = name
        self._relations = container.relations(name)
        self._outline = Outline()

    def page(self, number: int) -> Page:
        root = self._container.part(self._name)
        if root is None:
            raise UnreadableFileError("damaged", DAMAGED)
        tree = child(root, "cSld", "spTree")
        shapes = list(tree) if tree is not None else []
        if root.get("show") in _OFF:
            self._outline.hide(_text(root))
        else:
            # A title may be drawn last.
            for shape in sorted(shapes, key=lambda each: _placeholder(each) not in _TITLES):
                self._shape(shape)
        notes = self._container.related(self._name, "notesSlide")
        if notes is not None:
            self._notes(notes)
        blocks, unread = _limited(self._outline.blocks)
        return Page(
            number=number,
            blocks=tuple(blocks),
            hidden_characters=self._outline.hidden_characters,
            unread_characters=unread,
        )

    def _shape(self, shape: etree._Element) -> None:
        name = local(shape)
        if name == "AlternateContent":
            for form in list(shape)[:1]:
                for each in form:
                    self._shape(each)
            return
        if name not in ("sp", "grpSp", "graphicFrame", "cxnSp"):
            return
        if _is_hidden(shape):
            self._outline.hide(_text(shape))
        elif name == "grpSp":
            for each in shape:
                self._shape(each)
        elif name == "graphicFrame":
            self._frame(shape)
        elif (placeholder := _placeholder(shape)) in _TITLES:
            self._outline.heading(1, " ".join(_paragraphs(shape)))
        elif placeholder not in _FURNITURE:
            for text in _paragraphs(shape):
                self._outline.paragraph(text)

    def _frame(self, frame: etree._Element) -> None:
        data = child(frame, "graphic", "graphicData")
        for element in data if data is not None else ():
            name = local(element)
            if name == "tbl":
                self._table(element)
            elif name == "relIds":
                self._diagram(attribute_id(element, "dm"))
            elif name in ("oleObj", "AlternateContent"):
                self.embedded_files += next((1 for _ in element.iter("{*}embed")), 0)

    def _table(self, table: etree._Element) -> None:
        grid = Grid()
        for row in table:
            if local(row) == "tr":
                cells = [_cell(each) for each in row if local(each) == "tc" and each.get("hMerge") not in ("1", "true")]
                grid.add(cells)
        properties = child(table, "tblPr")
        has_head = properties is not None and properties.get("firstRow") in ("1", "true") and len(grid.rows) > 1
        self._outline.table(grid, int(has_head))

    def _diagram(self, relation: str) -> None:
        """Adds the texts of a SmartArt graphic."""
        root = self._container.part(self._relations[relation].target) if relation in self._relations else None
        for point in root.iter("{*}pt") if root is not None else ():
            for text in _paragraphs(point):
                self._outline.paragraph(text)

    def _notes(self, root: etree._Element) -> None:
        for shape in root.iter("{*}sp"):
            if _placeholder(shape) == "body":
                self._outline.hide(_text(shape))


def _cell(cell: etree._Element) -> Cell:
    return Cell(
        "\n".join(_paragraphs(cell)),
        columns=max(to_integer(cell.get("gridSpan"), 1), 1),
        continued=cell.get("vMerge") in ("1", "true"),
    )


def _placeholder(shape: etree._Element) -> str:
    """The kind of a placeholder: "title", "body" by default; "" for other shapes."""
    properties = child(shape, "nvSpPr", "nvPr", "ph")
    return "" if properties is None else properties.get("type", "body")


def _is_hidden(shape: etree._Element) -> bool:
    names = {"sp": "nvSpPr", "grpSp": "nvGrpSpPr", "graphicFrame": "nvGraphicFramePr", "cxnSp": "nvCxnSpPr"}
    properties = child(shape, names[local(shape)], "cNvPr")
    return properties is not None and properties.get("hidden") in ("1", "true")


def _paragraphs(shape: etree._Element) -> Iterator[str]:
    for paragraph in shape.iter("{*}p"):
        yield "".join(
            (each.text or "") if local(each) == "t" else " " for each in paragraph.iter("{*}t", "{*}br", "{*}tab")
        )


def _text(element: etree._Element) -> str:
    return "".join(each.text or "" for each in element.iter("{*}t"))


def _limited(blocks: list[Block]) -> tuple[list[Block], int]:
    """The blocks of a slide up to its limit, and how many characters are beyond."""
    kept = []
    size = 0
    for block in blocks:
        size += len(block.text)
        if size <= _MAX_CHARACTERS:
            kept.append(block)
    return kept, sum(len(block.text) for block in blocks[len(kept) :])
