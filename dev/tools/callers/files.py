"""The files of documents that move to another namespace.

A file is first copied to `moved/`, of which S3 sends no events: an event for a document's key without its document
makes the ingestion delete the file. The copy also tells a later run that the move has begun.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from lambda_src.hr_qa.resources import object_key
from lambda_src.shared import aws
from lambda_src.shared.objects import erase_object

PREFIX = "moved"
_MISSING = {"404", "NoSuchKey", "NotFound"}


class Staged(msgspec.Struct, frozen=True):
    """A copied file: its document's old and new namespace."""

    source: str
    target: str
    document: str

    @property
    def key(self) -> str:
        return f"{PREFIX}/{self.source}/{self.target}/{self.document}"


class Files:
    """The bucket of HR Q&A."""

    def __init__(self, bucket: str, client: Any) -> None:
        self._bucket = bucket
        self._s3 = client

    def etag(self, namespace: str, document_id: str) -> str | None:
        """The ETag of a document's file; None if there is none."""
        return self._etag(object_key(namespace, document_id))

    def stage(self, source: str, target: str, document_id: str, etag: str) -> None:
        """Copies the file with this ETag. Raises `Unavailable` if it is another one by now."""
        key = Staged(source, target, document_id).key
        self._copy(object_key(source, document_id), key, CopySourceIfMatch=etag)

    def staged(self) -> list[Staged]:
        """All staged files."""
        return [Staged(*key.split("/")[1:]) for key in self._keys()]

    def publish(self, source: str, target: str, document_id: str) -> None:
        """Copies the staged file, if there is one, to its document's new place."""
        key = Staged(source, target, document_id).key
        if self._etag(key) is not None:
            self._copy(key, object_key(target, document_id))

    def erase(self, source: str, target: str, document_id: str) -> None:
        """Erases the old file with all its versions, and the staged one last."""
        erase_object(self._s3, self._bucket, object_key(source, document_id))
        erase_object(self._s3, self._bucket, Staged(source, target, document_id).key)

    def _copy(self, source: str, target: str, **conditions: Any) -> None:
        with aws.store_errors():
            copy_source = {"Bucket": self._bucket, "Key": source}
            self._s3.copy_object(Bucket=self._bucket, Key=target, CopySource=copy_source, **conditions)

    def _etag(self, key: str) -> str | None:
        with aws.store_errors():
            try:
                return str(self._s3.head_object(Bucket=self._bucket, Key=key)["ETag"])
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    return None
                raise

    def _keys(self) -> Iterator[str]:
        with aws.store_errors():
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{PREFIX}/"):
                yield from (entry["Key"] for entry in page.get("Contents", ()))
