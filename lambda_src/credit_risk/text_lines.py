"""The lines of a text file, compressed or not, in bounded memory: files are uploaded, and may be made to do harm.

A file is read in pieces, and what a piece decompresses to in pieces of the same size. That takes no more memory than a
few of them, whatever the file has, so that it needs no process of its own.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

# With all the columns of LendingClub's own files, 500,000 rows have some 600 MB.
MAX_TEXT_BYTES = 1_000_000_000
# The longest row of a batch has some 1,000 bytes.
MAX_LINE_BYTES = 65_536
PIECE_BYTES = 262_144
_GZIP = b"\x1f\x8b"
# For zlib: the largest window, with the header of gzip.
_GZIP_FORMAT = 31
# Compressed files in one. Each costs a copy of what follows it in its piece.
_MAX_MEMBERS = 10_000


class DamagedFileError(Exception):
    """The compressed file is incomplete, or no gzip file."""


class TextTooLargeError(Exception):
    """The decompressed text is larger than allowed."""


def pieces(read: Callable[[], bytes]) -> Iterator[bytes]:
    """The text of a file that `read` returns in pieces, empty at its end. Raises `DamagedFileError`."""
    first = read()
    if first.startswith(_GZIP):
        try:
            yield from _inflated(first, read)
        except zlib.error as error:
            raise DamagedFileError("the compressed file is damaged") from error
        return
    while first:
        yield first
        first = read()


def lines(file: BinaryIO, start: int = 0, max_bytes: int = MAX_TEXT_BYTES) -> Iterator[tuple[int, bytes | None]]:
    """Each line without its line feed, None for one that is too long, after the offset of the next line in the text.

    `start` is such an offset, to continue from. Raises `DamagedFileError` and `TextTooLargeError`.
    """
    position, rest, is_long = 0, b"", False
    for piece in pieces(lambda: file.read(PIECE_BYTES)):
        if position + len(rest) + len(piece) > max_bytes:
            raise TextTooLargeError
        if position + len(piece) <= start:
            position += len(piece)
            continue
        if position < start:
            piece = piece[start - position :]
            position = start
        *complete, rest = (rest + piece).split(b"\n")
        for line in complete:
            position += len(line) + 1
            yield position, None if is_long or len(line) > MAX_LINE_BYTES else line
            is_long = False
        if len(rest) > MAX_LINE_BYTES:
            position, rest, is_long = position + len(rest), b"", True
    if rest or is_long:
        yield position + len(rest), None if is_long else rest


def _inflated(piece: bytes, read: Callable[[], bytes]) -> Iterator[bytes]:
    """Decompresses in pieces: a megabyte of zeros takes a kilobyte. Compressed files may follow one another."""
    inflate, members = zlib.decompressobj(wbits=_GZIP_FORMAT), 1
    while True:
        text = inflate.decompress(piece, PIECE_BYTES)
        if text:
            yield text
        if inflate.eof:
            piece = inflate.unused_data or read()
            if not piece:
                return
            inflate, members = zlib.decompressobj(wbits=_GZIP_FORMAT), members + 1
            if members > _MAX_MEMBERS:
                raise DamagedFileError(f"the file consists of more than {_MAX_MEMBERS:,} compressed files")
        else:
            # A full piece may leave more behind, even of input that is used up.
            piece = inflate.unconsumed_tail or (b"" if len(text) == PIECE_BYTES else read())
            if not piece and len(text) < PIECE_BYTES:
                raise DamagedFileError("the compressed file is damaged")
