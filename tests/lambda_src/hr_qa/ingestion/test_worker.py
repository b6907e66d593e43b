"""The steps of an ingestion: once, twice, out of order, and killed at any call."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lambda_src.document_reader.reader import open_document
from lambda_src.hr_qa.documents import DocumentItem, Progress
from lambda_src.hr_qa.ingestion import worker as worker_module
from lambda_src.hr_qa.queue import Queue
from lambda_src.hr_qa.resources import object_key
from tests.fakes import client_error
from tests.lambda_src.hr_qa.world import Killed, Killer, World, s3_event
from tests.pdfs import text_pdf

SENTENCES = [
    "Parental leave is sixteen weeks for every employee.",
    "Sick leave needs a note after three days of absence.",
    "Holidays can be carried over until the end of March.",
]


def handbook(pages: int = 3, edition: str = "first") -> bytes:
    return text_pdf(
        [
            ["# Chapter of page " + "abcdefghijklmnopqrstuvwxyz"[n % 26], *SENTENCES, f"The {edition} edition."]
            for n in range(pages)
        ]
    )


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages per range, one range per message, two chunks per batch: a small document has several of each."""
    monkeypatch.setattr(worker_module, "RANGE_PAGES", 2)
    monkeypatch.setattr(worker_module, "MAX_RANGES", 1)
    monkeypatch.setattr(worker_module, "BATCH", 2)


def get_document(world: World, document: str) -> DocumentItem:
    item = world.document(document)
    assert item is not None
    return item


def assert_complete(world: World, document: str, content: bytes) -> None:
    """One complete generation of the file is live, and no other data of the document remains."""
    item = get_document(world, document)
    assert (item.status, item.ingesting_generation) == ("ready", None)
    stored = [source for source in world.search.documents.values() if source["document"] == document]
    assert {source["generation"] for source in stored} == {item.live_generation}
    assert sorted(source["ordinal"] for source in stored) == sorted(set(reference(content)))
    assert item.chunks == len(stored)
    assert [key for key in world.table.items if key[0] == f"ingestion#{document}"] == [
        (f"ingestion#{document}", item.live_generation)
    ]


def assert_gone(world: World, document: str) -> None:
    assert world.document(document) is None
    assert not [source for source in world.search.documents.values() if source["document"] == document]
    assert not [key for key in world.table.items if document in key[0] or document in key[1]]
    assert not [key for key in world.bucket.objects if document in key]


_references: dict[bytes, list[int]] = {}


def reference(content: bytes) -> list[int]:
    """The ordinals of a file's chunks after an undisturbed ingestion."""
    if content not in _references:
        world = World()
        document = world.create_document()
        world.upload(document, content)
        world.run()
        _references[content] = [
            source["ordinal"] for source in world.search.of(str(get_document(world, document).live_generation))
        ]
    return _references[content]


def test_a_file_becomes_a_ready_document() -> None:
    world = World()
    document = world.create_document()

    world.upload(document, handbook(5))
    world.run()

    assert_complete(world, document, handbook(5))
    item = get_document(world, document)
    assert (item.pages, item.pages_without_text) == (5, 0)
    assert len(world.embedded) == item.chunks
    (first, *_) = sorted(world.search.of(str(item.live_generation)), key=lambda source: source["ordinal"])
    assert first["page"] == 1
    assert "sixteen weeks" in first["text"]
    assert not world.sqs.dead


def test_pages_done_rises_while_ranges_are_read() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook(6))
    pages_done = []
    for _ in range(4):
        world.deliver()
        item = get_document(world, document)
        progress = world.documents.progress(document, str(item.ingesting_generation))
        assert progress is not None
        pages_done.append(progress.pages_done)
    assert pages_done == [0, 2, 4, 6]


def test_a_message_covers_several_ranges_of_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "MAX_RANGES", 3)
    opened = 0

    @contextmanager
    def counting(path: Path, max_pages: int) -> Iterator[Any]:
        nonlocal opened
        opened += 1
        with open_document(path, max_pages) as document:
            yield document

    world = World()
    document = world.create_document()
    world.open_document = counting
    world.upload(document, handbook(9))
    world.run()

    assert_complete(world, document, handbook(9))
    assert opened == 1 + 2, "once for the plan, once for each message"


def test_ranges_without_time_become_a_new_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "MAX_RANGES", 5)
    monkeypatch.setattr(worker_module, "RANGE_SECONDS", 1_000)
    world = World()
    document = world.create_document()
    world.upload(document, handbook(9))
    world.deliver()
    sent = json.loads(world.sqs.messages[0]["body"])
    world.deliver()

    (*_, continued) = [json.loads(message["body"]) for message in world.sqs.messages]
    assert (sent["number"], sent["count"]) == (continued["number"], continued["count"]) == (0, 3)
    monkeypatch.setattr(worker_module, "RANGE_SECONDS", 60)
    world.run()
    assert_complete(world, document, handbook(9))


