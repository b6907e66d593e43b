"""
The images that the image generation page shows.

They are downloaded by this process: the browser may not trust, or reach, the stage's file storage.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui.client import Failure
from ui.photo_converter import Refused, convert
from ui.session import client

USE_CASE = "image-generation"
# At about 30 kB each.
MAX_THUMBNAILS = 200
_SIDE = 480
_SIGNATURES = {b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def thumbnail(image: Mapping[str, Any]) -> bytes | None:
    """The small copy of an image, None if it can't be loaded. It is cached by the image's id: its URL differs every
    time."""
    cache = _thumbnails()
    image_id = image["id"]
    if image_id not in cache:
        try:
            cache[image_id] = _download_small(image)
        except (Failure, Refused, OSError):
            return None
        # The images that are shown were all read again, so the others come first.
        while len(cache) > MAX_THUMBNAILS:
            del cache[next(iter(cache))]
    cache[image_id] = cache.pop(image_id)
    return cache[image_id]


def original(image_id: str) -> bytes:
    """The image itself, by a new URL: that of an image on the page may have expired. Raises `Failure`."""
    return client().download(client().get(USE_CASE, f"/images/{image_id}")["url"])


def content_type(data: bytes, stated: str) -> str:
    """The type of an image by its first bytes, or the stated one if they are of no type that models return."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((found for start, found in _SIGNATURES.items() if data.startswith(start)), stated)


def forget(image_id: str) -> None:
    """Drops an image that was deleted."""
    _thumbnails().pop(image_id, None)


def _download_small(image: Mapping[str, Any]) -> bytes:
    if "thumbnailUrl" in image:
        return client().download(image["thumbnailUrl"])
    # An image from before there were thumbnails.
    return convert(client().download(image["url"]), _SIDE)


def _thumbnails() -> dict[str, bytes]:
    cache: dict[str, bytes] = st.session_state.setdefault("images.thumbnails", {})
    return cache
