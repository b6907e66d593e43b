"""The messages between a function and the process that reads a document for it, and their encoding as frames."""

import struct
from typing import IO

import msgspec

from lambda_src.document_reader.errors import ErrorCode
from lambda_src.document_reader.pages import Page

# A page of 20 million pixels as a PNG is the largest message.
MAX_FRAME_BYTES = 64 * 1024**2
_LENGTH = struct.Struct(">I")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What reading one document may use."""

    # Of address space: a handbook needs a fifth of it, and the largest plausible scan (A3 in color at 600 dots per
    # inch, 210 MB) fits.
    memory_bytes: int = 600 * 1024**2
    # CPU seconds for one page. Ordinary pages take about 0.005.
    page_seconds: float = 10.0
    # CPU seconds for the document: a fixed part, and a share for each page that is visited.
    document_seconds: float = 15.0
    seconds_per_page: float = 0.2
    # Seconds of time for the document, for callers that wait; None if CPU time limits it alone.
    total_seconds: float | None = None


class Open(msgspec.Struct, tag="open", frozen=True):
    """Open a file. The response is `Opened`."""

    path: str
    max_pages: int
    limits: Limits


class Read(msgspec.Struct, tag="read", frozen=True):
    """Read the pages from `first` to `last`, inclusive. Each page is a response."""

    first: int
    last: int


class Render(msgspec.Struct, tag="render", frozen=True):
    """Draw a page as a PNG. The response is `Image`."""

    page: int
    dpi: int


class Opened(msgspec.Struct, tag="opened", frozen=True):
    """The file is open. `embedded_files`: the number of files that it contains. `content_type`: of what it is."""

    page_count: int
    embedded_files: int
    content_type: str


class PageRead(msgspec.Struct, tag="page", frozen=True):
    """One page."""

    page: Page


class Image(msgspec.Struct, tag="image", frozen=True):
    """A drawn page."""

    png: bytes


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The document cannot be read; ends the process. The fields are those of `UnreadableFileError`."""

    code: ErrorCode
    message: str


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The process has started. The first message it writes."""


Request = Open | Read | Render
Response = Ready | Opened | PageRead | Image | Failed


def write_frame(stream: IO[bytes], message: Request | Response) -> None:
    """Writes one message and flushes."""
    body = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The body of the next message; None at the end of the stream. Raises `ValueError` for one that is too long."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise ValueError(f"a message of {length} bytes")
    body = stream.read(length)
    return body if len(body) == length else None
