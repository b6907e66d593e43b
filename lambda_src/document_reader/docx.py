"""Reads a Word document: paragraphs, headings by their styles, lists, tables, notes and text boxes.

Comments, headers and footers, deleted text and alternative texts are left out, and hidden text is counted.
"""

from collections.abc import Callable, Iterator

import msgspec
from lxml import etree

from lambda_src.document_reader.numbering import Numbering, to_integer
from lambda_src.document_reader.office import Container, attribute, child, is_on, local
from lambda_src.document_reader.outline import Cell, Grid, Outline, OutlinedDocument, cut
from lambda_src.shared.file_types import DOCX

_TITLE_LEVEL = 0
# Of headings that only differ from text in being bold, in documents without styled headings.
_BOLD_LEVEL = 9
_MAX_BOLD_HEADING = 100
# Styles that are based on each other.
_MAX_STYLES = 20
# Half-points. Smaller type is unreadable on paper, as in PDFs.
_MIN_SIZE = 3
_WHITE = "FFFFFF"
_SKIPPED = {"del", "moveFrom", "pPr", "rPr", "sdtPr", "sdtEndPr", "trPr", "tblPr", "tblGrid", "tcPr"}
_BREAKS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": " "}
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}


class _Style(msgspec.Struct, frozen=True):
    """What a style says about text, by itself or by those that it is based on."""

    name: str = ""
    level: int | None = None
    bold: bool = False
    hidden: bool = False
    white: bool = False
    shaded: bool = False
    list_number: str = ""
    list_level: int = 0

    @property
    def is_contents(self) -> bool:
        return self.name.startswith("toc ") and self.name != "toc heading"


class _Text(msgspec.Struct):
    """What a paragraph has."""

    visible: list[str] = []
    hidden: list[str] = []
    boxes: list[etree._Element] = []
    notes: list[tuple[str, str]] = []
    all_bold: bool = True

    @property
    def text(self) -> str:
        return "".join(self.visible)


def open_docx(container: Container, root: etree._Element, on_page: Callable[[], None]) -> OutlinedDocument:
    """The document of a container. Raises `UnreadableFileError`."""
    reader = _Reader(container, root)
    reader.read(root)
    return OutlinedDocument(cut(reader.outline, on_page), DOCX, reader.embedded_files)


