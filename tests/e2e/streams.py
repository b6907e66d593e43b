"""Reading server-sent events."""

import json
from collections.abc import Iterator
from typing import Any


def events(raw: bytes) -> list[tuple[str, Any]]:
    """(name, data) of each event of a whole stream."""
    return list(read(iter(raw.splitlines(keepends=True))))


def read(lines: Iterator[bytes]) -> Iterator[tuple[str, Any]]:
    """Each event as its lines come; comments are skipped."""
    name = ""
    for line in lines:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield name, json.loads(text.removeprefix("data: "))
        else:
            assert text == "" or text.startswith(":"), f"not an event's line: {text!r}"
