"""Server-sent events of raw responses."""

from collections.abc import Iterable, Iterator

from bedrock_endpoints import Event, EventParser


def read_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Each event as its lines arrive. Every line is a field that the APIs document, or a comment."""
    parser = EventParser()
    for line in lines:
        text = line.decode().rstrip("\n")
        assert text == "" or text.startswith((":", "event: ", "data: ")), f"not a line of an event: {text!r}"
        yield from parser.feed(line)


def parse_events(raw: bytes) -> list[Event]:
    """The events of a complete stream."""
    return list(read_events(raw.splitlines(keepends=True)))
