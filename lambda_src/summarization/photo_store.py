"""The reports' photos in the bucket. A photo's key is its caller's digest, its report, and its number.

Photos are stored before their report. If the function is killed between the two, nothing but the caller's digest leads
to the photos: by it, an erasure finds them.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from lambda_src.shared import aws
from lambda_src.shared.ids import timestamp
from lambda_src.shared.objects import erase_folder
from lambda_src.shared.photos import ContentType, Photo, photo_type
from lambda_src.summarization.models import ReportPhoto, SummaryRecord

PREFIX = "photos"
URL_SECONDS = 3600


class PhotoStore:
    """The photos of one stage."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._client = client
        self._now = now

    @cached_property
    def _s3(self) -> Any:
        """Made when it is first needed: most reports are written without photos."""
        return self._client or aws.store_client("s3")

    def put(self, caller: str, record_id: str, photos: Sequence[Photo]) -> list[ContentType]:
        """Stores validated photos, and returns their types."""
        types = [photo_type(photo.data) for photo in photos]
        for number, (photo, content_type) in enumerate(zip(photos, types, strict=True), 1):
            with aws.store_errors():
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=photo_key(caller, record_id, number),
                    Body=photo.data,
                    ContentType=content_type,
                )
        return types

    def links(self, caller: str, record: SummaryRecord) -> list[ReportPhoto]:
        """The report's photos with URLs that work for an hour."""
        expires_at = timestamp(self._now() + URL_SECONDS)
        return [
            ReportPhoto(content_type, self._url(photo_key(caller, record.id, number)), expires_at)
            for number, content_type in enumerate(record.photo_types, 1)
        ]

    def erase(self, caller: str, record_id: str) -> None:
        """Deletes a report's photos for good. Raises `Unavailable`; a retry continues."""
        erase_folder(self._s3, self._bucket, f"{caller_folder(caller)}/{record_id}")

    def erase_all(self, caller: str) -> None:
        """Deletes all photos of a caller for good, also those without a report."""
        erase_folder(self._s3, self._bucket, caller_folder(caller))

    def _url(self, key: str) -> str:
        url: str = self._s3.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=URL_SECONDS
        )
        return url


def caller_folder(caller: str) -> str:
    """Where a caller's photos are. The digest keeps the caller's id out of URLs and access logs."""
    return f"{PREFIX}/{hashlib.sha256(caller.encode()).hexdigest()[:32]}"


def photo_key(caller: str, record_id: str, number: int) -> str:
    """A photo's key in the bucket; numbers begin at 1."""
    return f"{caller_folder(caller)}/{record_id}/{number}"
