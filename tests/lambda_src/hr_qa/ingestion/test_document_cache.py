"""Ranges of one file share its download; nothing of it stays behind."""

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
    """A bucket that knows how often a file was fetched."""

    reads = 0

    def get_object(self, **request: str) -> dict[str, object]:
        self.reads += 1
        return super().get_object(**request)


@pytest.fixture
def bucket() -> CountingBucket:
    bucket = CountingBucket()
    for name in ("one", "other"):
        bucket.objects[object_key("space", name)] = text_pdf([*PAGES, [f"This is the {name} handbook."]])
    return bucket


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def source(bucket: FakeBucket, name: str) -> str:
    return etag(bucket.objects[object_key("space", name)])


def test_ranges_of_one_file_fetch_it_once(bucket: CountingBucket, tmp_path: Path) -> None:
    cache = OpenDocumentCache(FileStore("bucket", bucket), max_pages=10)

    for first in (1, 3):
        cache.open("space", "one", source(bucket, "one")).read(first, first + 1)

    assert bucket.reads == 1
    cache.clear()
    assert not list(tmp_path.iterdir())


def test_another_file_takes_the_place_of_the_first(bucket: CountingBucket, tmp_path: Path) -> None:
    cache = OpenDocumentCache(FileStore("bucket", bucket), max_pages=10)

    cache.open("space", "one", source(bucket, "one"))
    (page,) = cache.open("space", "other", source(bucket, "other")).read(5, 5)

    assert "other handbook" in page.text
    assert len(list(tmp_path.iterdir())) == 1
    cache.clear()


def test_a_file_that_was_replaced_or_cannot_be_read_leaves_nothing(bucket: CountingBucket, tmp_path: Path) -> None:
    cache = OpenDocumentCache(FileStore("bucket", bucket), max_pages=4)

    with pytest.raises(FileChangedError):
        cache.open("space", "one", '"older"')
    with pytest.raises(PdfError):
        cache.open("space", "one", source(bucket, "one"))

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("first_range", [(1, 2), (2, 2), (4, 4)])
def test_a_range_is_the_same_whatever_was_read_before(tmp_path: Path, first_range: tuple[int, int]) -> None:
    path = tmp_path / "handbook.pdf"
    path.write_bytes(text_pdf(PAGES))

    with open_document(path, 10) as fresh:
        expected = fresh.read(3, 4)
    with open_document(path, 10) as used:
        used.read(*first_range)

        assert used.read(3, 4) == expected
