"""Opens Office's ZIP containers. Nothing outside of the file is ever read, and no more of it than the limits allow.

Elements are recognized by their local names: the strict and the transitional variant of the formats differ only in
their namespaces.
"""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from lxml import etree

from lambda_src.document_reader.errors import DAMAGED, TOO_COMPLEX, UNSUPPORTED, UnreadableFileError

# Bytes when uncompressed. A page of text takes 10,000 to 50,000 in a part.
_MAX_PART_BYTES = 48 * 1024**2
_MAX_READ_BYTES = 256 * 1024**2
_ENCRYPTED_FLAG = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_OTHERS = {
    "workbook": "The file is an Excel workbook, which is not read. Save what matters as PDF and upload that.",
    "opendocument": "The file is an OpenDocument file. Save it as DOCX, PPTX or PDF and upload that.",
}
ENCRYPTED = "The file is protected by a password. Save it without one and upload it again."

# Comments and processing instructions are no text. Entities are neither expanded nor fetched: `_parse` refuses them.
_PARSER_OPTIONS = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}


class Relation(msgspec.Struct, frozen=True):
    """A reference from one part to another: the last word of its type, and the other part's name."""

    kind: str
    target: str


class Container:
    """The XML parts of an open file."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._left = _MAX_READ_BYTES
        main = [each.target for each in self.relations("").values() if each.kind == "officeDocument"]
        if not main:
            raise UnreadableFileError("unsupported_type", self._description())
        self.main = main[0]

    def part(self, name: str) -> etree._Element | None:
        """The root element of a part; None if there is no such part. Raises `UnreadableFileError`."""
        content = self._read(name)
        return None if content is None else _parse(content)

    def root(self) -> etree._Element:
        """The root element of the main part. Raises `UnreadableFileError`."""
        root = self.part(self.main)
        if root is None:
            raise UnreadableFileError("damaged", DAMAGED)
        if local(root) not in ("document", "presentation"):
            raise UnreadableFileError("unsupported_type", _OTHERS.get(local(root), UNSUPPORTED))
        return root

    def relations(self, name: str) -> dict[str, Relation]:
        """The references of a part by id, without those to outside of the file."""
        folder, base = posixpath.split(name)
        root = self.part(posixpath.join(folder, "_rels", f"{base}.rels"))
        relations = {}
        for element in root if root is not None else ():
            target = element.get("Target", "")
            if element.get("TargetMode") != "External" and target:
                kind = element.get("Type", "").rpartition("/")[2]
                path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                relations[element.get("Id", "")] = Relation(kind, path)
        return relations

    def related(self, name: str, kind: str) -> etree._Element | None:
        """The root of the part that another one refers to by this kind; None if there is none."""
        targets = [each.target for each in self.relations(name).values() if each.kind == kind]
        return self.part(targets[0]) if targets else None

    def _read(self, name: str) -> bytes | None:
        try:
            info = self._file.getinfo(name)
        except KeyError:
            return None
        if info.flag_bits & _ENCRYPTED_FLAG:
            raise UnreadableFileError("encrypted", ENCRYPTED)
        if info.compress_type not in _METHODS:
            raise UnreadableFileError("damaged", DAMAGED)
        limit = min(_MAX_PART_BYTES, self._left)
        # The size in the directory may be a lie.
        with self._file.open(info) as stream:
            content = stream.read(limit + 1) if info.file_size <= limit else b""
        if info.file_size > limit or len(content) > limit:
            raise UnreadableFileError("too_complex", TOO_COMPLEX)
        self._left -= len(content)
        return content

    def _description(self) -> str:
        is_opendocument = b"opendocument" in (self._read("mimetype") or b"")
        return _OTHERS["opendocument"] if is_opendocument else UNSUPPORTED


@contextmanager
def open_container(path: Path) -> Iterator[Container]:
    """Opens a ZIP file. Raises `UnreadableFileError`, also for what is found while its parts are read."""
    try:
        with zipfile.ZipFile(path) as file:
            yield Container(file)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise UnreadableFileError("damaged", DAMAGED) from error


def local(element: etree._Element) -> str:
    """The element's name without its namespace; "" for what is no element, such as an entity."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: etree._Element | None, name: str = "val") -> str | None:
    """An attribute in the element's own namespace."""
    if element is None:
        return None
    namespace, mark, _ = element.tag.rpartition("}")
    value: str | None = element.get(f"{namespace}{mark}{name}")
    return value


def child(element: etree._Element | None, *names: str) -> etree._Element | None:
    """The first child with the first name, its first child with the second name, and so on."""
    for name in names:
        if element is None:
            return None
        element = next((each for each in element if local(each) == name), None)
    return element


def is_on(element: etree._Element | None) -> bool:
    """Whether a switch such as `<w:b/>` exists and is not off."""
    return element is not None and attribute(element) not in ("0", "false", "off", "none")


def _parse(content: bytes) -> etree._Element:
    try:
        root = etree.fromstring(content, etree.XMLParser(**_PARSER_OPTIONS))
    except etree.XMLSyntaxError as error:
        raise UnreadableFileError("damaged", DAMAGED) from error
    # Office's formats have no document types, and so no entities.
    if root.getroottree().docinfo.doctype:
        raise UnreadableFileError("damaged", DAMAGED)
    return root
