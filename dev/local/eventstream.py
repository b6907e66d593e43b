"""
The event stream encoding of Bedrock's streams (`application/vnd.amazon.eventstream`).

botocore decodes it and has no encoder. A message consists of its length and its headers' length (4 bytes each), their
CRC32, the headers, the payload, and the CRC32 of everything before. All headers used here are strings.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.eventstream import EventStreamBuffer, ParserError

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
_FRAME_BYTES = 16


class BrokenStream(Exception):
    """The stream ends within a message, or a message is corrupt."""


@dataclass(frozen=True)
class Message:
    """One message; `event_type` is empty for an exception."""

    headers: dict[str, str]
    payload: bytes

    @property
    def event_type(self) -> str:
        return self.headers.get(":event-type", "")

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.payload)
        return content

    def encoded(self) -> bytes:
        return _encode(self.headers, self.payload)


def event(event_type: str, content: Mapping[str, Any]) -> bytes:
    """An encoded event such as `contentBlockDelta`."""
    headers = {":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}
    return _encode(headers, _json(content))


def exception(exception_type: str, content: Mapping[str, Any]) -> bytes:
    """The last message of a stream that fails; the type is in camel case, as in `modelStreamErrorException`."""
    headers = {":exception-type": exception_type, ":content-type": "application/json", ":message-type": "exception"}
    return _encode(headers, _json(content))


def messages(pieces: Iterable[bytes]) -> Iterator[Message]:
    """Decodes a stream that arrives in pieces of any size. Raises `BrokenStream`."""
    buffer = EventStreamBuffer()
    undecoded = 0
    for piece in pieces:
        undecoded += len(piece)
        buffer.add_data(piece)
        try:
            for message in buffer:
                undecoded -= message.prelude.total_length
                yield Message(dict(message.headers), message.payload)
        except ParserError as error:
            raise BrokenStream(str(error)) from error
    if undecoded:
        raise BrokenStream("the stream ends within a message")


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    prelude = struct.pack(">II", _FRAME_BYTES + len(head) + len(payload), len(head))
    message = prelude + _checksum(prelude) + head + payload
    return message + _checksum(message)


def _header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">BH", _STRING, len(value)) + value


def _checksum(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))
