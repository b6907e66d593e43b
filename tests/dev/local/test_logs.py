from typing import Any

from dev.local import logs


def test_only_the_newest_streams_and_events_are_kept() -> None:
    streams: dict[str, dict[str, Any]] = {
        f"stream-{number}": {"events": list(range(logs.MAX_EVENTS + 2))} for number in range(logs.MAX_STREAMS + 3)
    }

    logs.trim_group(streams)

    assert list(streams) == [f"stream-{number}" for number in range(3, logs.MAX_STREAMS + 3)]
    assert all(stream["events"] == list(range(2, logs.MAX_EVENTS + 2)) for stream in streams.values())


def test_few_streams_are_kept_as_they_are() -> None:
    streams: dict[str, dict[str, Any]] = {"only": {"events": [1, 2]}}

    logs.trim_group(streams)

    assert streams == {"only": {"events": [1, 2]}}
