"""Writes grayscale PNG images (RFC 2083), which saves an imaging library in the package."""

import struct
import zlib
from collections.abc import Iterable


def grayscale_png(width: int, height: int, rows: Iterable[bytes]) -> bytes:
    """`rows` from the top, one byte per pixel."""
    compressor = zlib.compressobj(6)
    data = b"".join([compressor.compress(b"\0" + row) for row in rows]) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(chunk_type: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(chunk_type + data)
    return struct.pack(">I", len(data)) + chunk_type + data + struct.pack(">I", checksum)
