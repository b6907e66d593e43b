"""Messages as they are stored, with what is stored of their photos and documents in the bucket."""

import msgspec

from lambda_src.chatbot.models import Role
from lambda_src.shared.photos import ContentType


class StoredPhoto(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A photo in the bucket; `digest` is its SHA-256 in hexadecimal.

    `message` is the number of its message; 0 for photos from before messages could be replaced, which the same picture
    in several messages shares.
    """

    digest: str
    content_type: ContentType
    bytes: int
    message: int = 0


class StoredDocument(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A document whose text is in the bucket. `digest` and `bytes` are those of the text in UTF-8.

    `pages`: of a document that has pages. `pages_without_text`: those that are pictures, such as scans.
    """

    name: str
    content_type: str
    digest: str
    bytes: int
    characters: int
    pages: int | None = None
    pages_without_text: int = 0
    message: int


class StoredFeedback(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the caller thinks of an answer."""

    helpful: bool
    comment: str | None = None


class MessageItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A stored message. `stop_reason` is that of a model's answer."""

    id: str
    role: Role
    text: str
    created_at: str
    photos: tuple[StoredPhoto, ...] = ()
    documents: tuple[StoredDocument, ...] = ()
    stop_reason: str | None = None
    feedback: StoredFeedback | None = None
