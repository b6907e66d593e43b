"""The file that is being read. Ranges of one file arrive together: they share its download and what was read of it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.ingestion.pdf import Document, open_document

_BLOCK_BYTES = 1024 * 1024


class OpenDocumentCache:
    """Keeps one document open until another one is opened or the cache is cleared."""

    def __init__(self, files: FileStore, max_pages: int) -> None:
        self._files = files
        self._max_pages = max_pages
        self._open: tuple[tuple[str, str, str], Document] | None = None
        self._resources = ExitStack()

    def open(self, namespace: str, document_id: str, source: str) -> Document:
        """The file with this ETag. Raises `FileChangedError` and `PdfError`."""
        key = (namespace, document_id, source)
        if self._open is None or self._open[0] != key:
            self.clear()
            with ExitStack() as stack:
                path = stack.enter_context(download(self._files, namespace, document_id, source))
                # Checked for decompression bombs when its ranges were planned.
                self._open = key, stack.enter_context(open_document(path, self._max_pages, checked=True))
                self._resources = stack.pop_all()
        assert self._open is not None
        return self._open[1]

    def clear(self) -> None:
        """Closes and deletes the file, so that an idle function keeps nothing of a document."""
        self._open = None
        self._resources.close()


@contextmanager
def download(files: FileStore, namespace: str, document_id: str, source: str) -> Iterator[Path]:
    """The file in a temporary folder: 100 MB do not belong in memory. Raises `FileChangedError`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "document.pdf"
        body = files.read(namespace, document_id, source)
        with path.open("wb") as target:
            while block := body.read(_BLOCK_BYTES):
                target.write(block)
        yield path
