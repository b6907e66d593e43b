"""Photos that a caller sends along: checked by what they are, and as the model takes them."""

from collections.abc import Sequence
from typing import Any, Literal

from lambda_src.shared.catalogue import Model
from lambda_src.shared.errors import InvalidRequest, TooLarge
from lambda_src.shared.schemas import RequestModel

ContentType = Literal["image/jpeg", "image/png", "image/webp"]
MAX_PHOTO_BYTES = 4 * 1024 * 1024
# Four megabytes of photos are 5.6 million characters of base64, and a function takes 6 MB at most.
MAX_BODY_BYTES = 5_800_000


class Photo(RequestModel):
    """A photo; `data` is base64. What it is, its first bytes say: `contentType` is not believed."""

    content_type: ContentType
    data: bytes


def photo_format(data: bytes) -> str | None:
    """What the first bytes say: Converse's name of the format, or None for anything but JPEG, PNG and WebP."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def photo_blocks(photos: Sequence[Photo], model: Model) -> list[dict[str, Any]]:
    """Converse's blocks for a request's `photos`. Raises `InvalidRequest` and `TooLarge`."""
    if photos and "image" not in model.inputs:
        raise InvalidRequest.at("body.photos", f"{model.name} takes no photos")
    if sum(len(photo.data) for photo in photos) > MAX_PHOTO_BYTES:
        raise TooLarge(f"The photos are over {MAX_PHOTO_BYTES // 1024**2} MB together.")
    blocks = []
    for number, photo in enumerate(photos):
        kind = photo_format(photo.data)
        if kind is None:
            raise InvalidRequest.at(f"body.photos[{number}].data", "neither a JPEG, PNG nor WebP picture")
        blocks.append(photo_block(kind, photo.data))
    return blocks


def photo_block(kind: str, data: bytes) -> dict[str, Any]:
    """One picture, of a format by Converse's name."""
    return {"image": {"format": kind, "source": {"bytes": data}}}
