"""The conversations' photos in the bucket, each under its conversation and the digest of its bytes.

So a turn that is tried again writes the same objects, and a deletion finds what a killed turn has left behind.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.chatbot.conversations import StoredPhoto
from lambda_src.chatbot.models import MessagePhoto
from lambda_src.shared import aws
from lambda_src.shared.ids import timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.photos import ContentType, Photo, photo_format
from lambda_src.shared.store import unavailable

PREFIX = "photos"
URL_SECONDS = 3600
# Reads side by side: twenty photos one after the other would be felt.
READERS = 8

_CONTENT_TYPES: dict[str, ContentType] = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class PhotoStore:
    """The photos' bucket."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._s3 = client or aws.store_client("s3")
        self._now = now

    def put(self, conversation: str, photos: Sequence[Photo]) -> None:
        """Stores photos that were checked before."""
        for photo in photos:
            kept = described(photo)
            self._call("put_object", Key=_key(conversation, kept), Body=photo.data, ContentType=kept.content_type)

    def read(self, conversation: str, photos: Sequence[StoredPhoto]) -> list[bytes | None]:
        """Their bytes; None for one that is no longer there."""
        if not photos:
            return []
        with ThreadPoolExecutor(max_workers=min(READERS, len(photos))) as pool:
            return list(pool.map(lambda photo: self._read(_key(conversation, photo)), photos))

    def shown(self, conversation: str, photo: StoredPhoto) -> MessagePhoto:
        """The photo with a link for an hour."""
        parameters = {"Bucket": self._bucket, "Key": _key(conversation, photo)}
        url = self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS)
        return MessagePhoto(photo.content_type, url=url, url_expires_at=timestamp(self._now() + URL_SECONDS))

    def forget(self, conversation: str) -> None:
        """Deletes all photos of a conversation."""
        while True:
            # As many as one deletion takes; asked again, those that are gone are no longer listed.
            listed = self._call("list_objects_v2", Prefix=f"{PREFIX}/{conversation}/")
            keys = [{"Key": one["Key"]} for one in listed.get("Contents", [])]
            if not keys:
                return
            answer = self._call("delete_objects", Delete={"Objects": keys, "Quiet": True})
            if answer.get("Errors"):
                raise unavailable(RuntimeError(answer["Errors"][0].get("Code", "")))

    def _read(self, key: str) -> bytes | None:
        try:
            # The body is read here, too: it may break off on its way.
            return bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        except ClientError as error:
            # Without the right to list, which the functions have no other use for, S3 says so of what is not there.
            if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
                logger.warning("photo not there", key=key)
                return None
            raise unavailable(error) from error
        except BotoCoreError as error:
            raise unavailable(error) from error

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self._s3, operation)(Bucket=self._bucket, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error


def described(photo: Photo) -> StoredPhoto:
    """What is kept of a photo in its message."""
    kind = photo_format(photo.data)
    assert kind, "photos are checked before they are kept"
    return StoredPhoto(hashlib.sha256(photo.data).hexdigest(), _CONTENT_TYPES[kind], len(photo.data))


def _key(conversation: str, photo: StoredPhoto) -> str:
    return f"{PREFIX}/{conversation}/{photo.digest}"
