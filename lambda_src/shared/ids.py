"""Identifiers that sort by creation time (UUIDv7, RFC 9562), and the API's timestamps."""

import os
import re
import time
from datetime import UTC, datetime

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_id(milliseconds: int | None = None) -> str:
    """A UUIDv7 of now, or of `milliseconds` since 1970."""
    stamp = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    random = int.from_bytes(os.urandom(10))
    # 48 bits of time, version 7, 12 random bits, variant 10, 62 random bits
    value = stamp << 80 | 7 << 76 | (random >> 62 & 0xFFF) << 64 | 2 << 62 | random & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Whether a text has the form of `new_id`'s results, and so can be the id of something."""
    return _ID.fullmatch(text) is not None


def timestamp(seconds: float | None = None) -> str:
    """RFC 3339 in UTC with milliseconds, of now or of `seconds` since 1970."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
