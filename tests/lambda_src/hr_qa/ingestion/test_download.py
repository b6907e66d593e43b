"""A file is on disk while it is read, and not afterwards."""

from pathlib import Path

import pytest

from lambda_src.hr_qa.documents import DocumentItem
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.ingestion.download import download
from lambda_src.hr_qa.resources import object_key
from lambda_src.shared.uploads import FileChangedError
from tests.fakes import FakeBucket, etag

CONTENT = b"%PDF-1.7"
DOCUMENT = DocumentItem(id="document", name="n", owner="o", status="processing", created_at="t", updated_at="t")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bucket = FakeBucket()
    bucket.objects[object_key("space", "document")] = CONTENT
    return FileStore("bucket", bucket)


def test_a_file_is_deleted_after_it_was_read(files: FileStore, tmp_path: Path) -> None:
    with download(files, "space", DOCUMENT, etag(CONTENT)) as path:
        assert path.read_bytes() == CONTENT

    assert not list(tmp_path.iterdir())


def test_a_changed_file_leaves_nothing_on_disk(files: FileStore, tmp_path: Path) -> None:
    with pytest.raises(FileChangedError), download(files, "space", DOCUMENT, '"older"'):
        pass

    assert not list(tmp_path.iterdir())
