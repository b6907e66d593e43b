"""Stored data moves to its caller's id: killed between any two calls, and while functions of the old caller write."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from dev.tools.callers.__main__ import run
from dev.tools.callers.data import CallerData
from dev.tools.callers.plan import Decisions
from dev.tools.callers.principals import Principals
from dev.tools.findings import Finding
from lambda_src.chatbot.models import ChangeConversation, ConversationQuery, SendMessage
from lambda_src.hr_qa.models import Search
from lambda_src.hr_qa.queue import Publish, Queue, Start
from lambda_src.hr_qa.settings import Space
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.context import Context, Deadline
from lambda_src.shared.errors import Conflict, NotFound
from lambda_src.shared.idempotency import Claim, IdempotencyStore, Idempotent, kept_partition
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.photos import Photo
from lambda_src.shared.store import RecordStore
from tests.fakes import CALLER, FakeBucket, FakeTable, converse_answer, kept_responses_erased, png, stored
from tests.fakes import context as request_context
from tests.lambda_src.chatbot.world import ChatContext
from tests.lambda_src.chatbot.world import World as ChatWorld
from tests.lambda_src.hr_qa.world import KillableClient, Killed, Killer, s3_event
from tests.lambda_src.hr_qa.world import World as HrWorld
from tests.pdfs import text_pdf

ANA = "arn:aws:sts::000000000000:assumed-role/team/ana"
BOB = "arn:aws:sts::000000000000:assumed-role/team/bob"
# A path may contain the character that separates the parts of a key.
CARL = "arn:aws:iam::000000000000:user/a#b/carl"
DECISIONS = Decisions(mapped={ANA: CALLER, BOB: CALLER, CARL: CALLER})
HOUR = 3600
PAGES = [["# Leave", "Maternity leave is 120 days for every mother."], ["# Parking", "Parking is free of charge."]]


class Thing(msgspec.Struct):
    text: str


def move(table: FakeTable, bucket: Any, now: Callable[[], float], killer: Killer | None = None) -> list[Finding]:
    """The operator's command."""
    dynamodb, s3 = (KillableClient(client, killer or Killer()) for client in (table, bucket))
    data = CallerData("table", "bucket", dynamodb=dynamodb, s3=s3, now=now, sleep=lambda seconds: None)
    return list(run({"things": data}, Principals(None, ""), DECISIONS, apply=True))


def left(findings: Iterable[Finding]) -> list[str]:
    return [finding.message for finding in findings if finding.level == "fail"]


def kill_everywhere(scenario: Callable[[Killer], None]) -> None:
    """Runs the scenario with a kill before and after each of its calls."""
    killer = Killer()
    scenario(killer)
    assert killer.calls > 3
    for at in range(1, killer.calls + 1):
        for after in (False, True):
            scenario(Killer(at, after=after))


def test_records_of_all_sessions_become_their_roles() -> None:
    def scenario(killer: Killer) -> None:
        table, bucket = FakeTable(), FakeBucket()
        store = RecordStore("table", "thing", Thing, table)
        ids = {arn: [new_id() for _ in range(2)] for arn in (ANA, BOB, CARL, CALLER, "other")}
        for arn, records in ids.items():
            for record in records:
                store.put(arn, record, Thing(record))
        others = {key: item for key, item in table.items.items() if key[0] == "thing#other"}

        with_retry(lambda killer: move(table, bucket, lambda: 0, killer), killer)

        records, _ = store.page(CALLER, 100, None)
        expected = [record for arn in (ANA, BOB, CARL, CALLER) for record in ids[arn]]
        assert sorted(record.text for record in records) == sorted(expected)
        assert {key: item for key, item in table.items.items() if key[0] != f"thing#{CALLER}"} == others

    kill_everywhere(scenario)


def with_retry(command: Callable[[Killer], list[Finding]], killer: Killer) -> list[Finding]:
    try:
        return command(killer)
    except Killed:
        return command(Killer())


def test_a_record_under_both_callers_stays() -> None:
    table, record = FakeTable(), new_id()
    store = RecordStore("table", "thing", Thing, table)
    store.put(ANA, record, Thing("old"))
    store.put(CALLER, record, Thing("new"))

    findings = move(table, FakeBucket(), lambda: 0)

    assert left(findings) == ["exists under both callers"]
    assert (store.get(ANA, record).text, store.get(CALLER, record).text) == ("old", "new")