def test_a_short_document_does_not_wait_for_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "MAX_RANGES", 25)
    world = World(lag=False)
    world.embedding_seconds = 15
    long, short = world.create_document(), world.create_document()
    world.upload(long, handbook(24))
    world.deliver()
    world.upload(short, handbook(1))
    while get_document(world, short).status != "ready":
        world.deliver()
    progress = world.documents.progress(long, str(get_document(world, long).ingesting_generation))
    assert progress is not None
    assert progress.pages_done <= 12
    world.run()
    assert_complete(world, long, handbook(24))


def test_a_document_is_ready_only_when_every_chunk_is_searchable() -> None:
    world = World(lag_seconds=20)
    document = world.create_document()
    world.upload(document, handbook(2))
    while get_document(world, document).status != "ready":
        assert get_document(world, document).live_generation is None
        world.deliver()
    assert len(world.search.searchable) == get_document(world, document).chunks > 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scenario", ["upload", "replace", "delete"])
def test_a_kill_at_any_call_does_not_change_the_result(scenario: str, after: bool) -> None:
    calls = run_scenario(scenario, Killer())
    assert calls > 15, "every store is called"
    for at in range(1, calls + 1):
        run_scenario(scenario, Killer(at, after=after))


def run_scenario(scenario: str, killer: Killer) -> int:
    """Runs a scenario with one kill. Returns the number of calls."""
    world = World()
    document = world.create_document()
    if scenario == "replace":
        world.upload(document, handbook(3))
        world.run()
    world.killer = killer
    world.upload(document, handbook(3, "second"))
    if scenario == "delete":
        world.deliver()
        world.deliver()
        world.delete(document)
    world.run()
    assert not world.sqs.dead
    if scenario == "delete":
        assert_gone(world, document)
    else:
        assert_complete(world, document, handbook(3, "second"))
    return killer.calls


@pytest.mark.parametrize("event", ["deletion", "newer file", "same event"])
def test_an_event_between_any_two_calls_is_handled(event: str) -> None:
    calls = run_interrupted(event, None)
    assert calls > 15
    for at in range(1, calls + 1):
        run_interrupted(event, at)


def run_interrupted(event: str, at: int | None) -> int:
    """Runs an ingestion with an event just before call number `at`. Returns the number of calls."""
    world = World(max_receives=1_000)
    document = world.create_document()
    world.upload(document, handbook(3))
    happened: list[str] = []

    def interruption() -> None:
        happened.append(event)
        killer, world.killer = world.killer, Killer()
        if event == "deletion":
            world.delete(document)
        elif event == "newer file":
            world.upload(document, handbook(3, "second"))
            # Another process handles it at once.
            world.handle(world.sqs.messages[-1]["body"])
        else:
            world.handle(json.dumps(s3_event(object_key(world.namespace, document))))
        world.killer = killer

    world.killer = Killer(at, interruption=interruption)
    world.run()
    if event == "deletion" and happened:
        assert_gone(world, document)
    else:
        assert_complete(world, document, handbook(3, "second" if event == "newer file" and happened else "first"))
    return world.killer.calls


@pytest.mark.parametrize("seed", range(25))
def test_repeated_and_reordered_messages_do_not_change_the_result(seed: int) -> None:
    chaos = random.Random(seed)
    world = World(max_receives=1_000)
    document = world.create_document()
    edition = ""
    for edition in ("first", "second", "third"):
        world.upload(document, handbook(4, edition), events=chaos.randint(1, 3))
        for _ in range(chaos.randint(0, 12)):
            if world.sqs.messages:
                world.deliver(chaos)
    # A very old event arrives last.
    world.sqs.put(json.dumps(s3_event(object_key(world.namespace, document))))
    world.run(chaos=chaos)

    assert_complete(world, document, handbook(4, edition))


@pytest.mark.parametrize("seed", range(15))
def test_a_deletion_at_any_time_deletes_everything(seed: int) -> None:
    chaos = random.Random(seed)
    world = World(max_receives=1_000)
    document = world.create_document()
    world.upload(document, handbook(4))
    for _ in range(chaos.randint(0, 14)):
        if world.sqs.messages:
            world.deliver(chaos)
    world.delete(document)
    assert get_document(world, document).live_generation is None
    if chaos.random() < 0.5:
        world.upload(document, handbook(4, "late"))
    world.run(chaos=chaos)

    assert_gone(world, document)


def test_after_a_deletion_a_running_range_stores_no_more_chunks() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook(2))
    world.deliver()
    embed = world.invoke_model

    def delete_first(**request: Any) -> Any:
        world.invoke_model = embed  # type: ignore[method-assign]
        world.delete(document)
        return embed(**request)

    world.invoke_model = delete_first  # type: ignore[method-assign]
    world.deliver()

    assert world.embedded
    assert not world.search.documents


