"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), the body of a stream."""

from typing import Any

import msgspec

CONTENT_TYPE = "text/event-stream; charset=utf-8"
# A comment, which clients skip. It shows load balancers and proxies that the connection is alive.
HEARTBEAT = b": heartbeat\n\n"


def event(name: str, data: Any) -> bytes:
    """One event. JSON has no line breaks, so its data is one line."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def delta(text: str) -> bytes:
    """A piece of the answer's text."""
    return event("delta", {"text": text})


class Transcript:
    """Collects a stream's text to encode what a replay sends: all of the text in one piece, then the final event."""

    def __init__(self, final_event: str) -> None:
        self._final_event = final_event
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Adds a piece that was sent."""
        self._pieces.append(piece)

    def encode(self, response: Any) -> bytes:
        """The replay's body; `response` is the data of the final event."""
        return delta("".join(self._pieces)) + event(self._final_event, response)
