"""The event stream encoding is botocore's: what is written here is read there, and the other way round."""

import io

import pytest
from botocore.eventstream import EventStreamBuffer

from dev.local import eventstream
from dev.local.eventstream import BrokenStream

_DELTA = {"delta": {"text": "São Paulo – 25 °C"}, "contentBlockIndex": 0}


def test_botocore_reads_what_is_written() -> None:
    # given an event and an exception, as one stream cut anywhere
    stream = eventstream.event("contentBlockDelta", _DELTA) + eventstream.exception("throttlingException", {})
    buffer = EventStreamBuffer()
    for start in range(0, len(stream), 7):
        buffer.add_data(stream[start : start + 7])
    # when
    event, failure = (message.to_response_dict() for message in buffer)
    # then
    assert event["headers"] == {
        ":event-type": "contentBlockDelta",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert event["body"].decode() == '{"delta": {"text": "São Paulo – 25 °C"}, "contentBlockIndex": 0}'
    assert failure["headers"][":exception-type"] == "throttlingException"
    assert failure["status_code"] == 400


def test_a_message_comes_back_as_it_was() -> None:
    written = eventstream.event("contentBlockDelta", _DELTA)
    (read,) = eventstream.messages(io.BytesIO(written).read)
    assert (read.kind, read.content) == ("contentBlockDelta", _DELTA)
    assert read.encoded() == written


@pytest.mark.parametrize("lost", [1, 5, 100])
def test_a_stream_that_ends_within_a_message_is_broken(lost: int) -> None:
    written = eventstream.event("contentBlockDelta", _DELTA)
    with pytest.raises(BrokenStream):
        list(eventstream.messages(io.BytesIO(written[:-lost]).read))


def test_a_changed_byte_is_noticed() -> None:
    written = bytearray(eventstream.event("contentBlockDelta", _DELTA))
    written[-10] ^= 1
    with pytest.raises(BrokenStream):
        list(eventstream.messages(io.BytesIO(bytes(written)).read))