class _Reader:
    def __init__(self, container: Container, root: etree._Element) -> None:
        self.outline = Outline()
        self.embedded_files = 0
        self._container = container
        self._styles = _styles(container.related(container.main, "styles"))
        self._numbering = Numbering(container.related(container.main, "numbering"))
        self._notes: dict[str, dict[str, etree._Element]] = {}
        # Notes of a table's cells come after the table.
        self._pending: list[tuple[str, str]] = []
        self._colored = child(root, "background") is not None
        self._in_table = 0
        self._in_note = False
        self._has_headings = any(self._level(each) for each in root.iter("{*}p"))

    def read(self, parent: etree._Element) -> None:
        """Adds the blocks of a body, a cell, a note or a text box."""
        for element in parent:
            name = local(element)
            if name == "p":
                self._paragraph(element)
            elif name == "tbl":
                self._table(element)
            elif name == "altChunk":
                self.embedded_files += 1
            elif name not in _SKIPPED:
                # Content controls, insertions, custom XML.
                self.read(element)

    def _paragraph(self, element: etree._Element) -> None:
        style = self._style(element)
        content = self._content(element, style)
        label = self._label(element, style) if content.visible else ""
        text = f"{label} {content.text}" if label else content.text
        level = self._level(element)
        if style.is_contents:
            self.outline.paragraph(text, "contents")
        elif level is not None:
            self.outline.heading(level, text)
        elif not self._has_headings and not self._in_table and _looks_like_heading(text, content.all_bold):
            self.outline.heading(_BOLD_LEVEL, text)
        else:
            self.outline.paragraph(text)
        self._finish(content)

    def _finish(self, content: _Text) -> None:
        """Adds what is anchored in a paragraph."""
        self.outline.hide("".join(content.hidden))
        for box in content.boxes:
            self.read(box)
        self._pending += content.notes
        if not self._in_table:
            self._add_notes()

    def _add_notes(self) -> None:
        pending, self._pending = self._pending, []
        if self._in_note:
            return
        self._in_note = True
        for kind, note_id in pending:
            # Each note once: many references to a long one are not as many copies.
            note = self._all_notes(kind).pop(note_id, None)
            if note is not None:
                self.read(note)
        self._in_note = False

    def _all_notes(self, kind: str) -> dict[str, etree._Element]:
        if kind not in self._notes:
            root = self._container.related(self._container.main, kind)
            notes = root if root is not None else ()
            self._notes[kind] = {attribute(note, "id") or "": note for note in notes}
        return self._notes[kind]

    def _label(self, element: etree._Element, style: _Style) -> str:
        properties = child(element, "pPr", "numPr")
        number = attribute(child(properties, "numId")) if properties is not None else None
        level = to_integer(attribute(child(properties, "ilvl")), style.list_level)
        return self._numbering.label(style.list_number if number is None else number, level)

    def _level(self, element: etree._Element) -> int | None:
        """The level of a heading; None for text."""
        own = attribute(child(element, "pPr", "outlineLvl"))
        if own is not None:
            level = to_integer(own, 9)
            return level + 1 if level < 9 else None
        return self._style(element).level

    def _style(self, element: etree._Element, properties: str = "pPr", name: str = "pStyle") -> _Style:
        return self._styles.get(attribute(child(element, properties, name)) or "", _PLAIN)

    def _content(self, element: etree._Element, style: _Style) -> _Text:
        content = _Text()
        shaded = style.shaded or _is_shaded(child(element, "pPr")) or bool(self._in_table) or self._colored
        self._collect(element, style, content, shaded)
        return content

    def _collect(self, parent: etree._Element, style: _Style, content: _Text, shaded: bool) -> None:
        for element in parent:
            name = local(element)
            if name == "r":
                self._run(element, style, content, shaded)
            elif name == "AlternateContent":
                self._alternative(element, style, content, shaded)
            elif name not in _SKIPPED:
                self._collect(element, style, content, shaded)

    def _run(self, run: etree._Element, style: _Style, content: _Text, shaded: bool) -> None:
        properties = child(run, "rPr")
        own = self._style(run, "rPr", "rStyle")
        hidden = self._is_hidden(properties, style, own, shaded)
        texts = content.hidden if hidden else content.visible
        for element in run:
            name = local(element)
            if name == "t":
                texts.append(element.text or "")
                if not hidden and (element.text or "").strip():
                    bold = child(properties, "b")
                    content.all_bold &= is_on(bold) if bold is not None else own.bold or style.bold
            elif name in _BREAKS:
                texts.append(_BREAKS[name])
            elif name in _NOTES:
                content.notes.append((_NOTES[name], attribute(element, "id") or ""))
            elif name == "AlternateContent":
                self._alternative(element, style, content, shaded)
            elif name in ("drawing", "pict", "object"):
                self._drawing(element, content)

    def _alternative(self, element: etree._Element, style: _Style, content: _Text, shaded: bool) -> None:
        """Adds the first of several forms of the same content."""
        for form in list(element)[:1]:
            for each in form:
                if local(each) in ("drawing", "pict", "object"):
                    self._drawing(each, content)
                elif local(each) == "r":
                    self._run(each, style, content, shaded)

    def _drawing(self, element: etree._Element, content: _Text) -> None:
        content.boxes += [
            box for box in element.iter("{*}txbxContent") if not any(_is_box(each) for each in box.iterancestors())
        ]
        self.embedded_files += sum(each.get("Type") == "Embed" for each in element.iter("{*}OLEObject"))

    def _is_hidden(self, properties: etree._Element | None, style: _Style, own: _Style, shaded: bool) -> bool:
        vanish = child(properties, "vanish")
        if is_on(vanish) if vanish is not None else own.hidden or style.hidden:
            return True
        size = attribute(child(properties, "sz"))
        if size is not None and to_integer(size, _MIN_SIZE) < _MIN_SIZE:
            return True
        color = attribute(child(properties, "color"))
        white = color.upper() == _WHITE if color else own.white or style.white
        return white and not (shaded or own.shaded or _is_shaded(properties))

    def _table(self, table: etree._Element) -> None:
        rows = [row for row in _children(table, "tr") if child(row, "trPr", "del") is None]
        if max((sum(1 for _ in _children(row, "tc")) for row in rows), default=0) < 2:
            # A frame around text.
            for row in rows:
                for cell in _children(row, "tc"):
                    self.read(cell)
            return
        self._in_table += 1
        grid = Grid()
        bold = [self._add_row(grid, row) for row in rows]
        self._in_table -= 1
        heads = grid.heads
        if not heads and len(rows) > 1 and all(grid.rows[0]) and self._has_head(table, grid, bold):
            heads = 1
        self.outline.table(grid, heads)
        if not self._in_table:
            self._add_notes()

    def _add_row(self, grid: Grid, row: etree._Element) -> bool:
        """Adds a row. Returns whether all of its text is bold."""
        bold = True
        cells = []
        for cell in _children(row, "tc"):
            text, cell_bold = self._cell(cell)
            bold &= cell_bold
            properties = child(cell, "tcPr")
            merge = child(properties, "vMerge")
            span = to_integer(attribute(child(properties, "gridSpan")), 1)
            continued = merge is not None and attribute(merge) in (None, "continue")
            cells.append(Cell(text, columns=max(span, 1), continued=continued))
        before = to_integer(attribute(child(row, "trPr", "gridBefore")))
        grid.add(cells, before=before, names_columns=is_on(child(row, "trPr", "tblHeader")))
        return bold

    def _cell(self, cell: etree._Element) -> tuple[str, bool]:
        """The text of a cell with a line for each paragraph, and whether it is bold. A table in it is text, too."""
        bold = True
        lines = []
        for paragraph in cell.iter("{*}p"):
            if any(local(each) in ("txbxContent", "Fallback", *_SKIPPED) for each in _ancestors(paragraph, cell)):
                continue
            style = self._style(paragraph)
            content = self._content(paragraph, style)
            label = self._label(paragraph, style) if content.visible else ""
            lines.append(f"{label} {content.text}".replace("\n", " "))
            bold &= content.all_bold
            lines += ["".join(each.itertext("{*}t")) for each in content.boxes]
            self.outline.hide("".join(content.hidden))
            self._pending += content.notes
        return "\n".join(lines), bold

    def _has_head(self, table: etree._Element, grid: Grid, bold: list[bool]) -> bool:
        """Whether the first row looks different: bold, or by the table's style. The look is also set for most tables
        without a head, so it only counts for more than two columns."""
        if bold[0] and not all(bold):
            return True
        look = child(table, "tblPr", "tblLook")
        first = attribute(look, "firstRow") in ("1", "true", "on")
        bits = attribute(look) or ""
        first = first or (len(bits) == 4 and bits[2].lower() in "2367abef")
        is_styled = child(table, "tblPr", "tblStyle") is not None
        return first and is_styled and grid.width > 2 and not any(cell.strip().isdigit() for cell in grid.rows[0])


