"""Uploaded files in a bucket that the function may not list: S3 does not say that an object is missing."""

from typing import Any

import pytest

from lambda_src.hr_qa.file_store import FileStore
from lambda_src.shared.errors import Unavailable
from lambda_src.shared.uploads import FileChangedError, find_file
from tests.fakes import client_error


class FailingS3:
    """Answers each call with an error."""

    def __init__(self, code: str) -> None:
        self._code = code

    def head_object(self, **_: Any) -> Any:
        raise client_error(self._code)

    def get_object(self, **_: Any) -> Any:
        raise client_error(self._code)


@pytest.mark.parametrize("code", ["404", "NoSuchKey", "403", "AccessDenied"])
def test_a_missing_file_is_none(code: str) -> None:
    assert find_file(FailingS3(code), "bucket", "key") is None


def test_another_error_is_no_missing_file() -> None:
    with pytest.raises(Unavailable):
        find_file(FailingS3("SlowDown"), "bucket", "key")


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied", "PreconditionFailed"])
def test_a_document_whose_file_is_gone_has_changed(code: str) -> None:
    with pytest.raises(FileChangedError):
        FileStore("bucket", FailingS3(code)).read("namespace", "document", '"etag"')
