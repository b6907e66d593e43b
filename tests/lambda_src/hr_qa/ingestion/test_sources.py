"""Objects of other buckets become, stay and cease to be documents, whatever happens to events and processes."""

import json
import random
from typing import Any

import msgspec
import pytest

from lambda_src.hr_qa.documents import DocumentItem
from lambda_src.hr_qa.ingestion import sources
from lambda_src.hr_qa.models import CreateDocument, DocumentQuery, Search
from lambda_src.hr_qa.settings import Source, Space
from lambda_src.shared.errors import Conflict
from lambda_src.shared.file_types import FILE_TYPES
from tests.fakes import client_error, context, kept_responses_erased
from tests.lambda_src.hr_qa.test_service import LEAVE, PARKING
from tests.lambda_src.hr_qa.world import Killer, World, s3_event
from tests.pdfs import text_pdf

SPACES = (Space(name="handbooks", readers=("*",), writers=("hr-team",)), Space(name="others", readers=("*",)))
SOURCES = (Source(bucket="policies", prefix="hr/", space="handbooks"),)
KEY = "hr/Leave 2026.pdf"
LEAVE_FILE, PARKING_FILE = text_pdf([LEAVE]), text_pdf([PARKING])


def new_world(**changes: Any) -> World:
    world = World(**{"spaces": SPACES, "sources": SOURCES, "max_receives": 1_000, **changes})
    world.bucket.others["policies"] = {}
    return world


@pytest.fixture
def world() -> World:
    return new_world()


def documents(world: World, space: str = "handbooks") -> list[DocumentItem]:
    return world.documents.all(space)


def found(world: World, query: str = "maternity leave days") -> str:
    items = world.service().search(context(), body=Search(query=query, spaces=["handbooks"])).items
    return " ".join(item.text for item in items)


def assert_in_step(world: World) -> None:
    """The documents are those of the objects, complete, and nothing else is left."""
    objects = {key: content for key, content in world.bucket.others["policies"].items() if sources.is_accepted(key)}
    items = documents(world)
    assert {item.origin.key for item in items if item.origin} == objects.keys()
    assert {(item.status, item.ingesting_generation) for item in items} <= {("ready", None)}
    generations = {item.live_generation for item in items}
    assert {source["generation"] for source in world.search.documents.values()} == generations
    texts = " ".join(source["text"] for source in world.search.documents.values())
    assert ("Maternity" in texts) == (LEAVE_FILE in objects.values())
    assert ("Parking" in texts) == (PARKING_FILE in objects.values())
    assert not world.sqs.dead


def test_an_object_answers_and_is_gone_after_its_deletion(world: World) -> None:
    world.put(KEY, LEAVE_FILE)
    world.run()
    (item,) = documents(world)
    assert (item.name, item.status) == ("Leave 2026.pdf", "ready")
    assert "120 days" in found(world)

    world.remove(KEY)
    world.deliver()

    assert found(world) == ""
    assert kept_responses_erased(world.table, item.id)
    world.run()
    assert not documents(world)
    assert not world.search.documents


def test_a_changed_object_replaces_its_document(world: World) -> None:
    world.put(KEY, LEAVE_FILE)
    world.run()
    (before,) = documents(world)
    world.put(KEY, PARKING_FILE)
    world.run()

    (after,) = documents(world)
    assert after.id == before.id
    assert_in_step(world)


def test_the_file_is_read_where_it_is(world: World) -> None:
    world.put(KEY, LEAVE_FILE)
    world.run()

    (shown,) = world.service().list_documents(context(), query=DocumentQuery(space="handbooks")).items
    assert shown.source.key == KEY  # type: ignore[union-attr]
    assert str(shown.url).startswith(f"https://policies.example/{KEY}")
    assert not world.bucket.objects


def test_only_its_object_deletes_it(world: World) -> None:
    world.put(KEY, LEAVE_FILE)
    world.run()
    (item,) = documents(world)

    with pytest.raises(Conflict, match=f"s3://policies/{KEY}"):
        world.service().delete_document(context(groups=["hr-team"]), id=item.id)
    assert_in_step(world)


