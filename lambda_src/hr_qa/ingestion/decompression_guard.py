"""Finds compressed streams that would unpack to more memory than there is, without ever holding them.

PDFium unpacks a page's whole content before it looks at it: 300 KB can become a gigabyte.
"""

import mmap
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

# The largest honest stream is a picture: A3 in color at 600 dots per inch has 210 MB.
MAX_STREAM = 256 * 1024**2
MAX_ALL = 1024**3
_PIECE = 1024**2
_MAX_LAYERS = 4
_STREAM = re.compile(rb"stream\r?\n")


def unpacks_too_large(path: Path) -> bool:
    """Whether a stream of the file, or all of them together, unpack to more than the limits. At most some seconds."""
    total = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for match in _STREAM.finditer(data):
            size = _unpacked(_pieces(data, match.end()), _MAX_LAYERS)
            total += size
            if size > MAX_STREAM or total > MAX_ALL:
                return True
    return False


def _pieces(data: mmap.mmap, start: int) -> Iterator[bytes]:
    for position in range(start, len(data), _PIECE):
        yield data[position : position + _PIECE]


def _unpacked(packed: Iterator[bytes], layers: int) -> int:
    """Bytes of the largest layer, counted a little beyond `MAX_STREAM` only; 0 for what is not deflated."""
    first = next(packed, b"")
    if not _is_deflated(first):
        return 0
    if not layers:
        return MAX_STREAM + 1
    size = 0
    unpacked = _inflate(chain([first], packed))
    head = next(unpacked, b"")
    if _is_deflated(head):
        return _unpacked(chain([head], unpacked), layers - 1)
    for piece in chain([head], unpacked):
        size += len(piece)
        if size > MAX_STREAM:
            break
    return size


def _is_deflated(start: bytes) -> bool:
    """Whether it has zlib's header (RFC 1950)."""
    return len(start) >= 2 and start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0


def _inflate(packed: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    try:
        for piece in packed:
            rest = piece
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unconsumed_tail
            if unpacker.eof:
                return
    except zlib.error:
        return  # what is damaged ends here in PDFium, too
