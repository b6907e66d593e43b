"""botocore decodes the event streams that the emulator and the local models send."""

import pytest
from botocore.eventstream import EventStreamBuffer

from dev.local import eventstream
from dev.local.eventstream import BrokenStream

_DELTA = {"delta": {"text": "São Paulo – 25 °C"}, "contentBlockIndex": 0}


def test_botocore_decodes_events_and_exceptions() -> None:
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


def test_a_decoded_message_encodes_to_the_same_bytes() -> None:
    encoded = eventstream.event("contentBlockDelta", _DELTA)
    (message,) = eventstream.messages([encoded[:9], encoded[9:]])
    assert (message.event_type, message.content) == ("contentBlockDelta", _DELTA)
    assert message.encoded() == encoded


@pytest.mark.parametrize("lost", [1, 5, 100])
def test_a_stream_that_ends_within_a_message_is_broken(lost: int) -> None:
    encoded = eventstream.event("contentBlockDelta", _DELTA)
    with pytest.raises(BrokenStream):
        list(eventstream.messages([encoded[:-lost]]))


def test_a_changed_byte_is_detected() -> None:
    encoded = bytearray(eventstream.event("contentBlockDelta", _DELTA))
    encoded[-10] ^= 1
    with pytest.raises(BrokenStream):
        list(eventstream.messages([bytes(encoded)]))
