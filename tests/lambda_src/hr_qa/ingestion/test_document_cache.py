"""Ranges of one file share its download, and no file remains afterwards."""

from pathlib import Path

import pytest

from lambda_src.hr_qa.file_store import FileChangedError, FileStore
from lambda_src.hr_qa.ingestion.document_cache import OpenDocumentCache
from lambda_src.hr_qa.ingestion.pdf import PdfError, open_document
from lambda_src.hr_qa.resources import object_key
from tests.fakes import FakeBucket, etag
from tests.pdfs import text_pdf

PAGES = [
    ["# Leave", "Parental leave is sixteen weeks for every employee."],
    ["Sick leave needs a note after three days of absence."],
    ["# Holidays", "Holidays can be carried over until the end of March."],
    ["Who leaves during the year is paid for the days that are left."],
]


class CountingBucket(FakeBucket):
    """Counts downloads."""

    reads = 0

    def get_object(self, **request: str) -> dict[str, object]:
        self.reads += 1
        return super().get_object(**request)


@pytest.fixture
def bucket() -> CountingBucket:
    bucket = CountingBucket()
    for name in ("first", "second"):
        bucket.objects[object_key("space", name)] = text_pdf([*PAGES, [f"This is the {name} handbook."]])
    return bucket


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def source(bucket: FakeBucket, name: str) -> str:
    return etag(bucket.objects[object_key("space", name)])


def test_ranges_of_one_file_download_it_once(bucket: CountingBucket, tmp_path: Path) -> None:
    cache = OpenDocumentCache(FileStore("bucket", bucket), max_pages=10)

    for first in (1, 3):
        cache.open("space", "first", source(bucket, "first")).read(first, first + 1)

    assert bucket.reads == 1
    cache.clear()
    assert not list(tmp_path.iterdir())


def test_opening_another_file_replaces_the_first(bucket: CountingBucket, tmp_path: Path) -> None:
    cache = OpenDocumentCache(FileStore("bucket", bucket), max_pages=10)

    cache.open("space", "first", source(bucket, "first"))
    (page,) = cache.open("space", "second", source(bucket, "second")).read(5, 5)

    assert "second handbook" in page.text
    assert len(list(tmp_path.iterdir())) == 1
    cache.clear()


def test_a_changed_or_unreadable_file_leaves_nothing_on_disk(bucket: CountingBucket, tmp_path: Path) -> None:
    cache = OpenDocumentCache(FileStore("bucket", bucket), max_pages=4)

    with pytest.raises(FileChangedError):
        cache.open("space", "first", '"older"')
    with pytest.raises(PdfError):
        cache.open("space", "first", source(bucket, "first"))

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("first_range", [(1, 2), (2, 2), (4, 4)])
def test_a_range_does_not_depend_on_earlier_reads(tmp_path: Path, first_range: tuple[int, int]) -> None:
    path = tmp_path / "handbook.pdf"
    path.write_bytes(text_pdf(PAGES))

    with open_document(path, 10) as fresh:
        expected = fresh.read(3, 4)
    with open_document(path, 10) as used:
        used.read(*first_range)

        assert used.read(3, 4) == expected
