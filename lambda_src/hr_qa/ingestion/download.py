"""The file of a document, on disk while it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lambda_src.hr_qa.documents import DocumentItem
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.shared.file_types import extension

_BLOCK_BYTES = 1024 * 1024


@contextmanager
def download(files: FileStore, namespace: str, document: DocumentItem, source: str) -> Iterator[Path]:
    """The file in a temporary folder: 100 MB do not belong in memory. Its extension is that of its announced type.

    Raises `FileChangedError`.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"document{extension(document.content_type)}"
        body = files.read(namespace, document.id, source, document.origin)
        with path.open("wb") as target:
            while block := body.read(_BLOCK_BYTES):
                target.write(block)
        yield path