def test_nothing_moves_without_apply() -> None:
    table = FakeTable()
    RecordStore("table", "thing", Thing, table).put(ANA, new_id(), Thing("a"))
    before = dict(table.items)
    data = CallerData("table", None, dynamodb=table, s3=None)

    findings = list(run({"things": data}, Principals(None, ""), DECISIONS, apply=False))

    assert table.items == before
    assert [finding.message for finding in findings] == [f"things: 1 thing -> {CALLER}", "nothing was moved"]


def chat(arn: str = ANA) -> tuple[ChatWorld, str]:
    """A conversation of two turns, with a photo and a response that is kept under an idempotency key."""
    world = ChatWorld()
    conversation = world.create(arn, title="Pumps")
    world.send(conversation, caller=arn)
    claim = Claim.new(caller=arn, route="POST /conversations/{id}/messages", key="key")
    store = IdempotencyStore("table", world.table, world.clock)
    assert store.begin(claim, body=b"", seconds=30) is None
    idempotency = Idempotent(store, claim, 200, msgspec.json.encode)
    context = Context(caller=arn, request_id="r", deadline=Deadline(27), idempotency=idempotency)
    world.model.queue.append(converse_answer("Secret."))
    body = SendMessage(text="Why?", photos=[Photo(content_type="image/png", data=png())])
    world.service().send_message(context, id=conversation, body=body)
    world.sqs.messages.clear()
    world.now += HOUR
    return world, conversation


def no_trace_of(arn: str, world: Any) -> bool:
    return not [key for key in world.table.items if arn in key[0] or key[0] == kept_partition(arn)]


def test_conversations_move_with_messages_photos_and_kept_responses() -> None:
    def scenario(killer: Killer) -> None:
        world, conversation = chat()
        messages = world.messages(conversation, ANA)

        findings = with_retry(lambda killer: move(world.table, world.bucket, world.clock, killer), killer)

        assert not left(findings)
        assert no_trace_of(ANA, world)
        world.assert_complete(conversation, 2, CALLER)
        assert world.messages(conversation, CALLER) == messages
        service = world.service()
        assert [item.id for item in service.list_conversations(ChatContext(), query=ConversationQuery()).items] == [
            conversation
        ]
        world.send(conversation)
        service.change_conversation(ChatContext(), id=conversation, body=ChangeConversation(title="Seals"))
        world.sqs.messages.clear()
        service.delete_conversation(ChatContext(), id=conversation)
        world.run()
        assert not world.bucket.objects
        assert kept_responses_erased(world.table, conversation)
        assert not [item for item in stored(world.table).values() if "part" in item]
        assert not [key for key in world.table.items if conversation in "".join(key)]

    kill_everywhere(scenario)


def test_the_responses_kept_for_an_arn_are_erased_with_its_caller() -> None:
    world, _ = chat()
    move(world.table, world.bucket, world.clock)

    IdempotencyStore("table", world.table, world.clock).forget_caller(CALLER, 50)

    assert not [item for item in world.table.items.values() if "part" in item]


@pytest.mark.parametrize("operation", ["send", "delete"])
def test_a_function_that_still_runs_for_the_arn_loses_nothing(operation: str) -> None:
    def attempt(at: int | None) -> int:
        world, conversation = chat()
        succeeded: list[bool] = []

        def interruption() -> None:
            try:
                if operation == "send":
                    world.send(conversation, caller=ANA)
                else:
                    world.service().delete_conversation(ChatContext(ANA), id=conversation)
                succeeded.append(True)
            except (NotFound, Conflict):
                succeeded.append(False)

        killer = Killer(at, interruption=interruption)
        move(world.table, world.bucket, world.clock, killer)
        if succeeded == [True] and operation == "delete":
            world.now += HOUR
            findings = move(world.table, world.bucket, world.clock)
            assert not left(findings)
            assert not [key for key in world.table.items if conversation in "".join(key)]
            assert not world.bucket.objects
        else:
            assert not left(move(world.table, world.bucket, world.clock))
            world.assert_complete(conversation, 2 + (succeeded == [True]), CALLER)
        assert no_trace_of(ANA, world)
        return killer.calls

    calls = attempt(None)
    assert calls > 10
    for at in range(1, calls + 1):
        attempt(at)


