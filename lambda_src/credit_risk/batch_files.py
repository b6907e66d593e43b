"""The files of batches in the bucket, by the namespace of their caller.

`batches/` has what was uploaded, `work/` what each slice wrote, `results/` what callers download. A batch has all of
them below one prefix, so that a deletion finds what a killed worker left.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal

from botocore.exceptions import ClientError

from lambda_src.credit_risk.models import File
from lambda_src.credit_risk.resources import RESULTS, UPLOADS, WORK
from lambda_src.shared import aws
from lambda_src.shared.ids import timestamp
from lambda_src.shared.objects import erase_folder, erase_object
from lambda_src.shared.schemas import Upload
from lambda_src.shared.uploads import (
    CHANGED,
    FORBIDDEN,
    URL_SECONDS,
    FileChangedError,
    FileInfo,
    find_file,
    upload_form,
)

MAX_UPLOAD_BYTES = 104_857_600
Output = Literal["scores", "rejected"]
OUTPUTS: tuple[Output, ...] = ("scores", "rejected")
_CONTENT_TYPE = "application/gzip"
_BLOCK_BYTES = 1024 * 1024


class BatchFiles:
    """The bucket of one stage."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._s3 = client or aws.store_client("s3")
        self._now = now

    def upload_form(self, namespace: str, batch_id: str, exact_bytes: int | None) -> Upload:
        """A form that uploads one file of the allowed size, for an hour."""
        return upload_form(
            self._s3,
            self._bucket,
            upload_key(namespace, batch_id),
            self._now(),
            exact_bytes=exact_bytes,
            max_bytes=MAX_UPLOAD_BYTES,
        )

    def find(self, namespace: str, batch_id: str) -> FileInfo | None:
        """The uploaded file; None when there is none."""
        return find_file(self._s3, self._bucket, upload_key(namespace, batch_id))

    @contextmanager
    def open(self, namespace: str, batch_id: str, source: str) -> Iterator[BinaryIO]:
        """The uploaded file with this ETag, on disk: 100 MB do not belong in memory. Raises `FileChangedError`."""
        with TemporaryFile() as file:
            self._download(upload_key(namespace, batch_id), file, IfMatch=source)
            file.seek(0)
            yield file

    def write_part(self, namespace: str, batch_id: str, output: Output, number: int, content: bytes) -> None:
        """Writes what a slice adds to an output. A repetition writes the same."""
        self._put(_part_key(namespace, batch_id, output, number), content)

    def join_parts(self, namespace: str, batch_id: str, output: Output, head: bytes, count: int) -> None:
        """Writes an output: its head and its parts. They are gzip files, which may be put one behind the other."""
        with TemporaryFile() as file:
            file.write(head)
            for number in range(count):
                self._download(_part_key(namespace, batch_id, output, number), file)
            file.seek(0)
            self._put(result_key(namespace, batch_id, output), file)

    def result(self, namespace: str, batch_id: str, output: Output, name: str) -> File:
        """A URL of an output, which is saved under a name."""
        parameters = {
            "Bucket": self._bucket,
            "Key": result_key(namespace, batch_id, output),
            "ResponseContentType": _CONTENT_TYPE,
            "ResponseContentDisposition": f'attachment; filename="{name}"',
        }
        url = self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS)
        return File(url, timestamp(self._now() + URL_SECONDS))

    def delete_upload(self, namespace: str, batch_id: str) -> None:
        """Deletes what was uploaded."""
        erase_object(self._s3, self._bucket, upload_key(namespace, batch_id))

    def delete_parts(self, namespace: str, batch_id: str) -> None:
        """Deletes what slices wrote, once it is joined."""
        erase_folder(self._s3, self._bucket, f"{WORK}/{namespace}/{batch_id}")

    def delete_all(self, namespace: str, batch_id: str) -> None:
        """Deletes all files of a batch. Does nothing for those that do not exist."""
        self.delete_upload(namespace, batch_id)
        self.delete_parts(namespace, batch_id)
        erase_folder(self._s3, self._bucket, f"{RESULTS}/{namespace}/{batch_id}")

    def _put(self, key: str, content: Any) -> None:
        with aws.store_errors():
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=_CONTENT_TYPE)

    def _download(self, key: str, target: Any, **condition: str) -> None:
        with aws.store_errors():
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=key, **condition)["Body"]
                while block := body.read(_BLOCK_BYTES):
                    target.write(block)
            except ClientError as error:
                if error.response["Error"]["Code"] in CHANGED | FORBIDDEN:
                    raise FileChangedError from error
                raise


def upload_key(namespace: str, batch_id: str) -> str:
    """The key of a batch's uploaded file."""
    return f"{UPLOADS}/{namespace}/{batch_id}"


def parse_upload_key(key: str) -> tuple[str, str] | None:
    """Namespace and batch id of an uploaded file's key; None for another key."""
    match key.split("/"):
        case [prefix, namespace, batch_id] if prefix == UPLOADS and namespace and batch_id:
            return namespace, batch_id
    return None


def _part_key(namespace: str, batch_id: str, output: Output, number: int) -> str:
    return f"{WORK}/{namespace}/{batch_id}/{output}-{number:05}.gz"


def result_key(namespace: str, batch_id: str, output: Output) -> str:
    """The key of a batch's output."""
    return f"{RESULTS}/{namespace}/{batch_id}/{output}.csv.gz"
