"""Every step of an ingestion: done once, twice, in disorder, killed anywhere."""

import json
import random
from typing import Any

import pytest

from lambda_src.hr_qa.documents import DocumentItem
from lambda_src.hr_qa.ingestion import worker as worker_module
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
    """Two pages a range and few chunks a batch: a small document has several of each."""
    monkeypatch.setattr(worker_module, "RANGE_PAGES", 2)
    monkeypatch.setattr(worker_module, "BATCH", 2)


def get_document(world: World, document: str) -> DocumentItem:
    record = world.document(document)
    assert record is not None
    return record


def assert_complete(world: World, document: str, content: bytes) -> None:
    """One whole generation of that file is live, and nothing else of the document is left anywhere."""
    record = get_document(world, document)
    assert (record.status, record.ingesting_generation) == ("ready", None)
    stored = [one for one in world.search.documents.values() if one["document"] == document]
    assert {one["generation"] for one in stored} == {record.live_generation}
    assert sorted(one["ordinal"] for one in stored) == sorted(set(reference(content)))
    assert record.chunks == len(stored)
    assert [one for one in world.table.items if one[0] == f"ingestion#{document}"] == [
        (f"ingestion#{document}", record.live_generation)
    ]


def assert_gone(world: World, document: str) -> None:
    assert world.document(document) is None
    assert not [one for one in world.search.documents.values() if one["document"] == document]
    assert not [one for one in world.table.items if document in one[0] or document in one[1]]
    assert not [one for one in world.bucket.objects if document in one]


_references: dict[bytes, list[int]] = {}


def reference(content: bytes) -> list[int]:
    """The ordinals of a file's chunks, by an ingestion that nothing disturbs."""
    if content not in _references:
        world = World()
        document = world.create_document()
        world.upload(document, content)
        world.run()
        _references[content] = [
            one["ordinal"] for one in world.search.of(str(get_document(world, document).live_generation))
        ]
    return _references[content]


def test_a_file_becomes_a_ready_document() -> None:
    world = World()
    document = world.create_document()

    world.upload(document, handbook(5))
    world.run()

    assert_complete(world, document, handbook(5))
    record = get_document(world, document)
    assert (record.pages, record.pages_without_text) == (5, 0)
    assert len(world.embedded) == record.chunks
    (first, *_) = sorted(world.search.of(str(record.live_generation)), key=lambda one: one["ordinal"])
    assert first["page"] == 1
    assert "sixteen weeks" in first["text"]
    assert not world.sqs.dead


def test_pages_done_moves_while_ranges_are_read() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook(6))
    seen = []
    for _ in range(4):
        world.deliver()
        record = get_document(world, document)
        progress = world.documents.progress(document, str(record.ingesting_generation))
        assert progress is not None
        seen.append(progress.pages_done)
    assert seen == [0, 2, 4, 6]


def test_it_answers_only_when_every_chunk_is_searchable() -> None:
    world = World(lag_seconds=20)
    document = world.create_document()
    world.upload(document, handbook(2))
    while get_document(world, document).status != "ready":
        assert get_document(world, document).live_generation is None
        world.deliver()
    assert len(world.search.searchable) == get_document(world, document).chunks > 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scenario", ["upload", "replace", "delete"])
def test_a_kill_at_any_call_changes_nothing_in_the_end(scenario: str, after: bool) -> None:
    calls = play(scenario, Killer())
    assert calls > 15, "every store takes part"
    for at in range(1, calls + 1):
        play(scenario, Killer(at, after=after))


def play(scenario: str, killer: Killer) -> int:
    """A document's life with one kill in it. Returns the calls that were made."""
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
def test_what_happens_between_any_two_calls_is_seen(event: str) -> None:
    calls = interrupted(event, None)
    assert calls > 15
    for at in range(1, calls + 1):
        interrupted(event, at)


def interrupted(event: str, at: int | None) -> int:
    """An ingestion during which something else happens, just before one of its calls. Returns the calls made."""
    world = World(max_receives=1_000)
    document = world.create_document()
    world.upload(document, handbook(3))
    happened: list[str] = []

    def meanwhile() -> None:
        happened.append(event)
        killer, world.killer = world.killer, Killer()
        if event == "deletion":
            world.delete(document)
        elif event == "newer file":
            world.upload(document, handbook(3, "second"))
            # Another function takes it up at once.
            world.handle(world.sqs.messages[-1]["body"])
        else:
            world.handle(json.dumps(s3_event(object_key(world.namespace, document))))
        world.killer = killer

    world.killer = Killer(at, interruption=meanwhile)
    world.run()
    if event == "deletion" and happened:
        assert_gone(world, document)
    else:
        assert_complete(world, document, handbook(3, "second" if event == "newer file" and happened else "first"))
    return world.killer.calls


