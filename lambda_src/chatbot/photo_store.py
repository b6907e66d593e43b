"""The conversations' photos in the bucket. A photo's key is its conversation, its message's number, and its digest.

So a retried turn writes the same objects, a replaced message's photos are no other message's, and a deletion finds
those that a killed turn has left behind.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from lambda_src.chatbot.conversations import StoredPhoto
from lambda_src.chatbot.models import MessagePhoto
from lambda_src.shared import aws
from lambda_src.shared.ids import timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.photos import Photo, photo_type

PREFIX = "photos"
URL_SECONDS = 3600
# Concurrent reads: twenty photos one by one take noticeably long.
READERS = 8
# Of one deletion, and of one listing.
MAX_KEYS = 1_000


class PhotoStore:
    """The photos of one stage."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._s3 = client or aws.store_client("s3")
        self._now = now

    def put(self, conversation_id: str, photos: Sequence[Photo], message: int) -> None:
        """Stores validated photos of the message with that number."""
        for photo in photos:
            stored = describe(photo, message)
            self._call(
                "put_object", Key=photo_key(conversation_id, stored), Body=photo.data, ContentType=stored.content_type
            )

    def read(self, conversation_id: str, photos: Sequence[StoredPhoto]) -> list[bytes | None]:
        """The photos' bytes; None for one that no longer exists."""
        if not photos:
            return []
        with ThreadPoolExecutor(max_workers=min(READERS, len(photos))) as pool:
            return list(pool.map(lambda photo: self._read(photo_key(conversation_id, photo)), photos))

    def link(self, conversation_id: str, photo: StoredPhoto) -> MessagePhoto:
        """The photo with a URL that works for an hour."""
        parameters = {"Bucket": self._bucket, "Key": photo_key(conversation_id, photo)}
        url = self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS)
        return MessagePhoto(photo.content_type, url=url, url_expires_at=timestamp(self._now() + URL_SECONDS))

    def delete(self, conversation_id: str, photos: Iterable[StoredPhoto]) -> None:
        """Deletes these photos, as far as they exist."""
        keys = [{"Key": photo_key(conversation_id, photo)} for photo in photos]
        for start in range(0, len(keys), MAX_KEYS):
            self._delete(keys[start : start + MAX_KEYS])

    def delete_all(self, conversation_id: str) -> int:
        """Deletes all photos of a conversation. Returns how many there were."""
        count = 0
        while True:
            listing = self._call("list_objects_v2", Prefix=f"{PREFIX}/{conversation_id}/")
            keys = [{"Key": entry["Key"]} for entry in listing.get("Contents", [])]
            if not keys:
                return count
            self._delete(keys)
            count += len(keys)

    def _delete(self, keys: list[dict[str, str]]) -> None:
        answer = self._call("delete_objects", Delete={"Objects": keys, "Quiet": True})
        if answer.get("Errors"):
            raise aws.store_unavailable(answer["Errors"][0].get("Code", ""))

    def _read(self, key: str) -> bytes | None:
        with aws.store_errors():
            try:
                # The body is read here because its connection may break, too.
                return bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
            except ClientError as error:
                # S3 answers AccessDenied for a missing object because the function may not list the bucket.
                if error.response["Error"]["Code"] not in ("NoSuchKey", "AccessDenied"):
                    raise
        logger.warning("photo missing", key=key)
        return None

    def _call(self, operation: str, **arguments: Any) -> Any:
        with aws.store_errors():
            return getattr(self._s3, operation)(Bucket=self._bucket, **arguments)


def describe(photo: Photo, message: int) -> StoredPhoto:
    """What the message with that number stores of a photo."""
    digest = hashlib.sha256(photo.data).hexdigest()
    return StoredPhoto(digest, photo_type(photo.data), len(photo.data), message)


def photo_key(conversation_id: str, photo: StoredPhoto) -> str:
    """A photo's key in the bucket."""
    message = f"{photo.message}/" if photo.message else ""
    return f"{PREFIX}/{conversation_id}/{message}{photo.digest}"