@pytest.mark.parametrize(
    ("key", "bucket"),
    [
        ("hr/", "policies"),
        ("hr/notes.xlsx", "policies"),
        ("hr/pdf", "policies"),
        ("hr/a\nb.pdf", "policies"),
        ("hr/a\u202efdp.pdf", "policies"),
        ("hr/a\U000e0041.pdf", "policies"),
        ("hr/a\x00.pdf", "policies"),
        ("hr/\ufffe.pdf", "policies"),
        ("elsewhere/a.pdf", "policies"),
        ("hr/a.pdf", "other"),
    ],
)
def test_other_objects_are_ignored(world: World, key: str, bucket: str) -> None:
    world.put(key, LEAVE_FILE, bucket=bucket)
    world.run()
    world.sweep()
    world.run()

    assert not documents(world)
    assert not world.sqs.dead


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("hr/ç\u0327ão férias.PDF", "ç\u0327ão férias.PDF"),
        ("hr/Screenshot 9.41\u202fAM.pdf", "Screenshot 9.41\u202fAM.pdf"),
        ("hr/../../x'\"<b>%2F+&.pdf", "x'\"<b>%2F+&.pdf"),
        ("hr/" + "é" * 400 + ".pdf", "é" * 200),
        ("hr//.pdf", ".pdf"),
    ],
)
def test_unusual_keys_are_documents(world: World, key: str, name: str) -> None:
    world.put(key, LEAVE_FILE)
    world.run()

    (item,) = documents(world)
    assert (item.name, item.status) == (name, "ready")
    world.remove(key)
    world.run()
    assert not documents(world)


@pytest.mark.parametrize(
    ("content", "code"), [(b"<html>", "unsupported_type"), (LEAVE_FILE + b" " * 1024 * 1024, "too_large")]
)
def test_an_object_that_cannot_be_read_says_why_and_the_old_text_answers(content: bytes, code: str) -> None:
    world = new_world(max_document_megabytes=1)
    world.put(KEY, LEAVE_FILE)
    world.run()
    world.put(KEY, content)
    world.run()
    world.sweep()
    world.run()

    (item,) = documents(world)
    assert (item.status, item.error_code) == ("failed", code)
    assert "120 days" in found(world)

    world.put(KEY, LEAVE_FILE)
    world.run()
    assert_in_step(world)


