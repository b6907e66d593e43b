"""Ten messages, of which one is bad."""

import json
from typing import Any

import pytest

from lambda_src.hr_qa.ingestion.batch import NotAStep, read_step
from lambda_src.hr_qa.queue import Clean, Publish, ReadRange
from tests.fakes import LambdaContext, client_error
from tests.lambda_src.hr_qa.ingestion.test_worker import assert_whole, handbook
from tests.lambda_src.hr_qa.world import World, s3_event

STEP = {"space": "s", "document": "d"}


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


def test_one_poisoned_message_comes_back_alone() -> None:
    world = World(lag=False)
    documents = [world.announce(f"Handbook {number}") for number in range(9)]
    for document in documents:
        world.upload(document, handbook(1))
    bodies = [message["body"] for message in world.sqs.messages]
    bodies.insert(4, '{"step": "nonsense"}')
    world.sqs.messages.clear()

    answer = world.ingestion()(batch(*bodies), LambdaContext(300))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m4"}]}
    world.run()
    for document in documents:
        assert_whole(world, document, handbook(1))


def test_the_poisoned_one_ends_in_the_dead_letter_queue_and_the_nine_are_done() -> None:
    world = World()
    documents = [world.announce(f"Handbook {number}") for number in range(9)]
    for number, document in enumerate(documents):
        world.upload(document, handbook(1))
        if number == 4:
            world.sqs.put("not JSON at all")

    world.run()

    assert [message["body"] for message in world.sqs.dead] == ["not JSON at all"]
    for document in documents:
        assert_whole(world, document, handbook(1))


def test_what_cannot_be_begun_in_time_is_left_for_the_next_invocation() -> None:
    world = World()
    world.upload(world.announce(), handbook(1))

    answer = world.ingestion()(batch(world.sqs.messages[0]["body"]), LambdaContext(20))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert not world.embedded


def test_a_failed_message_comes_back_soon_and_then_ever_later() -> None:
    assert [wait_after(receives) for receives in range(1, 9)] == [10, 20, 40, 80, 160, 300, 300, 0]


def test_a_message_that_says_nothing_to_do_is_not_waited_for() -> None:
    assert wait_after(1, "{}") == 0


def wait_after(receives: int, body: str = "") -> float:
    """Seconds until a message that has just failed is tried again."""
    world = World()
    world.upload(world.announce(), handbook(1))
    message = world.sqs.messages[0]
    world.table.fail["get_item"] = client_error("InternalServerError")
    record = {**batch(body or message["body"], receives=receives)["Records"][0], "receiptHandle": message["id"]}
    answer = world.ingestion()({"Records": [record]}, LambdaContext(300))
    assert answer["batchItemFailures"]
    return float(message["visible"] - world.now)


@pytest.mark.parametrize(
    ("body", "step"),
    [
        ({"step": "range", **STEP, "generation": "g", "number": 3}, ReadRange(**STEP, generation="g", number=3)),
        ({"step": "publish", **STEP, "generation": "g"}, Publish(**STEP, generation="g")),
        ({"step": "clean", **STEP, "since": 5}, Clean(**STEP, since=5)),
        (s3_event("documents/s/d.pdf"), ("s", "d")),
    ],
)
def test_steps_and_events(body: Any, step: Any) -> None:
    assert read_step(json.dumps(body)) == step


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '"text"', '{"step": "range"}', '{"detail": {}}', json.dumps(s3_event("elsewhere/s/d.pdf"))],
)
def test_anything_else_is_no_step(body: str) -> None:
    with pytest.raises(NotAStep):
        read_step(body)
