"""The documents' files: one object per document, uploaded by its owner or in a source, read by the ingestion."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from lambda_src.hr_qa.documents import DocumentItem, SourceObject
from lambda_src.hr_qa.resources import object_key
from lambda_src.shared import aws
from lambda_src.shared.file_types import HTML, PDF, TEXT, file_name
from lambda_src.shared.ids import timestamp
from lambda_src.shared.objects import erase_object
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

# Objects that one step compares: each needs a call.
PAGE = 500


class FileStore:
    """The documents' bucket, and objects of sources (`origin`) in other ones."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._s3 = client or aws.store_client("s3")
        self._now = now

    def upload_form(
        self, namespace: str, document_id: str, *, content_type: str, exact_bytes: int | None, max_bytes: int
    ) -> Upload:
        """A form that uploads one file of the type and the allowed size to the document's key, for an hour."""
        return upload_form(
            self._s3,
            self._bucket,
            object_key(namespace, document_id),
            self._now(),
            exact_bytes=exact_bytes,
            max_bytes=max_bytes,
            content_type=content_type,
        )

    def url(self, namespace: str, document: DocumentItem) -> tuple[str, str]:
        """A URL of the file and when it expires. A browser shows a PDF, and saves other files: a page that somebody
        uploaded must not run in it."""
        filename = quote(file_name(document.name, document.content_type), safe="")
        shown = "inline" if document.content_type == PDF else "attachment"
        parameters = {
            **self._object(namespace, document.id, document.origin),
            "ResponseContentType": TEXT if document.content_type == HTML else document.content_type,
            "ResponseContentDisposition": f"{shown}; filename*=UTF-8''{filename}",
        }
        url = self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS)
        return url, timestamp(self._now() + URL_SECONDS)

    def head(self, namespace: str, document_id: str, origin: SourceObject | None = None) -> FileInfo | None:
        """The current file; None when there is none."""
        if origin is not None:
            return self._find(origin)
        return find_file(self._s3, self._bucket, object_key(namespace, document_id))

    def read(self, namespace: str, document_id: str, source: str, origin: SourceObject | None = None) -> Any:
        """The bytes, as a stream, of the file with this ETag. Raises `FileChangedError`."""
        with aws.store_errors():
            try:
                place = self._object(namespace, document_id, origin)
                return self._s3.get_object(**place, IfMatch=source)["Body"]
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in CHANGED:
                    raise FileChangedError from error
                # S3 reveals whether an object exists only to those who may list all of its bucket.
                if code in FORBIDDEN and (origin is None or self._find(origin) is None):
                    raise FileChangedError from error
                raise

    def page(self, bucket: str, prefix: str, token: str | None) -> tuple[dict[str, str], str | None]:
        """Key -> ETag of the next objects below a prefix, and the token of the page after them if there is one."""
        start = {"ContinuationToken": token} if token else {}
        with aws.store_errors():
            answer = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=PAGE, **start)
        return {entry["Key"]: entry["ETag"] for entry in answer.get("Contents", ())}, answer.get(
            "NextContinuationToken"
        )

    def _object(self, namespace: str, document_id: str, origin: SourceObject | None) -> dict[str, str]:
        if origin is not None:
            return {"Bucket": origin.bucket, "Key": origin.key}
        return {"Bucket": self._bucket, "Key": object_key(namespace, document_id)}

    def _find(self, origin: SourceObject) -> FileInfo | None:
        """Lists the object, for which permission can be limited to a prefix: S3 answers HEAD for a missing object with
        403 to those who may not list all of its bucket."""
        with aws.store_errors():
            answer = self._s3.list_objects_v2(Bucket=origin.bucket, Prefix=origin.key, MaxKeys=1)
        for entry in answer.get("Contents", ()):
            if entry["Key"] == origin.key:
                return FileInfo(entry["ETag"], entry["Size"])
        return None

    def delete(self, namespace: str, document_id: str) -> None:
        """Deletes the file and its older versions. Does nothing when there is none."""
        erase_object(self._s3, self._bucket, object_key(namespace, document_id))