def test_a_conversation_that_is_being_deleted_is_left_to_its_queue_and_finished_later() -> None:
    world, conversation = chat()
    world.service().delete_conversation(ChatContext(ANA), id=conversation)
    # The message is lost.
    world.sqs.messages.clear()

    assert left(move(world.table, world.bucket, world.clock)) == ["is being deleted; run this again in 15 minutes"]
    world.now += 16 * 60

    def scenario(killer: Killer) -> None:
        table, bucket = FakeTable(), FakeBucket()
        table.items, bucket.objects = dict(world.table.items), dict(world.bucket.objects)
        with_retry(lambda killer: move(table, bucket, world.clock, killer), killer)
        assert not [key for key in table.items if conversation in "".join(key)]
        assert not bucket.objects

    kill_everywhere(scenario)


def test_messages_of_live_conversations_stay() -> None:
    world, _ = chat()
    live = world.create(title="Live")
    world.send(live)

    move(world.table, world.bucket, world.clock)

    world.assert_complete(live, 1)


class EventBucket(FakeBucket):
    """Sends S3's events for the documents that are copied."""

    def __init__(self, world: HrWorld) -> None:
        super().__init__()
        self._world = world

    def copy_object(self, *, Key: str, **request: Any) -> None:
        super().copy_object(Key=Key, **request)
        if Key.startswith("documents/"):
            self._world.sqs.put(json.dumps(s3_event(Key)))


def handbook(**changes: Any) -> tuple[HrWorld, str]:
    """A document of an ARN, ready for two hours."""
    world = HrWorld()
    world.bucket = EventBucket(world)
    world.namespace = caller_namespace(ANA)
    fields = {"owner": ANA, "created_at": timestamp(world.now - 2 * HOUR), **changes}
    document = world.create_document(**fields)
    world.upload(document, text_pdf(PAGES))
    world.run()
    assert world.documents.get(world.namespace, document).status == "ready"  # type: ignore[union-attr]
    return world, document


def clock(world: HrWorld) -> Callable[[], float]:
    return lambda: world.now


def answers(world: HrWorld, document: str) -> bool:
    results = world.service().search(request_context(), body=Search(query="How many days is maternity leave?")).items
    return bool(results) and {result.document_id for result in results} == {document}


def test_documents_move_with_their_files_and_still_answer() -> None:
    def scenario(killer: Killer) -> None:
        world, document = handbook()
        (content,) = world.bucket.objects.values()
        world.bucket.old_versions[f"documents/{caller_namespace(ANA)}/{document}.pdf", "1"] = b"older"
        embedded = len(world.embedded)

        findings = with_retry(lambda killer: move(world.table, world.bucket, clock(world), killer), killer)
        world.run()

        assert not left(findings)
        assert world.bucket.objects == {f"documents/{caller_namespace(CALLER)}/{document}.pdf": content}
        assert not world.bucket.old_versions
        assert no_trace_of(ANA, world)
        assert len(world.embedded) == embedded, "the copied file is not read again"
        assert answers(world, document)
        moved = world.service().get_document(request_context(), id=document)
        assert (moved.status, str(moved.url).startswith("https://")) == ("ready", True)
        delete_and_check(world, document)

    kill_everywhere(scenario)


def delete_and_check(world: HrWorld, document: str) -> None:
    world.service().delete_document(request_context(), id=document)
    world.run()
    assert not world.bucket.objects
    assert not world.search.documents
    assert [key for key in stored(world.table) if document in "".join(key)] == [
        (f"moved#{caller_namespace(ANA)}", document)
    ]


def test_late_messages_about_the_old_place_change_nothing() -> None:
    world, document = handbook()
    chunks = dict(world.search.documents)
    item = world.document(document)
    assert item
    move(world.table, world.bucket, clock(world))
    world.run()

    queue = Queue("queue", world.sqs, clock(world))
    queue.send_clean(world.namespace, document)
    generation = str(item.live_generation)
    queue.send([Publish(namespace=world.namespace, document=document, generation=generation)])
    queue.send([Start(namespace=world.namespace, document=document)])
    world.run()

    assert world.search.documents == chunks
    assert answers(world, document)
    assert list(world.bucket.objects) == [f"documents/{caller_namespace(CALLER)}/{document}.pdf"]


def test_a_late_event_between_any_two_calls_loses_no_file() -> None:
    def attempt(at: int | None) -> int:
        world, document = handbook()

        def interruption() -> None:
            world.handle(json.dumps(s3_event(f"documents/{world.namespace}/{document}.pdf")))

        killer = Killer(at, interruption=interruption)
        move(world.table, world.bucket, clock(world), killer)
        assert not left(move(world.table, world.bucket, clock(world)))
        world.run()
        assert list(world.bucket.objects) == [f"documents/{caller_namespace(CALLER)}/{document}.pdf"]
        assert answers(world, document)
        return killer.calls

    calls = attempt(None)
    for at in range(1, calls + 1):
        attempt(at)


