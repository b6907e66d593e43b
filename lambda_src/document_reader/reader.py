"""Opens documents by what is in them, whatever their names say. Each format's libraries are imported when needed."""

import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from lambda_src.document_reader.errors import TOO_COMPLEX, UNSUPPORTED, ErrorCode, UnreadableFileError, too_many_pages
from lambda_src.document_reader.pages import Page

# PDF readers search this much of a file for its header.
_HEADER_BYTES = 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Streams of OLE files, by the names in their directories.
_OLD_FORMATS: Mapping[str, tuple[ErrorCode, str]] = {
    "EncryptedPackage": (
        "encrypted",
        "The document is protected by a password. Save it without one and upload it again.",
    ),
    "WordDocument": (
        "unsupported_type",
        "The file is a Word document in the old format (.doc). Save it as .docx or PDF and upload that.",
    ),
    "PowerPoint Document": (
        "unsupported_type",
        "The file is a presentation in the old format (.ppt). Save it as .pptx or PDF and upload that.",
    ),
}
_RTF = "The file is in the Rich Text Format (RTF). Save it as DOCX or PDF and upload that."


class Document(Protocol):
    """An open document. Pages count from 1. All raise `UnreadableFileError`."""

    page_count: int
    embedded_files: int
    content_type: str

    def read(self, first: int, last: int) -> list[Page]:
        """The pages from `first` to `last`, inclusive."""
        ...

    def render_png(self, page: int, dpi: int) -> bytes:
        """The page as a grayscale PNG; only for PDFs."""
        ...


@contextmanager
def open_document(path: Path, max_pages: int, *, on_page: Callable[[], None] = lambda: None) -> Iterator[Document]:
    """Opens the file in this process, without limits: for trusted files only. Raises `UnreadableFileError`.

    The name only decides between plain text, Markdown and HTML without a document type. `on_page` is called before
    each page that is read or drawn.
    """
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    if not start:
        raise UnreadableFileError("empty", "The file is empty. Check it and upload it again.")
    if b"%PDF-" in start:
        from lambda_src.document_reader import pdf

        with pdf.open_pdf(path, max_pages, on_page=on_page) as document:
            yield document
        return
    if start.startswith(_OLE):
        raise _old_format(path)
    if start.startswith(rb"{\rtf"):
        raise UnreadableFileError("unsupported_type", _RTF)
    try:
        opened = _open_office(path, max_pages, on_page) if start.startswith(b"PK") else _open_text(path, on_page)
    except RecursionError as error:
        raise UnreadableFileError("too_complex", TOO_COMPLEX) from error
    if opened.page_count > max_pages:
        raise too_many_pages(opened.page_count, max_pages)
    yield opened


def _open_office(path: Path, max_pages: int, on_page: Callable[[], None]) -> Document:
    from lambda_src.document_reader.docx import open_docx
    from lambda_src.document_reader.office import local, open_container
    from lambda_src.document_reader.pptx import open_pptx

    with open_container(path) as container:
        root = container.root()
        if local(root) == "presentation":
            return open_pptx(container, root, max_pages, on_page)
        return open_docx(container, root, on_page)


def _open_text(path: Path, on_page: Callable[[], None]) -> Document:
    from lambda_src.document_reader.text import open_text

    return open_text(path, on_page)


def _old_format(path: Path) -> UnreadableFileError:
    """Why an OLE file is not read. Office encrypts documents by putting them into one."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for stream, (code, message) in _OLD_FORMATS.items():
            if content.find(stream.encode("utf-16-le")) >= 0:
                return UnreadableFileError(code, message)
    return UnreadableFileError("unsupported_type", UNSUPPORTED)
