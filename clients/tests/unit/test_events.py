"""Streams' bytes, wherever they are cut."""

import pytest

from langchain_bedrock_endpoints._events import EventReader

STREAM = (
    ': heartbeat\n\nevent: delta\ndata: {"text": "«Ü\u2028ber»\x85"}\n\n'
    'event:delta\r\ndata:{"text":\r\ndata: "b"}\r\n\r\n: heartbeat\n\nid: 4\nevent: completion\ndata: {}\n\n'
).encode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_events_are_whole(size: int) -> None:
    reader = EventReader()
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]

    events = [event for piece in pieces for event in reader.feed(piece)]

    assert events == [("delta", {"text": "«Ü\u2028ber»\x85"}), ("delta", {"text": "b"}), ("completion", {})]
