"""A grayscale picture as PNG (RFC 2083), without an imaging library in the package."""

import struct
import zlib
from collections.abc import Iterable


def grayscale_png(width: int, height: int, rows: Iterable[bytes]) -> bytes:
    """`rows` from the top, one byte a pixel."""
    packer = zlib.compressobj(6)
    data = b"".join([packer.compress(b"\0" + row) for row in rows]) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _part(b"IHDR", header) + _part(b"IDAT", data) + _part(b"IEND", b"")


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
