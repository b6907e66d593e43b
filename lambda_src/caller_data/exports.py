"""The bucket of exports: the files of each, and the archive that is made of them.

`exports/<subject>/<id>/files/<use case>/...` are the files, `exports/<subject>/<id>/<archive>.zip` is the archive.
`subject` is the digest of the caller. Two workers with the same export write two archives, and the record names the one
that was first: the other may lack files.
"""

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from lambda_src.shared import aws
from lambda_src.shared.caller_data import EXPORTS
from lambda_src.shared.ids import timestamp
from lambda_src.shared.objects import erase_folder

ARCHIVE_SECONDS = 24 * 3600
# S3 takes 10,000 parts of at least 5 MB: an archive of up to 160 GB.
PART_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
# The longest a download may take to begin. Anyone who has the URL can download the archive.
URL_SECONDS = 900
README = """What this stage keeps of you, use case by use case, in the form of its API.

manifest.json   when the archive was made, and how many of what are in each folder
<use case>/     JSON files, and the images, photos and documents themselves

Not in it: responses that are kept for a day for repeated requests, lines of logs, and counters without texts.
"""


class Exports:
    """The bucket of one stage."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._s3 = client or aws.store_client("s3")
        self._now = now

    def url(self, subject: str, export_id: str, archive_id: str) -> tuple[str, str]:
        """A URL of the archive, and when it expires."""
        parameters = {
            "Bucket": self._bucket,
            "Key": _archive_key(subject, export_id, archive_id),
            "ResponseContentType": "application/zip",
            "ResponseContentDisposition": f'attachment; filename="export-{export_id}.zip"',
        }
        url = self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS)
        return url, timestamp(self._now() + URL_SECONDS)

    def archive(self, subject: str, export_id: str, archive_id: str, manifest: Any) -> int:
        """Writes an archive of an export's files. Returns its size in bytes."""
        folder = f"{files_folder(subject, export_id)}/"
        upload = _Upload(self._s3, self._bucket, _archive_key(subject, export_id, archive_id))
        with aws.store_errors():
            try:
                self._write(upload, folder, manifest)
                return upload.complete()
            except BaseException:
                upload.abort()
                raise

    def erase_files(self, subject: str, export_id: str) -> None:
        """Deletes the files of an export, which are in its archive."""
        erase_folder(self._s3, self._bucket, files_folder(subject, export_id))

    def erase_all(self, subject: str) -> None:
        """Deletes all files and archives of a caller."""
        erase_folder(self._s3, self._bucket, f"{EXPORTS}/{subject}")

    def _write(self, upload: "_Upload", folder: str, manifest: Any) -> None:
        with zipfile.ZipFile(upload, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", README)
            archive.writestr("manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=2))
            for key, size in self._listed(folder):
                entry = zipfile.ZipInfo(key.removeprefix(folder), time.gmtime(self._now())[:6])
                # Pictures and documents are compressed in themselves.
                entry.compress_type = zipfile.ZIP_DEFLATED if key.endswith(".json") else zipfile.ZIP_STORED
                entry.file_size = size
                body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
                with archive.open(entry, "w") as file:
                    while block := body.read(_BLOCK_BYTES):
                        file.write(block)

    def _listed(self, folder: str) -> Iterator[tuple[str, int]]:
        start: dict[str, str] = {}
        while True:
            answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=folder, **start)
            yield from ((entry["Key"], entry["Size"]) for entry in answer.get("Contents", ()))
            if "NextContinuationToken" not in answer:
                return
            start = {"ContinuationToken": answer["NextContinuationToken"]}


class _Upload(io.RawIOBase):
    """A file that is written from its beginning to its end, as parts of a multipart upload."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        super().__init__()
        self._s3 = s3
        self._place = {"Bucket": bucket, "Key": key}
        self._upload = s3.create_multipart_upload(**self._place, ContentType="application/zip")["UploadId"]
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._buffer += data
        while len(self._buffer) >= PART_BYTES:
            self._send(PART_BYTES)
        return len(data)

    def complete(self) -> int:
        """Sends what is left. Returns the size of the file."""
        self._send(len(self._buffer))
        self._s3.complete_multipart_upload(**self._place, UploadId=self._upload, MultipartUpload={"Parts": self._parts})
        return self._bytes

    def abort(self) -> None:
        """Deletes the parts that were sent; if the process ends before, the bucket does after a day."""
        self._s3.abort_multipart_upload(**self._place, UploadId=self._upload)

    def _send(self, size: int) -> None:
        number = len(self._parts) + 1
        body = bytes(self._buffer[:size])
        answer = self._s3.upload_part(**self._place, UploadId=self._upload, PartNumber=number, Body=body)
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})
        del self._buffer[:size]
        self._bytes += size


def files_folder(subject: str, export_id: str) -> str:
    """The folder of an export's files."""
    return f"{EXPORTS}/{subject}/{export_id}/files"


def _archive_key(subject: str, export_id: str, archive_id: str) -> str:
    return f"{EXPORTS}/{subject}/{export_id}/{archive_id}.zip"
