"""Photos that go along with a request, within the API's limits (docs/api.md)."""

import base64
from collections.abc import Sequence

ENDINGS = ["jpg", "jpeg", "png", "webp"]
MOST = 5
MOST_BYTES = 4 * 1024 * 1024
# By their first bytes, as the API goes by them, too; the browser only knows the file's name.
_KINDS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"RIFF", "image/webp"))


def photo(data: bytes) -> dict[str, str]:
    """A photo as the APIs take it."""
    kind = next((kind for head, kind in _KINDS if data.startswith(head)), "image/jpeg")
    return {"contentType": kind, "data": base64.b64encode(data).decode()}


def too_much(photos: Sequence[bytes]) -> bool:
    """Whether the APIs refuse them for their number or their size."""
    return len(photos) > MOST or sum(map(len, photos)) > MOST_BYTES
