"""Messages of the ingestion's queue: valid, invalid, and failed."""

import json
from typing import Any

import pytest

from lambda_src.hr_qa.ingestion.messages import InvalidStepError, decode_step
from lambda_src.hr_qa.queue import Clean, Compare, Publish, ReadRange, Refresh, Start, Sweep
from tests.fakes import LambdaContext, client_error
from tests.lambda_src.hr_qa.ingestion.test_worker import assert_complete, handbook
from tests.lambda_src.hr_qa.world import Killed, World, s3_event

STORED = {"space": "s", "document": "d"}
FIELDS = {"namespace": "s", "document": "d"}


def batch(*bodies: str, receives: int = 1) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receives)},
            }
            for number, body in enumerate(bodies)
        ]
    }


def test_only_the_invalid_message_of_a_batch_fails() -> None:
    world = World(lag=False)
    documents = [world.create_document(f"Handbook {number}") for number in range(9)]
    for document in documents:
        world.upload(document, handbook(1))
    bodies = [message["body"] for message in world.sqs.messages]
    bodies.insert(4, '{"step": "nonsense"}')
    world.sqs.messages.clear()

    answer = world.ingestion()(batch(*bodies), LambdaContext(300))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m4"}]}
    world.run()
    for document in documents:
        assert_complete(world, document, handbook(1))


def test_an_invalid_message_ends_in_the_dead_letter_queue_and_the_others_succeed() -> None:
    world = World()
    documents = [world.create_document(f"Handbook {number}") for number in range(9)]
    for number, document in enumerate(documents):
        world.upload(document, handbook(1))
        if number == 4:
            world.sqs.put("not JSON at all")

    world.run()

    assert [message["body"] for message in world.sqs.dead] == ["not JSON at all"]
    for document in documents:
        assert_complete(world, document, handbook(1))


def test_a_message_whose_last_attempt_killed_the_process_is_given_up_without_another_attempt() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook(1))
    world.deliver()
    attempts = 0

    def killing(path: Any, max_pages: int) -> Any:
        nonlocal attempts
        attempts += 1
        raise Killed

    world.open_document = killing
    world.run()

    item = world.document(document)
    assert item is not None
    assert (item.status, item.error_code, attempts) == ("failed", "ingestion_failed", world.settings.max_receives)
    assert len(world.sqs.dead) == 1


def test_a_failed_message_is_retried_with_backoff() -> None:
    assert [backoff_after(receives) for receives in range(1, 9)] == [10, 20, 40, 80, 160, 300, 300, 0]


def test_an_invalid_message_is_delivered_again_without_backoff() -> None:
    assert backoff_after(1, "{}") == 0


def backoff_after(receives: int, body: str = "") -> float:
    """Seconds until a message that has just failed is delivered again."""
    world = World()
    world.upload(world.create_document(), handbook(1))
    message = world.sqs.messages[0]
    world.table.fail["get_item"] = client_error("InternalServerError")
    record = {**batch(body or message["body"], receives=receives)["Records"][0], "receiptHandle": message["id"]}
    answer = world.ingestion()({"Records": [record]}, LambdaContext(300))
    assert answer["batchItemFailures"]
    return float(message["visible"] - world.now)


@pytest.mark.parametrize(
    ("body", "step"),
    [
        ({"step": "range", **STORED, "generation": "g", "number": 3}, ReadRange(**FIELDS, generation="g", number=3)),
        (
            {"step": "range", **STORED, "generation": "g", "number": 3, "count": 2},
            ReadRange(**FIELDS, generation="g", number=3, count=2),
        ),
        ({"step": "publish", **STORED, "generation": "g"}, Publish(**FIELDS, generation="g")),
        ({"step": "clean", **STORED, "since": 5}, Clean(**FIELDS, since=5)),
        (s3_event("documents/s/d.pdf"), Start(**FIELDS)),
        (s3_event("documents/s/d.pdf", "other"), Refresh(bucket="other", key="documents/s/d.pdf")),
        (s3_event("a b/ç.pdf", "other", "Object Deleted"), Refresh(bucket="other", key="a b/ç.pdf")),
        ({"step": "sweep"}, Sweep()),
        ({"step": "compare", "bucket": "b", "prefix": "p/"}, Compare(bucket="b", prefix="p/")),
    ],
)
def test_messages_and_events_are_steps(body: Any, step: Any) -> None:
    assert decode_step(json.dumps(body), "bucket") == step


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '"text"', '{"step": "range"}', '{"detail": {}}', json.dumps(s3_event("elsewhere/s/d.pdf"))],
)
def test_anything_else_is_an_invalid_step(body: str) -> None:
    with pytest.raises(InvalidStepError):
        decode_step(body, "bucket")
