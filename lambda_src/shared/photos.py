"""Photos in a request: validated by their content, and converted to the model's format."""

from collections.abc import Sequence
from typing import Any, Literal

from lambda_src.shared.catalog import Model
from lambda_src.shared.errors import InvalidRequest, TooLarge
from lambda_src.shared.schemas import RequestModel

ContentType = Literal["image/jpeg", "image/png", "image/webp"]
MAX_PHOTO_BYTES = 4 * 1024 * 1024
# Converse's limit for one image.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
MAX_IMAGE_BYTES = 3_750_000
# 4 MB of photos are 5.6 million characters of base64, and Lambda's limit for a request is 6 MB.
MAX_BODY_BYTES = 5_800_000
_CONTENT_TYPES: dict[str, ContentType] = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class Photo(RequestModel):
    """A photo; `data` is base64. Its first bytes determine the format; `contentType` is not trusted."""

    content_type: ContentType
    data: bytes


def photo_format(data: bytes) -> str | None:
    """Converse's name of the format, from the first bytes; None for anything but JPEG, PNG and WebP."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def photo_type(data: bytes) -> ContentType:
    """The content type of a validated photo, from its first bytes."""
    image_format = photo_format(data)
    assert image_format, "photos are validated before they are stored"
    return _CONTENT_TYPES[image_format]


def photo_blocks(photos: Sequence[Photo], model: Model) -> list[dict[str, Any]]:
    """Converse's blocks for a request's `photos`. Raises `InvalidRequest` and `TooLarge`."""
    if photos and "image" not in model.inputs:
        raise InvalidRequest.at("body.photos", f"{model.name} takes no photos")
    if sum(len(photo.data) for photo in photos) > MAX_PHOTO_BYTES:
        raise TooLarge(f"The photos exceed {MAX_PHOTO_BYTES // 1024**2} MB in total.")
    blocks = []
    for index, photo in enumerate(photos):
        if len(photo.data) > MAX_IMAGE_BYTES:
            raise InvalidRequest.at(f"body.photos[{index}].data", f"more than {MAX_IMAGE_BYTES / 1e6} MB")
        image_format = photo_format(photo.data)
        if image_format is None:
            raise InvalidRequest.at(f"body.photos[{index}].data", "not a JPEG, PNG or WebP image")
        blocks.append(photo_block(image_format, photo.data))
    return blocks


def photo_block(image_format: str, data: bytes) -> dict[str, Any]:
    """Converse's block for one image; `image_format` is Converse's name."""
    return {"image": {"format": image_format, "source": {"bytes": data}}}
