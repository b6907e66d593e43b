"""The work survives kills, repeated and reordered messages, deletions and replaced files."""

import hashlib
import json
import random
from typing import Any

import pytest
from msgspec import UNSET

from lambda_src.credit_risk.batch_files import upload_key
from lambda_src.credit_risk.models import BatchAnswer
from lambda_src.credit_risk.queue import ProcessBatch
from lambda_src.credit_risk.registry import FIRST_CHAMPION
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.errors import NotFound
from tests.fakes import CALLER
from tests.lambda_src.chatbot.world import Killer
from tests.lambda_src.credit_risk.batch_world import (
    COLUMNS,
    OUTCOME_COLUMNS,
    BatchWorld,
    outcome,
    row,
    rows,
    to_csv,
    totals,
)
from tests.lambda_src.credit_risk.stage import context
from tests.lambda_src.hr_qa.world import s3_event

NAMESPACE = caller_namespace(CALLER)
LOANS = b"issue_d,term,loan_status,total_rec_prncp,recoveries,loan_amnt\nDec-2011, 36 months,Fully Paid,1,0,1\n"


def effects(world: BatchWorld) -> dict[str, Any]:
    """What callers and monitoring see of the work."""
    return {
        "counts": totals(world.counts(world.model)),
        "segments": totals(world.counts(world.model, "segments")),
        "outcomes": totals(world.counts(world.model, "outcomes")),
        "facts": {
            key[1]: {**json.loads(item["facts"]["B"]), "model": "", "scoreId": ""}
            for key, item in world.table.items.items()
            if key[0].startswith("applications#")
        },
    }


def shown(world: BatchWorld, batch: BatchAnswer) -> list[Any]:
    return [
        batch.status,
        batch.rows,
        batch.rows_done,
        batch.rows_rejected,
        batch.summary,
        [{**entry, "model": ""} for entry in world.download(batch.results)] if batch.results else None,
        world.download(batch.rejected) if batch.rejected else None,
    ]


def records() -> list[dict[str, str]]:
    return [*rows(9), row(9, amount="much"), row(10)]


def outcomes() -> list[dict[str, str]]:
    return [outcome(1), outcome(2, "defaulted"), outcome(99), *[outcome(number) for number in range(3, 9)], outcome(1)]


def killed_at(at: int, purpose: str, *, after: bool) -> tuple[BatchWorld, BatchAnswer, int]:
    """A file whose worker is killed at a call. Returns the number of calls of the first worker."""
    world = BatchWorld()
    content = to_csv(records())
    if purpose == "outcomes":
        world.submit(content)
        content = to_csv(outcomes(), OUTCOME_COLUMNS)
    killer = world.killer = Killer(at, after=after)
    batch = world.submit(content, purpose)
    return world, batch, killer.calls


