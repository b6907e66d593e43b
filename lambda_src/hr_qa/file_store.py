"""The documents' files: one object a document, posted by its owner, read by the ingestion."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.hr_qa.models import Upload
from lambda_src.hr_qa.resources import key
from lambda_src.shared import aws
from lambda_src.shared.ids import timestamp
from lambda_src.shared.store import unavailable

UPLOAD_SECONDS = 3600
URL_SECONDS = 3600
_MISSING = {"404", "NoSuchKey", "NotFound"}


class FileChangedError(Exception):
    """The object is not the one that was asked for: it was replaced or deleted meanwhile."""


class Head(msgspec.Struct, frozen=True):
    """What S3 says about a file; `source` is its ETag."""

    source: str
    bytes: int


class FileStore:
    """The documents' bucket."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._s3 = client or aws.store_client("s3")
        self._now = now

    def form(self, space: str, document: str, *, exactly: int | None, at_most: int) -> Upload:
        """A form that puts one object in one place: of that type, not larger than allowed, for an hour."""
        sizes = [exactly, exactly] if exactly is not None else [1, at_most]
        try:
            made = self._s3.generate_presigned_post(
                self._bucket,
                key(space, document),
                Fields={"Content-Type": "application/pdf"},
                Conditions=[{"Content-Type": "application/pdf"}, ["content-length-range", *sizes]],
                ExpiresIn=UPLOAD_SECONDS,
            )
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error
        return Upload(url=made["url"], fields=made["fields"], expires_at=timestamp(self._now() + UPLOAD_SECONDS))

    def url(self, space: str, document: str, name: str) -> tuple[str, str]:
        """A link to the file for an hour, and when it ends. A browser shows it under the document's name."""
        filename = name if name.lower().endswith(".pdf") else f"{name}.pdf"
        parameters = {
            "Bucket": self._bucket,
            "Key": key(space, document),
            "ResponseContentType": "application/pdf",
            "ResponseContentDisposition": f"inline; filename*=UTF-8''{quote(filename, safe='')}",
        }
        url = self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS)
        return url, timestamp(self._now() + URL_SECONDS)

    def head(self, space: str, document: str) -> Head | None:
        """The file that is there now; None when there is none."""
        try:
            answer = self._s3.head_object(Bucket=self._bucket, Key=key(space, document))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise unavailable(error) from error
        except BotoCoreError as error:
            raise unavailable(error) from error
        return Head(answer["ETag"], answer["ContentLength"])

    def read(self, space: str, document: str, source: str) -> Any:
        """The file's bytes as a stream, if it is still that one. Raises `FileChangedError`."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key(space, document), IfMatch=source)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] in {*_MISSING, "412", "PreconditionFailed"}:
                raise FileChangedError from error
            raise unavailable(error) from error
        except BotoCoreError as error:
            raise unavailable(error) from error

    def delete(self, space: str, document: str) -> None:
        """Removes the file; one that is gone is no error."""
        try:
            self._s3.delete_object(Bucket=self._bucket, Key=key(space, document))
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error
