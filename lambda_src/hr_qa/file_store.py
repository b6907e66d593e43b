"""The documents' files: one object per document, uploaded by its owner, read by the ingestion."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from botocore.exceptions import ClientError

from lambda_src.hr_qa.models import Upload
from lambda_src.hr_qa.resources import object_key
from lambda_src.shared import aws
from lambda_src.shared.ids import timestamp
from lambda_src.shared.objects import erase_object

UPLOAD_SECONDS = 3600
URL_SECONDS = 3600
_MISSING = {"404", "NoSuchKey", "NotFound"}


class FileChangedError(Exception):
    """The object was replaced or deleted since its ETag was read."""


class FileInfo(msgspec.Struct, frozen=True):
    """`source` is the object's ETag."""

    source: str
    bytes: int


class FileStore:
    """The documents' bucket."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._s3 = client or aws.store_client("s3")
        self._now = now

    def upload_form(self, namespace: str, document_id: str, *, exact_bytes: int | None, max_bytes: int) -> Upload:
        """A form that uploads one PDF of the allowed size to the document's key, for an hour."""
        sizes = [exact_bytes, exact_bytes] if exact_bytes is not None else [1, max_bytes]
        with aws.store_errors():
            form = self._s3.generate_presigned_post(
                self._bucket,
                object_key(namespace, document_id),
                Fields={"Content-Type": "application/pdf"},
                Conditions=[{"Content-Type": "application/pdf"}, ["content-length-range", *sizes]],
                ExpiresIn=UPLOAD_SECONDS,
            )
        return Upload(url=form["url"], fields=form["fields"], expires_at=timestamp(self._now() + UPLOAD_SECONDS))

    def url(self, namespace: str, document_id: str, name: str) -> tuple[str, str]:
        """A URL of the file and when it expires. A browser shows the file under the document's name."""
        filename = name if name.lower().endswith(".pdf") else f"{name}.pdf"
        parameters = {
            "Bucket": self._bucket,
            "Key": object_key(namespace, document_id),
            "ResponseContentType": "application/pdf",
            "ResponseContentDisposition": f"inline; filename*=UTF-8''{quote(filename, safe='')}",
        }
        url = self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS)
        return url, timestamp(self._now() + URL_SECONDS)

    def head(self, namespace: str, document_id: str) -> FileInfo | None:
        """The current file; None when there is none."""
        with aws.store_errors():
            try:
                answer = self._s3.head_object(Bucket=self._bucket, Key=object_key(namespace, document_id))
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    return None
                raise
        return FileInfo(answer["ETag"], answer["ContentLength"])

    def read(self, namespace: str, document_id: str, source: str) -> Any:
        """The bytes, as a stream, of the file with this ETag. Raises `FileChangedError`."""
        with aws.store_errors():
            try:
                key = object_key(namespace, document_id)
                return self._s3.get_object(Bucket=self._bucket, Key=key, IfMatch=source)["Body"]
            except ClientError as error:
                if error.response["Error"]["Code"] in {*_MISSING, "412", "PreconditionFailed"}:
                    raise FileChangedError from error
                raise

    def delete(self, namespace: str, document_id: str) -> None:
        """Deletes the file and its older versions. Does nothing when there is none."""
        erase_object(self._s3, self._bucket, object_key(namespace, document_id))
