"""Turns a file into the text that the model gets."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from lambda_src.chatbot.documents import READ_SECONDS, ReadResult, ReadTask
from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.isolated_reader import open_isolated
from lambda_src.document_reader.pages import Block, Page
from lambda_src.document_reader.reader import Document
from lambda_src.document_reader.reader_protocol import Limits
from lambda_src.shared.file_types import FILE_TYPES, PDF, PPTX
from lambda_src.shared.observability import logger

MAX_PAGES = 500
# Memory as for HR Q&A's documents, and less time, because a caller waits: these files are small.
LIMITS = Limits(page_seconds=8.0, document_seconds=8.0, seconds_per_page=0.01, total_seconds=READ_SECONDS - 4)
# More does not fit into Lambda's 6 MB for a response if every character takes six bytes, and into few models.
MAX_CHARACTERS = 900_000
# Other types are cut into pages by the reader, which nobody else sees.
_WITH_PAGES = (PDF, PPTX)
_WITHOUT_TEXT = "The document has no text that can be read: its pages are pictures, such as scans, or empty."
_TOO_LONG = f"The document has more than {MAX_CHARACTERS:,} characters of text. Send a part of it."
# Tells the model that it does not know the page.
_PICTURE = "(This page is a picture, whose text was not read.)"
_MAX_LEVEL = 6


def read(task: ReadTask) -> ReadResult:
    """Reads the file in a process with limits. Raises `ReaderLostError`, after which a retry may succeed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"document{_extension(task.name)}"
        path.write_bytes(task.content)
        try:
            with open_isolated(path, MAX_PAGES, LIMITS) as document:
                return _result(document)
        except UnreadableFileError as error:
            logger.info("document not read", code=error.code)
            if error.code == "too_many_pages" and not _has_pages(task.content):
                return ReadResult(problem=_TOO_LONG, reason="too_long")
            return ReadResult(problem=error.message, reason=error.code)


def _has_pages(content: bytes) -> bool:
    """Whether the file is a PDF or a presentation. The names in a ZIP file are not compressed."""
    return b"%PDF-" in content[:1024] or b"ppt/presentation.xml" in content


def _extension(name: str) -> str:
    """The extension if it is one of those that decide between types of text."""
    return next((extension for extension in FILE_TYPES if name.lower().endswith(extension)), "")


def _result(document: Document) -> ReadResult:
    has_pages = document.content_type in _WITH_PAGES
    pages: list[str] = []
    length = without_text = 0
    for page in _pages(document):
        text = _text(page)
        without_text += page.needs_ocr
        pages.append(f"[Page {page.number}]\n{text}" if has_pages else text)
        length += len(text)
        if length > MAX_CHARACTERS:
            return ReadResult(problem=_TOO_LONG, reason="too_long")
    if not length or without_text == document.page_count:
        return ReadResult(problem=_WITHOUT_TEXT, reason="without_text")
    return ReadResult(
        text="\n\n".join(pages),
        content_type=document.content_type,
        pages=document.page_count if has_pages else None,
        pages_without_text=without_text,
    )


def _pages(document: Document) -> Iterator[Page]:
    for number in range(1, document.page_count + 1):
        yield from document.read(number, number)


def _text(page: Page) -> str:
    text = "\n".join(map(_line, page.blocks))
    return f"{text}\n{_PICTURE}".strip() if page.needs_ocr else text


def _line(block: Block) -> str:
    if block.kind != "heading":
        return block.text
    return f"{'#' * min(len(block.path) + 1, _MAX_LEVEL)} {block.text}"
