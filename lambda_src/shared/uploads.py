"""Files that callers upload to S3 with a presigned form."""

from typing import Any

import msgspec
from botocore.exceptions import ClientError

from lambda_src.shared import aws
from lambda_src.shared.ids import timestamp
from lambda_src.shared.schemas import Upload

UPLOAD_SECONDS = 3600
URL_SECONDS = 3600
# S3's codes for an object that is not there.
MISSING = frozenset(("404", "NoSuchKey", "NotFound"))
CHANGED = frozenset((*MISSING, "412", "PreconditionFailed"))
FORBIDDEN = frozenset(("403", "AccessDenied"))


class FileChangedError(Exception):
    """The object was replaced or deleted since its ETag was read."""


class FileInfo(msgspec.Struct, frozen=True):
    """`source` is the object's ETag."""

    source: str
    bytes: int


def upload_form(
    s3: Any,
    bucket: str,
    key: str,
    now: float,
    *,
    exact_bytes: int | None,
    max_bytes: int,
    content_type: str | None = None,
) -> Upload:
    """A form that uploads one file of the allowed size, and of the type if one is given, to a key, for an hour."""
    sizes = [exact_bytes, exact_bytes] if exact_bytes is not None else [1, max_bytes]
    fields = {"Content-Type": content_type} if content_type else {}
    with aws.store_errors():
        form = s3.generate_presigned_post(
            bucket,
            key,
            Fields=dict(fields),
            Conditions=[*([fields] if fields else []), ["content-length-range", *sizes]],
            ExpiresIn=UPLOAD_SECONDS,
        )
    return Upload(url=form["url"], fields=form["fields"], expires_at=timestamp(now + UPLOAD_SECONDS))


def find_file(s3: Any, bucket: str, key: str) -> FileInfo | None:
    """The uploaded file; None when there is none.

    S3 answers 403, not 404, for a missing object to those who may not list all of its bucket, as no function may:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    with aws.store_errors():
        try:
            answer = s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING | FORBIDDEN:
                return None
            raise
    return FileInfo(answer["ETag"], answer["ContentLength"])
