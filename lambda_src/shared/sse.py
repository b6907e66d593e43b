"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): a stream's answer."""

from typing import Any

import msgspec

CONTENT_TYPE = "text/event-stream; charset=utf-8"
# A comment, which clients skip: it shows everybody on the way that the connection lives.
HEARTBEAT = b": heartbeat\n\n"


def event(name: str, data: Any) -> bytes:
    """One event; JSON has no line breaks, so its data is one line."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def delta(text: str) -> bytes:
    """A piece of the answer's text."""
    return event("delta", {"text": text})
