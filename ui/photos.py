"""Photos in requests, within the API's limits (docs/api.md)."""

import base64
from collections.abc import Sequence

EXTENSIONS = ["jpg", "jpeg", "png", "webp"]
MAX_COUNT = 5
MAX_BYTES = 4 * 1024 * 1024
# The API checks the first bytes, too; the browser derives the type from the file's name only.
_CONTENT_TYPES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"RIFF", "image/webp"))


def photo(data: bytes) -> dict[str, str]:
    """A photo in the APIs' format."""
    content_type = next((name for prefix, name in _CONTENT_TYPES if data.startswith(prefix)), "image/jpeg")
    return {"contentType": content_type, "data": base64.b64encode(data).decode()}


def exceeds_limits(photos: Sequence[bytes]) -> bool:
    """Whether the APIs reject the photos because of their number or size."""
    return len(photos) > MAX_COUNT or sum(map(len, photos)) > MAX_BYTES
