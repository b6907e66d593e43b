"""The conversations' photos in the bucket."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from lambda_src.chatbot.message_item import StoredPhoto
from lambda_src.chatbot.models import MessagePhoto
from lambda_src.chatbot.stored_files import StoredFiles, file_key
from lambda_src.shared.ids import timestamp
from lambda_src.shared.photos import Photo, photo_type

PREFIX = "photos"
URL_SECONDS = 3600


class PhotoStore(StoredFiles):
    """The photos of one stage."""

    def __init__(self, bucket: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(bucket, PREFIX, client)
        self._now = now

    def put(self, conversation_id: str, photos: Sequence[Photo], message: int) -> None:
        """Stores validated photos of the message with that number."""
        for photo in photos:
            stored = describe(photo, message)
            self._put(conversation_id, stored, photo.data, stored.content_type)

    def read(self, conversation_id: str, photos: Sequence[StoredPhoto]) -> list[bytes | None]:
        """The photos' bytes; None for one that no longer exists."""
        return self._read_all(conversation_id, photos)

    def link(self, conversation_id: str, photo: StoredPhoto) -> MessagePhoto:
        """The photo with a URL that works for an hour."""
        parameters = {"Bucket": self._bucket, "Key": photo_key(conversation_id, photo)}
        url = self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS)
        return MessagePhoto(photo.content_type, url=url, url_expires_at=timestamp(self._now() + URL_SECONDS))


def describe(photo: Photo, message: int) -> StoredPhoto:
    """What the message with that number stores of a photo."""
    digest = hashlib.sha256(photo.data).hexdigest()
    return StoredPhoto(digest, photo_type(photo.data), len(photo.data), message)


def photo_key(conversation_id: str, photo: StoredPhoto) -> str:
    """A photo's key in the bucket."""
    return file_key(PREFIX, conversation_id, photo)