def test_cleaning_keeps_a_recent_plan_and_deletes_an_old_one() -> None:
    world = World()
    document = world.create_document()
    world.documents.plan(document, "planned", Progress(source="s", pages=1, range_pages=2))
    Queue("queue", world.sqs, lambda: world.now).send_clean(world.namespace, document)

    world.deliver()

    assert world.documents.progress(document, "planned")
    world.run()
    assert world.documents.progress(document, "planned") is None


def test_the_same_file_is_not_read_twice() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook())
    world.run()
    embedded, live = len(world.embedded), get_document(world, document).live_generation

    world.upload(document, handbook())
    world.run()

    assert (len(world.embedded), get_document(world, document).live_generation) == (embedded, live)


def test_uploading_the_live_file_again_cancels_another_ingestion() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook())
    world.run()
    world.upload(document, handbook(4, "second"))
    world.deliver()
    world.deliver()
    assert get_document(world, document).ingesting_generation

    world.upload(document, handbook())
    world.run()

    assert_complete(world, document, handbook())


def test_the_old_generation_answers_until_the_new_one_is_complete() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook())
    world.run()
    old = get_document(world, document).live_generation

    world.upload(document, handbook(3, "second"))
    while get_document(world, document).live_generation == old:
        assert len([source for source in world.search.searchable.values() if source["generation"] == old]) == len(
            reference(handbook())
        )
        world.deliver()

    assert get_document(world, document).status == "ready"


def test_stored_chunks_are_not_embedded_again() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, text_pdf([[f"Rule {n}: {SENTENCES[n % 3]}" * 3 for n in range(25)] for _ in range(2)]))
    world.deliver()
    writes = 0

    def killed_at_the_sixth_write(method: str, path: str, body: bytes, read_seconds: int) -> tuple[int, bytes]:
        nonlocal writes
        writes += path.endswith("_bulk")
        if writes == 6:
            writes += 1
            raise Killed
        return search(method, path, body, read_seconds)

    search = world.search
    world.search = killed_at_the_sixth_write  # type: ignore[assignment]
    world.deliver()
    world.search = search
    world.run()

    chunks = get_document(world, document).chunks
    assert chunks is not None
    assert chunks > 12
    # Only the failed batch, and the batch embedded during its write, are embedded again.
    assert len(world.embedded) <= chunks + 2 * worker_module.BATCH


def test_throttling_only_delays_the_ingestion() -> None:
    world = World()
    document = world.create_document()
    world.embed_failures = [client_error("ThrottlingException") for _ in range(6)]
    world.upload(document, handbook(2))
    world.run()

    assert_complete(world, document, handbook(2))


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"<html>not a PDF</html>", "unsupported_type"), (handbook(6), "too_many_pages")],
)
def test_an_unreadable_file_has_an_error(content: bytes, code: str) -> None:
    world = World(max_pages=5)
    document = world.create_document()
    world.upload(document, content)
    world.run()

    item = get_document(world, document)
    assert (item.status, item.error_code) == ("failed", code)
    assert item.error_message
    assert not world.embedded
    assert not world.sqs.dead


def test_a_file_with_another_digest_is_refused() -> None:
    world = World()
    document = world.create_document(sha256="0" * 64)
    world.upload(document, handbook())
    world.run()
    assert get_document(world, document).error_code == "digest_mismatch"


def test_after_a_broken_newer_file_the_old_text_answers() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook())
    world.run()
    live = get_document(world, document).live_generation

    world.upload(document, b"broken")
    world.run()

    item = get_document(world, document)
    assert (item.status, item.live_generation) == ("failed", live)
    assert len(world.search.of(str(live))) == len(reference(handbook()))

    world.upload(document, handbook(2, "fixed"))
    world.run()
    assert_complete(world, document, handbook(2, "fixed"))


def test_after_the_last_attempt_the_document_has_failed_and_can_be_uploaded_again() -> None:
    world = World()
    document = world.create_document()
    world.search.fail = [400] * 8
    world.upload(document, handbook(2))
    world.run()

    item = get_document(world, document)
    assert (item.status, item.error_code) == ("failed", "ingestion_failed")
    assert len(world.sqs.dead) == 1

    world.upload(document, handbook(2))
    world.run()
    assert_complete(world, document, handbook(2))


def test_a_file_without_a_document_is_deleted() -> None:
    world = World()
    world.upload("00000000-0000-7000-8000-000000000000", handbook())
    world.run()
    assert not world.bucket.objects


def test_an_expired_form_leaves_no_document() -> None:
    world = World()
    document = world.create_document()
    world.now += 25 * 3600
    world.upload(document, handbook())
    world.run()
    assert world.document(document) is None
    assert not world.bucket.objects


def test_a_page_without_text_is_counted() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, text_pdf([SENTENCES, [], SENTENCES]))
    world.run()
    item: Any = get_document(world, document)
    assert (item.status, item.pages, item.pages_without_text) == ("ready", 3, 1)
