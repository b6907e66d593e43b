"""Parsing of streams that are split anywhere."""

import pytest

from bedrock_endpoints import EventParser

STREAM = (
    ': heartbeat\n\nevent: delta\ndata: {"text": "«Ü\u2028ber»\x85"}\n\n'
    'event:delta\r\ndata:{"text":\r\ndata: "b"}\r\n\r\n: heartbeat\n\nid: 4\nevent: completion\ndata: {}\n\n'
).encode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_events_are_complete(size: int) -> None:
    parser = EventParser()
    chunks = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]

    events = [event for chunk in chunks for event in parser.feed(chunk)]

    assert events == [("delta", {"text": "«Ü\u2028ber»\x85"}), ("delta", {"text": "b"}), ("completion", {})]
