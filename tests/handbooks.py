"""The sample handbooks, read once per test run."""

from functools import cache
from pathlib import Path

from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.pages import Page
from lambda_src.document_reader.reader import open_document

FOLDER = Path(__file__).resolve().parent.parent / "samples" / "handbooks"
MAX_PAGES = 1000


@cache
def pages_of(name: str) -> list[Page]:
    """All pages of a handbook."""
    with open_document(FOLDER / name, MAX_PAGES) as document:
        return document.read(1, document.page_count)


@cache
def readable() -> tuple[str, ...]:
    """The names of the readable handbooks."""
    return tuple(path.name for path in sorted(FOLDER.glob("*.pdf")) if _is_readable(path))


def _is_readable(path: Path) -> bool:
    try:
        with open_document(path, MAX_PAGES):
            return True
    except UnreadableFileError:
        return False
