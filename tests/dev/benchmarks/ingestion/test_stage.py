"""The simulated stage delivers messages as SQS does."""

import json

from dev.benchmarks.ingestion.model import answer
from dev.benchmarks.ingestion.stage import BATCH, SimulatedQueue


def test_a_function_receives_a_batch_and_each_message_once() -> None:
    queue = SimulatedQueue()
    for number in range(BATCH + 1):
        queue.put(json.dumps({"step": "range", "number": number}))

    first, second = queue.receive(0), queue.receive(1)

    assert first is not None
    assert second is not None
    assert (len(first), len(second)) == (BATCH, 1)
    assert {message_id for message_id, _ in first}.isdisjoint(message_id for message_id, _ in second)


def test_a_failed_message_is_redelivered_and_counted() -> None:
    queue = SimulatedQueue()
    queue.put(json.dumps({"step": "range"}))
    received = queue.receive(0)
    assert received is not None
    ids = [message_id for message_id, _ in received]

    queue.finish(ids, failed=ids)

    assert queue.failures == 1
    assert queue.receive(0) == received


def test_a_closed_queue_stops_the_functions() -> None:
    queue = SimulatedQueue()
    queue.close()

    assert queue.receive(0) is None


def test_a_text_has_one_vector_with_the_dimensions() -> None:
    first, again, other = (json.loads(answer(text, 256, seconds=0))["embedding"] for text in ("a", "a", "b"))

    assert first == again != other
    assert len(first) == 256
    assert abs(sum(value * value for value in first) - 1) < 0.5