@pytest.mark.parametrize("seed", range(25))
def test_repeated_and_reordered_messages_change_nothing(seed: int) -> None:
    chaos = random.Random(seed)
    world = World(max_receives=1_000)
    document = world.create_document()
    edition = ""
    for edition in ("first", "second", "third"):
        world.upload(document, handbook(4, edition), events=chaos.randint(1, 3))
        for _ in range(chaos.randint(0, 12)):
            if world.sqs.messages:
                world.deliver(chaos)
    # An event of long ago comes last.
    world.sqs.put(json.dumps(s3_event(object_key(world.namespace, document))))
    world.run(chaos=chaos)

    assert_complete(world, document, handbook(4, edition))


@pytest.mark.parametrize("seed", range(15))
def test_a_deletion_at_any_time_leaves_nothing(seed: int) -> None:
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


def test_the_same_file_again_is_not_read_again() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook())
    world.run()
    embedded, live = len(world.embedded), get_document(world, document).live_generation

    world.upload(document, handbook())
    world.run()

    assert (len(world.embedded), get_document(world, document).live_generation) == (embedded, live)


def test_the_live_file_is_put_back_while_another_is_read() -> None:
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


def test_the_old_text_answers_until_the_new_one_is_whole() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook())
    world.run()
    old = get_document(world, document).live_generation

    world.upload(document, handbook(3, "second"))
    while get_document(world, document).live_generation == old:
        assert len([one for one in world.search.searchable.values() if one["generation"] == old]) == len(
            reference(handbook())
        )
        world.deliver()

    assert get_document(world, document).status == "ready"


def test_what_is_stored_is_not_embedded_again() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, text_pdf([[f"Rule {n}: {SENTENCES[n % 3]}" * 3 for n in range(25)] for _ in range(2)]))
    world.deliver()
    writes = 0

    def dies_at_its_sixth_write(method: str, path: str, body: bytes, read_seconds: int) -> tuple[int, bytes]:
        nonlocal writes
        writes += path.endswith("_bulk")
        if writes == 6:
            writes += 1
            raise Killed
        return search(method, path, body, read_seconds)

    search = world.search
    world.search = dies_at_its_sixth_write  # type: ignore[assignment]
    world.deliver()
    world.search = search
    world.run()

    chunks = get_document(world, document).chunks
    assert chunks is not None
    assert chunks > 12
    # Again only the batch whose storing failed, and the one that was embedded meanwhile.
    assert len(world.embedded) <= chunks + 2 * worker_module.BATCH


def test_a_throttled_model_only_delays() -> None:
    world = World()
    document = world.create_document()
    world.embed_failures = [client_error("ThrottlingException") for _ in range(6)]
    world.upload(document, handbook(2))
    world.run()

    assert_complete(world, document, handbook(2))


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"<html>not a PDF</html>", "not_a_pdf"), (handbook(6), "too_many_pages")],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, code: str) -> None:
    world = World(max_pages=5)
    document = world.create_document()
    world.upload(document, content)
    world.run()

    record = get_document(world, document)
    assert (record.status, record.error_code) == ("failed", code)
    assert record.error_message
    assert not world.embedded
    assert not world.sqs.dead


def test_a_file_other_than_the_announced_one_is_refused() -> None:
    world = World()
    document = world.create_document(sha256="0" * 64)
    world.upload(document, handbook())
    world.run()
    assert get_document(world, document).error_code == "digest_mismatch"


def test_a_broken_newer_file_leaves_the_old_text_in_the_answers() -> None:
    world = World()
    document = world.create_document()
    world.upload(document, handbook())
    world.run()
    live = get_document(world, document).live_generation

    world.upload(document, b"broken")
    world.run()

    record = get_document(world, document)
    assert (record.status, record.live_generation) == ("failed", live)
    assert len(world.search.of(str(live))) == len(reference(handbook()))

    world.upload(document, handbook(2, "mended"))
    world.run()
    assert_complete(world, document, handbook(2, "mended"))


def test_what_fails_for_the_last_time_is_told_to_the_owner_and_can_be_tried_again() -> None:
    world = World()
    document = world.create_document()
    world.search.fail = [400] * 8
    world.upload(document, handbook(2))
    world.run()

    record = get_document(world, document)
    assert (record.status, record.error_code) == ("failed", "ingestion_failed")
    assert len(world.sqs.dead) == 1

    world.upload(document, handbook(2))
    world.run()
    assert_complete(world, document, handbook(2))


def test_a_file_for_no_document_is_deleted() -> None:
    world = World()
    world.upload("00000000-0000-7000-8000-000000000000", handbook())
    world.run()
    assert not world.bucket.objects


def test_a_form_that_expired_leaves_no_document() -> None:
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
    record: Any = get_document(world, document)
    assert (record.status, record.pages, record.pages_without_text) == ("ready", 3, 1)