def test_a_document_deleted_by_its_new_caller_after_a_kill_is_gone() -> None:
    def attempt(at: int, after: bool) -> bool:
        world, document = handbook()
        try:
            move(world.table, world.bucket, clock(world), Killer(at, after=after))
        except Killed:
            pass
        else:
            return False
        if world.documents.get(caller_namespace(CALLER), document):
            world.service().delete_document(request_context(), id=document)
            world.run()
            move(world.table, world.bucket, clock(world))
            world.run()
            assert not [key for key in stored(world.table) if document in "".join(key) and key[0][:6] != "moved#"]
            assert not world.bucket.objects
            assert not world.search.documents
        return True

    for after in (False, True):
        at = 1
        while attempt(at, after):
            at += 1
        assert at > 10


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "awaitingUpload"}, "has the status awaitingUpload; run this again when that has ended"),
        ({"status": "processing"}, "has the status processing; run this again when that has ended"),
        ({"status": "deleting"}, "has the status deleting; run this again when that has ended"),
        ({"status": "ready", "live_source": '"other"'}, "a newer file of it has not been read"),
        ({"status": "failed", "failed_source": '"other"'}, "a newer file of it has not been read"),
        ({"created_at": timestamp(1_800_000_000 - 10)}, "its form takes uploads until 2027-01-15T08:59:50.000Z"),
    ],
)
def test_a_document_that_messages_or_forms_still_name_stays(changes: dict[str, Any], reason: str) -> None:
    world = HrWorld()
    world.namespace = caller_namespace(ANA)
    fields = {"status": "ready", "created_at": timestamp(world.now - 2 * HOUR), "owner": ANA, **changes}
    document = world.create_document(**fields)
    world.bucket.objects[f"documents/{world.namespace}/{document}.pdf"] = b"file"
    before = dict(world.table.items), dict(world.bucket.objects)

    findings = move(world.table, world.bucket, clock(world))

    assert [message for message in left(findings) if message.startswith(reason)] == left(findings) != []
    assert (world.table.items, world.bucket.objects) == before


def test_a_document_without_a_file_moves() -> None:
    world = HrWorld()
    fields = {"status": "failed", "created_at": timestamp(world.now - 2 * HOUR), "owner": ANA}
    world.namespace = caller_namespace(ANA)
    document = world.create_document(**fields)

    assert not left(move(world.table, world.bucket, clock(world)))

    assert world.documents.get(caller_namespace(CALLER), document)
    assert not world.bucket.objects


def test_documents_of_a_space_change_their_owner_only() -> None:
    world = HrWorld(spaces=(Space(name="shared", writers=("*",)),))
    world.namespace = "shared"
    document = world.create_document(owner=ANA)
    world.upload(document, text_pdf(PAGES))
    world.run()

    assert not left(move(world.table, world.bucket, clock(world)))

    assert list(world.bucket.objects) == [f"documents/shared/{document}.pdf"]
    world.service().delete_document(request_context(), id=document)
    world.run()
    assert not world.bucket.objects


@pytest.mark.parametrize("prepare", [chat, handbook])
def test_a_stopped_run_is_reported_until_it_is_finished(prepare: Callable[[], tuple[Any, str]]) -> None:
    reported = 0
    at = 1
    while True:
        world, _ = prepare()
        data = CallerData("table", "bucket", dynamodb=world.table, s3=world.bucket, now=lambda world=world: world.now)
        try:
            move(world.table, world.bucket, clock(world), Killer(at, after=True))
        except Killed:
            stopped = run({"things": data}, Principals(None, ""), DECISIONS, apply=False)
            messages = [finding.message for finding in stopped if finding.level != "ok"]
            # Something is left to do until the last call: to move, or to clean up.
            reported += messages == ["an earlier run was stopped"]
            move(world.table, world.bucket, clock(world))
        else:
            break
        assert not list(run({"things": data}, Principals(None, ""), DECISIONS, apply=False))
        at += 1
    assert reported


def test_a_failing_store_ends_the_run_and_the_next_one_continues() -> None:
    world, conversation = chat()
    world.table.fail["transact_write_items"] = RuntimeError("no")
    with pytest.raises(RuntimeError):
        move(world.table, world.bucket, world.clock)
    world.table.fail.clear()
    assert world.conversation(conversation, ANA).message_count == 4
    move(world.table, world.bucket, world.clock)
    world.assert_complete(conversation, 2, CALLER)
