"""Erased objects leave no version behind."""

from typing import Any

import pytest

from lambda_src.shared.errors import Unavailable
from lambda_src.shared.objects import erase_object
from tests.fakes import FakeBucket


def test_all_versions_of_an_object_are_deleted_and_no_others() -> None:
    bucket = FakeBucket()
    bucket.objects = {"images/a.png": b"new", "images/a.png.b": b"other"}
    bucket.old_versions = {("images/a.png", "1"): b"old", ("images/a.png", "2"): b"older", ("images/b", "1"): b"x"}

    erase_object(bucket, "bucket", "images/a.png")

    assert bucket.objects == {"images/a.png.b": b"other"}
    assert list(bucket.old_versions) == [("images/b", "1")]
    erase_object(bucket, "bucket", "images/a.png")


def test_a_version_that_is_left_is_unavailable() -> None:
    class Failing(FakeBucket):
        def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
            return {"Errors": [{"Code": "InternalError"}]}

    bucket = Failing()
    bucket.objects = {"k": b"x"}
    with pytest.raises(Unavailable):
        erase_object(bucket, "bucket", "k")
