"""
Amazon's event stream encoding, in which Bedrock sends an answer piece by piece (`application/vnd.amazon.eventstream`).

A message is: its length and its headers' length (4 bytes each), their CRC32, the headers, the payload, and the CRC32 of
all before. Of the headers' types only text is used here.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_TEXT = 7
_AROUND = _LENGTHS.size + 2 * _CHECKSUM.size


class BrokenStream(Exception):
    """The bytes end within a message, or are none."""


@dataclass(frozen=True)
class Message:
    """One message; `kind` is its event type, empty for an exception."""

    headers: dict[str, str]
    payload: bytes

    @property
    def kind(self) -> str:
        return self.headers.get(":event-type", "")

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.payload)
        return content

    def encoded(self) -> bytes:
        return encode(self.headers, self.payload)


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = _LENGTHS.pack(_AROUND + len(head) + len(payload), len(head))
    message = lengths + _checksum(lengths) + head + payload
    return message + _checksum(message)


def event(kind: str, content: Mapping[str, Any]) -> bytes:
    """A step of the answer, such as `contentBlockDelta`."""
    return _json({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, content)


def exception(kind: str, content: Mapping[str, Any]) -> bytes:
    """The end of a stream that failed on its way; `kind` in camel case, as `modelStreamErrorException`."""
    return _json({":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}, content)


def messages(read: Callable[[int], bytes]) -> Iterator[Message]:
    """
    The messages that can be read.

    :param read: answers exactly the bytes asked for, fewer only at the end.
    """
    while lengths := read(_LENGTHS.size + _CHECKSUM.size):
        if len(lengths) < _LENGTHS.size + _CHECKSUM.size or _checksum(lengths[:8]) != lengths[8:]:
            raise BrokenStream("no message begins here")
        total, head = _LENGTHS.unpack_from(lengths)
        rest = read(total - len(lengths))
        if _checksum(lengths + rest[:-4]) != rest[-4:]:
            raise BrokenStream("a message is cut off or changed")
        yield Message(dict(_headers(rest[:head])), rest[head:-4])


def _json(headers: Mapping[str, str], content: Mapping[str, Any]) -> bytes:
    return encode(headers, json.dumps(content, ensure_ascii=False).encode())


def _header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">BH", _TEXT, len(value)) + value


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        value = at + 1 + data[at] + 3
        kind, length = struct.unpack_from(">BH", data, value - 3)
        if kind != _TEXT:
            raise BrokenStream(f"a header of type {kind}")
        yield data[at + 1 : value - 3].decode(), data[value : value + length].decode()
        at = value + length


def _checksum(data: bytes) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(data))
