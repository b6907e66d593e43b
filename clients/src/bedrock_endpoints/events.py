"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as far as the APIs use them."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple


class Event(NamedTuple):
    """An event's name and its decoded JSON data."""

    name: str
    data: Any


class EventParser:
    """Parses events from bytes that may be split anywhere."""

    def __init__(self) -> None:
        self._incomplete = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, received: bytes) -> Iterator[Event]:
        """The events that these bytes complete. Raises `ValueError` for data that is not JSON."""
        # Split bytes, and at line feeds only: JSON may contain other characters that `str.splitlines` splits at, and
        # a multi-byte character may arrive in two parts.
        *lines, self._incomplete = (self._incomplete + received).split(b"\n")
        for line in lines:
            if event := self._parse_line(line.removesuffix(b"\r").decode()):
                yield event

    def _parse_line(self, line: str) -> Event | None:
        if not line:
            event = Event(self._name, json.loads("\n".join(self._data))) if self._data else None
            self._name, self._data = "", []
            return event
        # A comment, such as a heartbeat, is a field without a name.
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        return None