_PLAIN = _Style()


def _styles(root: etree._Element | None) -> dict[str, _Style]:
    elements = {attribute(each, "styleId") or "": each for each in (root if root is not None else ())}
    return {style_id: _resolved(style_id, elements) for style_id in elements if style_id}


def _resolved(style_id: str, elements: dict[str, etree._Element]) -> _Style:
    """A style with what it has from those that it is based on."""
    chain: list[etree._Element] = []
    while style_id in elements and len(chain) < _MAX_STYLES:
        chain.append(elements[style_id])
        style_id = attribute(child(chain[-1], "basedOn")) or ""
    style = _PLAIN
    for element in reversed(chain):
        name = (attribute(child(element, "name")) or "").lower()
        level = attribute(child(element, "pPr", "outlineLvl"))
        bold, vanish = child(element, "rPr", "b"), child(element, "rPr", "vanish")
        color = attribute(child(element, "rPr", "color"))
        number = attribute(child(element, "pPr", "numPr", "numId"))
        shaded = _is_shaded(child(element, "pPr")) or _is_shaded(child(element, "rPr"))
        style = _Style(
            name=name,
            level=_style_level(name, level, style.level),
            bold=is_on(bold) if bold is not None else style.bold,
            hidden=is_on(vanish) if vanish is not None else style.hidden,
            white=color.upper() == _WHITE if color else style.white,
            shaded=shaded or style.shaded,
            list_number=style.list_number if number is None else number,
            list_level=to_integer(attribute(child(element, "pPr", "numPr", "ilvl")), style.list_level),
        )
    return style


def _style_level(name: str, level: str | None, inherited: int | None) -> int | None:
    if name == "title":
        return _TITLE_LEVEL
    if level is not None:
        number = to_integer(level, 9)
        return number + 1 if number < 9 else None
    if name.startswith("heading ") and name[8:].isdigit():
        return to_integer(name[8:], 9)
    return inherited


def _looks_like_heading(text: str, all_bold: bool) -> bool:
    text = text.strip()
    return all_bold and 0 < len(text) <= _MAX_BOLD_HEADING and text[-1] not in ".;,!?"


def _is_shaded(properties: etree._Element | None) -> bool:
    if child(properties, "highlight") is not None:
        return True
    fill = attribute(child(properties, "shd"), "fill")
    return fill is not None and fill.upper() not in ("AUTO", _WHITE)


def _is_box(element: etree._Element) -> bool:
    return local(element) in ("txbxContent", "Fallback")


def _children(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    """The rows or cells, also those in content controls."""
    for element in parent:
        if local(element) == name:
            yield element
        elif local(element) in ("sdt", "sdtContent", "ins", "customXml"):
            yield from _children(element, name)


def _ancestors(element: etree._Element, end: etree._Element) -> Iterator[etree._Element]:
    for ancestor in element.iterancestors():
        if ancestor is end:
            return
        yield ancestor