@pytest.mark.parametrize("purpose", ["scoring", "outcomes"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_that_is_killed_at_any_call_counts_once(purpose: str, after: bool) -> None:
    world, batch, calls = killed_at(10_000, purpose, after=after)
    expected, seen = effects(world), shown(world, batch)
    assert batch.status == "ready"
    assert calls > 20

    for at in range(1, calls + 1):
        world, batch, _ = killed_at(at, purpose, after=after)
        assert effects(world) == expected, at
        assert shown(world, batch) == seen, at
        assert not [key for key in world.bucket.objects if key.startswith(("batches/", "work/"))], at


@pytest.mark.parametrize("seed", range(8))
def test_repeated_and_reordered_messages_count_once(seed: int) -> None:
    straight = BatchWorld()
    for _ in range(3):
        straight.submit(to_csv(records()))
    world = BatchWorld()
    batches = [world.create() for _ in range(3)]
    for batch_id in batches:
        world.upload(batch_id, to_csv(records()), events=3)
    world.run(random.Random(seed))

    assert effects(world) == effects(straight)
    assert {world.get(batch_id).status for batch_id in batches} == {"ready"}


@pytest.mark.parametrize("purpose", ["scoring", "outcomes"])
def test_two_workers_at_once_count_once(purpose: str) -> None:
    """Another worker does all of the work just before each call of the first one."""
    world, batch, calls = killed_at(10_000, purpose, after=False)
    expected, seen = effects(world), shown(world, batch)

    for at in range(1, calls + 1):
        world = BatchWorld()
        content = to_csv(records())
        if purpose == "outcomes":
            world.submit(content)
            content = to_csv(outcomes(), OUTCOME_COLUMNS)
        batch_id = world.create(purpose)
        world.upload(batch_id, content)

        def other(world: BatchWorld = world, batch_id: str = batch_id) -> None:
            world.killer.at = None
            world.worker()(record_of(ProcessBatch(NAMESPACE, batch_id)), LambdaTime())

        world.killer.at, world.killer.interruption = at, other
        world.run()
        assert effects(world) == expected, at
        assert shown(world, world.get(batch_id)) == seen, at


def stopped_midway() -> tuple[BatchWorld, str]:
    """A batch of ten rows whose first worker was killed after a slice."""
    for at in range(1, 100):
        world = BatchWorld()
        batch_id = world.create()
        world.upload(batch_id, to_csv(rows(10)))
        world.killer = Killer(at)
        world.deliver()
        if world.get(batch_id).rows_done not in (UNSET, 0):
            return world, batch_id
    raise AssertionError("no slice ended")


class LambdaTime:
    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def record_of(message: ProcessBatch) -> dict[str, Any]:
    body = json.dumps({"namespace": message.namespace, "batch": message.batch})
    record = {"messageId": "x", "receiptHandle": "x", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
    return {"Records": [record]}


def test_work_goes_on_in_another_function_when_its_turn_ends() -> None:
    world = BatchWorld()
    batch_id = world.create()
    world.upload(batch_id, to_csv(rows(10)))

    class Slow:
        """Each look at the clock takes 20 seconds."""

        def __call__(self) -> float:
            world.clock.now += 20
            return world.clock.now

    worker = world.worker()
    worker._run.__self__._now = Slow()
    world.sqs.messages.clear()
    worker(record_of(ProcessBatch(NAMESPACE, batch_id)), LambdaTime())

    batch = world.get(batch_id)
    assert (batch.status, batch.rows, batch.rows_done) == ("processing", 10, 4)
    assert [json.loads(entry["body"]) for entry in world.sqs.messages] == [{"namespace": NAMESPACE, "batch": batch_id}]
    world.run()
    assert world.get(batch_id).status == "ready"
    assert world.counts(world.model)["n"] == 10


def test_a_batch_keeps_its_model_although_another_is_activated() -> None:
    world, batch_id = stopped_midway()
    other = world.register(name="Other")
    world.activate(other)
    world.run()

    batch = world.get(batch_id)
    assert batch.model
    assert batch.model.id == world.model
    assert world.counts(other) == {}


@pytest.mark.parametrize("at", [8, 14, 20, 26, 32])
def test_a_batch_that_is_deleted_while_it_is_worked_on_leaves_no_file(at: int) -> None:
    world = BatchWorld()
    batch_id = world.create()
    world.upload(batch_id, to_csv(rows(10)))
    world.killer.at = at
    world.killer.interruption = lambda: world.service.delete_batch(context(), id=batch_id) and None
    world.run()

    assert world.killer.at is None
    assert not [key for key in world.bucket.objects if batch_id in key]
    assert not [key for key in world.table.items if key[0].startswith("batches#")]
    with pytest.raises(NotFound):
        world.get(batch_id)


@pytest.mark.parametrize("purpose", ["scoring", "outcomes", "training"])
def test_a_deleted_batch_leaves_no_file_and_a_late_upload_neither(purpose: str) -> None:
    world = BatchWorld()
    world.score(2)
    contents = {"scoring": to_csv(rows(9)), "outcomes": to_csv([outcome(1)], OUTCOME_COLUMNS), "training": LOANS}
    batch = world.submit(contents[purpose], purpose)
    assert batch.status == "ready"
    assert world.service.delete_batch(context(), id=batch.id).status == "deleting"
    assert world.get(batch.id).status == "deleting"
    assert not world.get(batch.id).results
    world.run()
    world.upload(batch.id, contents[purpose])
    world.run()

    assert not [key for key in world.bucket.objects if batch.id in key]
    assert not [key for key in world.table.items if key[1] == batch.id]


def test_a_file_that_is_replaced_while_it_is_read_fails() -> None:
    world, batch_id = stopped_midway()
    world.upload(batch_id, to_csv(rows(3)))
    world.run()

    batch = world.get(batch_id)
    assert batch.status == "failed"
    assert batch.error
    assert batch.error.code == "file_changed"
    assert not [key for key in world.bucket.objects if key.startswith(("batches/", "work/"))]


def test_a_second_file_for_a_finished_batch_is_deleted() -> None:
    world = BatchWorld()
    batch = world.submit(to_csv(rows(3)))
    before = effects(world)
    world.upload(batch.id, to_csv(rows(9)))
    world.run()

    assert effects(world) == before
    assert world.get(batch.id).rows == 3
    assert upload_key(NAMESPACE, batch.id) not in world.bucket.objects


def test_a_file_of_loans_is_stored() -> None:
    world = BatchWorld()
    batch = world.submit(LOANS, "training", sha256=hashlib.sha256(LOANS).hexdigest())

    assert (batch.status, batch.rows, batch.rows_done, batch.rows_rejected) == ("ready", 1, 1, 0)
    assert world.bucket.objects[upload_key(NAMESPACE, batch.id)] == LOANS


def test_a_file_of_loans_that_is_replaced_cannot_be_trained_with() -> None:
    world = BatchWorld()
    batch = world.submit(LOANS, "training")
    world.upload(batch.id, LOANS + LOANS.splitlines()[1])
    world.run()

    batch = world.get(batch.id)
    assert batch.status == "failed"
    assert batch.error
    assert batch.error.code == "file_changed"
    assert upload_key(NAMESPACE, batch.id) not in world.bucket.objects


@pytest.mark.parametrize(
    ("content", "purpose", "changes", "code"),
    [
        (b"", "scoring", {}, "empty"),
        (b"\x1f\x8bx", "scoring", {}, "damaged"),
        (to_csv(rows(1)), "scoring", {"sha256": "0" * 64}, "wrong_checksum"),
        (b"amount,termMonths\n1,2\n", "scoring", {}, "missing_columns"),
        (b"applicationId\nA\n", "outcomes", {}, "missing_columns"),
        (b"issue_d,term\n1,2\n", "training", {}, "missing_columns"),
        (to_csv(rows(1)), "outcomes", {}, "missing_columns"),
    ],
)
def test_a_file_that_cannot_be_used_fails_and_is_deleted(
    content: bytes, purpose: str, changes: dict[str, Any], code: str
) -> None:
    world = BatchWorld()
    batch = world.submit(content, purpose, **changes)

    assert batch.status == "failed"
    assert batch.error
    assert batch.error.code == code
    assert not [key for key in world.bucket.objects if batch.id in key]
    # Its event again.
    world.sqs.send_message(QueueUrl="queue", MessageBody=json.dumps(s3_event(upload_key(NAMESPACE, batch.id))))
    world.run()
    assert world.get(batch.id).status == "failed"


def test_without_an_active_model_a_file_fails() -> None:
    batch = BatchWorld(model=False, sample_models=False).submit(to_csv(rows(1)))

    assert batch.error
    assert batch.error.code == "no_active_model"


def test_sample_models_that_are_turned_off_score_no_file() -> None:
    before = BatchWorld()
    before.activate(FIRST_CHAMPION)
    world = BatchWorld(model=False, table=before.table, bucket=before.bucket, sample_models=False)

    batch = world.submit(to_csv(records()))

    assert batch.error
    assert batch.error.code == "no_active_model"


def test_the_sample_model_scores_where_no_other_does() -> None:
    world = BatchWorld(model=False)
    world.model = FIRST_CHAMPION
    columns = (*COLUMNS, "debtToIncome")
    batch = world.submit(to_csv([row(1, debtToIncome="9")], columns))

    assert (batch.status, batch.rows_rejected) == ("ready", 0)
    assert batch.model
    assert batch.model.sample


def test_a_batch_whose_work_keeps_failing_is_given_up() -> None:
    world = BatchWorld()
    world.table.fail["batch_write_item"] = ValueError("a mistake of ours")
    batch = world.submit(to_csv(rows(3)))

    assert batch.status == "failed"
    assert batch.error
    assert batch.error.code == "processing_failed"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"namespace": 1}', '{"detail": {"object": {"key": "models/x"}}}'])
def test_a_message_that_is_none_of_ours_is_refused(body: str) -> None:
    world = BatchWorld()
    world.sqs.send_message(QueueUrl="queue", MessageBody=body)
    world.run()

    assert world.sqs.messages == []


def test_an_upload_form_expires_with_its_batch() -> None:
    world = BatchWorld()
    batch_id = world.create()
    world.clock.now += 24 * 3600 + 1
    world.upload(batch_id, to_csv(rows(1)))
    world.run()

    assert not [key for key in world.bucket.objects if batch_id in key]
    with pytest.raises(NotFound):
        world.get(batch_id)
