"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as the APIs send them."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple


class Event(NamedTuple):
    """An event's name and its data, decoded."""

    name: str
    data: Any


class EventReader:
    """Events out of a stream's bytes, wherever these are cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, received: bytes) -> Iterator[Event]:
        """The events that are whole with these bytes."""
        # Lines are cut in the bytes and at line feeds only: JSON may hold other characters that `splitlines` cuts at,
        # and a character of several bytes may come in two pieces.
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            if event := self._line(line.removesuffix(b"\r").decode()):
                yield event

    def _line(self, line: str) -> Event | None:
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