def test_a_source_has_a_limit_of_documents(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_DOCUMENTS", 2)
    for number in range(4):
        world.put(f"hr/{number}.pdf", LEAVE_FILE)
    world.run()
    assert len(documents(world)) == 2


def test_a_comparison_finds_what_events_missed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambda_src.hr_qa.file_store.PAGE", 3)
    for number in range(8):
        world.put(f"hr/{number}.pdf", LEAVE_FILE, events=0)
    world.put("hr/ignored.xlsx", b"", events=0)
    world.sweep()
    world.run()
    assert len(documents(world)) == 8
    assert_in_step(world)

    world.remove("hr/2.pdf", events=0)
    world.put("hr/3.pdf", PARKING_FILE, events=0)
    world.put("hr/9.pdf", PARKING_FILE, events=0)
    embedded = len(world.embedded)
    world.sweep()
    world.run()

    assert len(documents(world)) == 8
    assert_in_step(world)
    # Unchanged objects are not read again.
    assert len(world.embedded) < 2 * embedded


def test_a_failure_on_our_side_is_tried_again_daily(world: World) -> None:
    world.settings = msgspec.structs.replace(world.settings, max_receives=2)
    world.embed_failures = [client_error("InternalServerException")] * 50
    world.put(KEY, LEAVE_FILE)
    world.run()
    (item,) = documents(world)
    assert item.error_code == "ingestion_failed"

    world.embed_failures = []
    world.sqs.dead.clear()
    world.sweep()
    world.run()
    assert_in_step(world)


@pytest.mark.parametrize("remaining", [(), (Source(bucket="policies", prefix="legal/", space="handbooks"),)])
def test_documents_of_a_former_source_are_removed(world: World, remaining: tuple[Source, ...]) -> None:
    world.put(KEY, LEAVE_FILE)
    world.run()
    world.deploy(sources=remaining)
    world.run()

    assert not documents(world)
    assert not world.search.documents
    assert world.bucket.others["policies"] == {KEY: LEAVE_FILE}


def test_a_source_moves_to_another_space_with_its_documents(world: World) -> None:
    world.put(KEY, LEAVE_FILE)
    world.run()
    world.deploy(sources=(Source(bucket="policies", prefix="hr/", space="others"),))
    world.run()

    assert not documents(world)
    (item,) = documents(world, "others")
    assert item.status == "ready"
    assert {source["document"] for source in world.search.documents.values()} == {item.id}


def test_uploads_to_the_same_space_are_no_business_of_the_source(world: World) -> None:
    body = CreateDocument(name="Mine", content_type="application/pdf", space="handbooks")
    created = world.service().create_document(context(groups=["hr-team"]), body=body)
    world.namespace = "handbooks"
    world.upload(created.id, PARKING_FILE)
    world.run()
    world.sweep()
    world.run()

    (item,) = documents(world)
    assert (item.id, item.status) == (created.id, "ready")


SCENARIOS = ("create", "change", "delete", "delete and create", "compare")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_at_any_call_does_not_change_the_result(scenario: str, after: bool) -> None:
    calls = run_scenario(scenario, Killer())
    assert calls > 5
    for at in range(1, calls + 1):
        run_scenario(scenario, Killer(at, after=after))


def run_scenario(scenario: str, killer: Killer) -> int:
    world = new_world()
    if scenario != "create":
        world.put(KEY, LEAVE_FILE)
        world.run()
    world.killer = killer
    if scenario in ("create", "change"):
        world.put(KEY, PARKING_FILE)
    if scenario.startswith("delete"):
        world.remove(KEY)
    if scenario == "delete and create":
        world.deliver()
        world.put(KEY, PARKING_FILE)
    if scenario == "compare":
        world.remove(KEY, events=0)
        world.put("hr/b.pdf", PARKING_FILE, events=0)
        world.sweep()
    world.run()
    assert_in_step(world)
    return killer.calls


@pytest.mark.parametrize("event", ["deleted", "changed", "same"])
def test_an_event_between_any_two_calls_is_handled(event: str) -> None:
    def run(at: int | None) -> int:
        world = new_world()
        world.put(KEY, LEAVE_FILE)

        def interruption() -> None:
            killer, world.killer = world.killer, Killer()
            if event == "deleted":
                del world.bucket.others["policies"][KEY]
            elif event == "changed":
                world.bucket.others["policies"][KEY] = PARKING_FILE
            # Another process handles it at once.
            world.handle(json.dumps(s3_event(KEY, "policies")))
            world.killer = killer

        world.killer = Killer(at, interruption=interruption)
        world.run()
        assert_in_step(world)
        return world.killer.calls

    calls = run(None)
    for at in range(1, calls + 1):
        run(at)


@pytest.mark.parametrize("seed", range(30))
def test_repeated_late_and_reordered_events_do_not_change_the_result(seed: int) -> None:
    chaos = random.Random(seed)
    world = new_world()
    for _ in range(6):
        key = chaos.choice(["hr/a.pdf", "hr/b.pdf"])
        if key in world.bucket.others["policies"] and chaos.random() < 0.5:
            world.remove(key, events=chaos.randint(1, 2))
        else:
            world.put(key, chaos.choice([LEAVE_FILE, PARKING_FILE]), events=chaos.randint(1, 2))
        for _ in range(chaos.randint(0, 8)):
            if world.sqs.messages:
                world.deliver(chaos)
    # Very old events arrive last.
    for kind in ("Object Created", "Object Deleted"):
        world.sqs.put(json.dumps(s3_event("hr/a.pdf", "policies", kind)))
    world.run(chaos=chaos)

    assert_in_step(world)


def test_the_api_takes_the_same_types() -> None:
    types = {field.name: field.type for field in msgspec.structs.fields(CreateDocument)}
    assert set(types["content_type"].__args__) == set(FILE_TYPES.values())
