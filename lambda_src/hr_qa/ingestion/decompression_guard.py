"""Finds compressed streams that would decompress to more memory than there is, without decompressing them at once.

PDFium decompresses a page's content completely before it parses it: 300 KB can become a gigabyte.
"""

import mmap
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

# The largest plausible stream is an image: A3 in color at 600 dots per inch has 210 MB.
MAX_STREAM_BYTES = 256 * 1024**2
MAX_TOTAL_BYTES = 1024**3
_BLOCK_BYTES = 1024**2
_MAX_LAYERS = 4
_STREAM = re.compile(rb"stream\r?\n")


def exceeds_decompression_limit(path: Path) -> bool:
    """Whether one stream of the file, or all of them together, exceed the limits. Takes a few seconds at most."""
    total = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for match in _STREAM.finditer(data):
            size = _decompressed_size(_blocks(data, match.end()), _MAX_LAYERS)
            total += size
            if size > MAX_STREAM_BYTES or total > MAX_TOTAL_BYTES:
                return True
    return False


def _blocks(data: mmap.mmap, start: int) -> Iterator[bytes]:
    for position in range(start, len(data), _BLOCK_BYTES):
        yield data[position : position + _BLOCK_BYTES]


def _decompressed_size(compressed: Iterator[bytes], layers: int) -> int:
    """Bytes of the innermost layer, counted to just above `MAX_STREAM_BYTES`; 0 for what is not deflated."""
    first = next(compressed, b"")
    if not _is_deflated(first):
        return 0
    if not layers:
        return MAX_STREAM_BYTES + 1
    size = 0
    decompressed = _inflate(chain([first], compressed))
    head = next(decompressed, b"")
    if _is_deflated(head):
        return _decompressed_size(chain([head], decompressed), layers - 1)
    for block in chain([head], decompressed):
        size += len(block)
        if size > MAX_STREAM_BYTES:
            break
    return size


def _is_deflated(start: bytes) -> bool:
    """Whether the bytes start with zlib's header (RFC 1950)."""
    return len(start) >= 2 and start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0


def _inflate(compressed: Iterator[bytes]) -> Iterator[bytes]:
    decompressor = zlib.decompressobj()
    try:
        for block in compressed:
            rest = block
            while rest and not decompressor.eof:
                yield decompressor.decompress(rest, _BLOCK_BYTES)
                rest = decompressor.unconsumed_tail
            if decompressor.eof:
                return
    except zlib.error:
        return  # PDFium stops at damaged data, too.
