"""The simulated stage treats messages as SQS does."""

import json

from dev.benchmarks.ingestion.model import answer
from dev.benchmarks.ingestion.stage import BATCH, SimulatedQueue


def test_a_function_is_given_a_batch_and_each_message_once() -> None:
    queue = SimulatedQueue()
    for number in range(BATCH + 1):
        queue.put(json.dumps({"step": "range", "number": number}))

    first, second = queue.receive(0), queue.receive(1)

    assert first is not None
    assert second is not None
    assert (len(first), len(second)) == (BATCH, 1)
    assert {one for one, _ in first}.isdisjoint(one for one, _ in second)


def test_a_failed_message_comes_back_and_is_counted() -> None:
    queue = SimulatedQueue()
    queue.put(json.dumps({"step": "range"}))
    received = queue.receive(0)
    assert received is not None
    ids = [one for one, _ in received]

    queue.finish(ids, failed=ids)

    assert queue.failures == 1
    assert queue.receive(0) == received


def test_a_closed_queue_ends_the_functions() -> None:
    queue = SimulatedQueue()
    queue.close()

    assert queue.receive(0) is None


def test_a_text_has_one_vector_of_the_dimensions() -> None:
    one, again, other = (json.loads(answer(text, 256, seconds=0))["embedding"] for text in ("a", "a", "b"))

    assert one == again != other
    assert len(one) == 256
    assert abs(sum(value * value for value in one) - 1) < 0.5
