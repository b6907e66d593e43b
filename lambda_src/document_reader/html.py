"""Reads HTML: headings, paragraphs, lists and tables. Scripts never run, and nothing is fetched.

Hidden are elements with the attribute `hidden` or a style that says so; style sheets are not evaluated.
"""

import re
from collections.abc import Iterator

from lxml import etree

from lambda_src.document_reader.errors import TOO_COMPLEX, UnreadableFileError
from lambda_src.document_reader.numbering import to_integer
from lambda_src.document_reader.outline import Cell, Grid, Outline

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# fmt: off
_SKIPPED = {
    "head", "script", "style", "template", "noscript", "svg", "iframe", "object", "embed", "audio", "video", "canvas",
    "select", "textarea", "button", "map", "datalist", "area", "input", "img",
}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "hr", "html", "legend", "li", "main",
    "menu", "nav", "ol", "p", "pre", "section", "summary", "ul", "table", "caption", "tr", "td", "th", "tbody", "thead",
    "tfoot",
}
# fmt: on
_HIDDEN_STYLE = re.compile(
    r"(?:^|[;\s])(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|opacity\s{0,9}:\s{0,9}0(?:\.0{1,9})?"
    r"\s{0,9}(?:;|!|$)|font-size\s{0,9}:\s{0,9}0|mso-hide\s{0,9}:\s{0,9}all)",
    re.IGNORECASE,
)
# Longer styles are cut off: they are images, in practice.
_MAX_STYLE = 5_000


def read_html(text: str) -> Outline:
    """The blocks of a page or of a part of one. Raises `UnreadableFileError`."""
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=False)
    reader = _Reader()
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        if not text.strip():
            return reader.outline
        raise UnreadableFileError("too_complex", TOO_COMPLEX) from error
    # Text after elements that are nested too deeply would be missing.
    if any(error.level == etree.ErrorLevels.FATAL for error in parser.error_log):
        raise UnreadableFileError("too_complex", TOO_COMPLEX)
    if root is not None:
        reader.read(root)
        reader.flush()
    return reader.outline


class _Reader:
    def __init__(self) -> None:
        self.outline = Outline()
        self._inline: list[str] = []
        self._in_navigation = 0

    def read(self, element: etree._Element) -> None:
        """Adds an element's blocks."""
        tag = element.tag
        if tag in _SKIPPED or not isinstance(tag, str):
            return
        if _is_hidden(element):
            self.outline.hide("".join(element.itertext()))
        elif tag in _HEADINGS:
            self.flush()
            self.outline.heading(_HEADINGS[tag], self._text(element))
        elif tag == "br":
            self._inline.append(" ")
        elif tag == "pre":
            self.flush()
            for paragraph in self._text(element).split("\n"):
                self.outline.paragraph(paragraph)
        elif tag == "table" and _is_data(element):
            self.flush()
            self._table(element)
        elif tag in _BLOCKS:
            self.flush()
            self._in_navigation += tag == "nav"
            self._children(element)
            self.flush()
            self._in_navigation -= tag == "nav"
        else:
            self._children(element)

    def flush(self) -> None:
        """Ends a paragraph."""
        text = "".join(self._inline)
        self._inline = []
        # Links to the headings, like a table of contents.
        self.outline.paragraph(text, "contents" if self._in_navigation else "paragraph")

    def _children(self, element: etree._Element) -> None:
        self._inline.append(element.text or "")
        number = to_integer(element.get("start"), 1) if element.tag == "ol" else None
        for each in element:
            if number is not None and each.tag == "li":
                self.flush()
                number = to_integer(each.get("value"), number)
                self._numbered(each, number)
                number += 1
            else:
                self.read(each)
            self._inline.append(each.tail or "")

    def _numbered(self, item: etree._Element, number: int) -> None:
        if _is_hidden(item):
            self.read(item)
            return
        first = item[0] if len(item) and not (item.text or "").strip() else item
        self._inline.append(f"{number}. ")
        if first is not item and first.tag == "p":
            # <li><p>: the number belongs to the first paragraph.
            self._children(first)
            self.flush()
            for each in item[1:]:
                self._inline.append(each.getprevious().tail or "")
                self.read(each)
        else:
            self._children(item)
        self.flush()

    def _text(self, element: etree._Element) -> str:
        """The shown text of an element with a line for each block in it."""
        return "".join(self._texts(element))

    def _texts(self, element: etree._Element) -> Iterator[str]:
        yield element.text or ""
        for each in element:
            tag = each.tag
            if isinstance(tag, str) and tag not in _SKIPPED:
                if _is_hidden(each):
                    self.outline.hide("".join(each.itertext()))
                else:
                    mark = "\n" if tag == "br" or tag in _BLOCKS else ""
                    yield mark
                    yield from self._texts(each)
                    yield mark
            yield each.tail or ""

    def _table(self, table: etree._Element) -> None:
        grid = Grid()
        for row in _rows(table):
            if row.tag == "caption":
                self.outline.paragraph(self._text(row))
                continue
            if _is_hidden(row):
                self.outline.hide("".join(row.itertext()))
                continue
            elements = [each for each in row if each.tag in ("td", "th")]
            cells = [self._cell(each) for each in elements]
            parent = row.getparent()
            in_head = parent is not None and parent.tag == "thead"
            names = in_head or (bool(elements) and all(each.tag == "th" for each in elements))
            grid.add(cells, names_columns=names)
        self.outline.table(grid, grid.heads)

    def _cell(self, element: etree._Element) -> Cell:
        if _is_hidden(element):
            self.outline.hide("".join(element.itertext()))
            text = ""
        else:
            # New lines in the source are spaces.
            text = self._text(element)
        return Cell(
            text,
            columns=max(to_integer(element.get("colspan"), 1), 1),
            rows=max(to_integer(element.get("rowspan"), 1), 1),
        )


def _is_data(table: etree._Element) -> bool:
    """Whether it is a table of short cells, not a frame around text."""
    if table.get("role") in ("presentation", "none"):
        return False
    if next(table.iter(*_HEADINGS, "ul", "ol"), None) is not None and next(table.iter("th"), None) is None:
        return False
    if any(each is not table for each in table.iter("table")):
        return False
    return any(sum(cell.tag in ("td", "th") for cell in row) > 1 for row in table.iter("tr"))


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    for element in table:
        if element.tag in ("tr", "caption"):
            yield element
        elif element.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in element if row.tag == "tr")


def _is_hidden(element: etree._Element) -> bool:
    return element.get("hidden") is not None or bool(_HIDDEN_STYLE.search(element.get("style", "")[:_MAX_STYLE]))
