"""The file that is being read. Ranges of one file come together: they share its download and what was found in it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.ingestion.pdf import Document, open_document

_BLOCK = 1024 * 1024


class OpenDocumentCache:
    """One open document, until another one is asked for or the cache is cleared."""

    def __init__(self, files: FileStore, max_pages: int) -> None:
        self._files = files
        self._max_pages = max_pages
        self._open: tuple[tuple[str, str, str], Document] | None = None
        self._leaving = ExitStack()

    def document(self, space: str, document: str, source: str) -> Document:
        """The file as it was with this ETag. Raises `FileChangedError` and `PdfError`."""
        key = (space, document, source)
        if self._open is None or self._open[0] != key:
            self.clear()
            with ExitStack() as stack:
                path = stack.enter_context(on_disk(self._files, space, document, source))
                # What it unpacks to was looked at when its ranges were planned.
                self._open = key, stack.enter_context(open_document(path, self._max_pages, known=True))
                self._leaving = stack.pop_all()
        assert self._open is not None
        return self._open[1]

    def clear(self) -> None:
        """Closes and deletes the file: nothing of a document stays behind in a function that waits for work."""
        self._open = None
        self._leaving.close()


@contextmanager
def on_disk(files: FileStore, space: str, document: str, source: str) -> Iterator[Path]:
    """The file on disk while it is needed: a document of 100 MB must not be in memory. Raises `FileChangedError`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "document.pdf"
        body = files.read(space, document, source)
        with path.open("wb") as target:
            while block := body.read(_BLOCK):
                target.write(block)
        yield path
