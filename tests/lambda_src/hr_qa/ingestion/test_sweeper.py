"""After a change of the index, documents are read again by themselves, and the former index answers until then."""

import random
from typing import Any

import pytest

from lambda_src.hr_qa.ingestion import sweeper
from lambda_src.hr_qa.ingestion import worker as worker_module
from lambda_src.hr_qa.models import Search
from lambda_src.shared.errors import Conflict
from tests.fakes import client_error, context
from tests.lambda_src.hr_qa.ingestion.test_worker import assert_gone, get_document, handbook
from tests.lambda_src.hr_qa.test_service import LEAVE, PARKING, QUESTION, ready
from tests.lambda_src.hr_qa.world import Killer, World
from tests.pdfs import text_pdf

TITAN, COHERE = "amazon.titan-embed-text-v2:0", "cohere.embed-multilingual-v3"
CHANGES: list[dict[str, Any]] = [
    {"search_index": "chunks-2", "embedding_model": COHERE, "former_embedding_models": (TITAN,), "dimensions": 1024},
    {"search_index": "chunks-2", "dimensions": 512},
    # A changed mapping.
    {"search_index": "chunks-2"},
]


def found(world: World, query: str = "maternity leave days", **limits: Any) -> list[str]:
    items = world.service().search(context(), body=Search(query=query, **limits)).items
    return list(dict.fromkeys(item.document_id for item in items))


def assert_reread(world: World, *documents: str) -> None:
    """The documents are complete in the stage's index, and the former one is gone."""
    for document in documents:
        item = get_document(world, document)
        assert (item.status, item.ingesting_generation) == ("ready", None)
        assert (item.live_index, item.live_model) == (world.settings.index_address, world.settings.embedding.id)
        chunks = world.search.of(str(item.live_generation))
        assert len({chunk["ordinal"] for chunk in chunks}) == len(chunks) == item.chunks
    assert {source["document"] for source in world.search.documents.values()} == {*documents}
    assert world.search.in_index("chunks") == []
    assert world.documents.indices() == [world.settings.search_index]
    assert not world.sqs.dead


@pytest.mark.parametrize("change", CHANGES)
def test_a_former_index_answers_until_its_documents_were_read_again(change: dict[str, Any]) -> None:
    world = World()
    leave, parking = ready(world, [LEAVE]), ready(world, [PARKING])
    world.sweep()
    world.run()

    world.deploy(**change)

    seen = set()
    for _ in range(200):
        assert found(world)[0] == leave
        assert found(world, "parking behind the house")[0] == parking
        seen.add(get_document(world, leave).live_index)
        if not world.sqs.messages:
            break
        world.deliver()
    assert len(seen) == 2
    assert world.search.dropped == ["chunks"]
    assert_reread(world, leave, parking)


def test_one_question_covers_documents_of_both_models() -> None:
    world = World()
    leave = ready(world, [LEAVE])
    world.deploy(**CHANGES[0])
    world.sqs.messages.clear()
    parking = ready(world, [PARKING, LEAVE])
    world.sqs.messages.clear()

    items = world.service().search(context(), body=Search(query="maternity leave days")).items

    assert {items[0].document_id, items[1].document_id} == {leave, parking}
    assert [item.score for item in items] == sorted((item.score for item in items), reverse=True)
    assert get_document(world, leave).live_model == TITAN
    assert get_document(world, parking).live_model == COHERE


def test_the_best_chunks_of_every_index_come_first() -> None:
    world = World()
    leave = ready(world, [LEAVE])
    world.deploy(**CHANGES[0])
    world.sqs.messages.clear()
    printers = ready(world, [["# Printers", "The printers print in color.", "Paper is in the cupboard."]])
    assert set(found(world, "maternity leave for every mother")[:2]) == {leave, printers}


@pytest.mark.parametrize(
    "change",
    [
        {"search_index": "chunks-2", "embedding_model": COHERE, "dimensions": 1024},
        {"search_endpoint": "https://another.example"},
    ],
    ids=["model not listed", "another store"],
)
def test_without_the_former_model_or_store_a_document_waits(change: dict[str, Any]) -> None:
    world = World()
    document = ready(world, [LEAVE])

    world.deploy(**change)

    shown = world.service().get_document(context(), id=document)
    assert (shown.status, shown.error.code) == ("processing", "outdated")  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="outdated"):
        found(world)
    with pytest.raises(Conflict, match="is outdated, not ready"):
        found(world, documents=[document])
    world.run()
    assert found(world) == [document]
    assert world.service().get_document(context(), id=document).status == "ready"


def test_progress_is_shown_while_a_document_is_read_again() -> None:
    world = World()
    document = ready(world, [LEAVE, PARKING])
    world.deploy(**CHANGES[1])
    world.deliver()

    shown = world.service().get_document(context(), id=document)
    assert (shown.status, shown.pages, shown.pages_done) == ("processing", 2, 0)


def test_documents_are_read_again_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "MAX_READING", 2)
    world = World()
    documents = [ready(world, [LEAVE], f"Handbook {number}") for number in range(7)]
    world.sweep()
    world.run()
    world.deploy(**CHANGES[2])

    most = 0
    while world.sqs.messages:
        world.deliver()
        reading = [item for item in map(world.document, documents) if item and item.ingesting_generation]
        most = max(most, len(reading))
    assert most == 2
    assert_reread(world, *documents)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_call_does_not_change_the_result(after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "RANGE_PAGES", 1)
    # So that a run has fewer messages.
    monkeypatch.setattr(sweeper, "ENTERED_SECONDS", 100)
    monkeypatch.setattr(sweeper, "RESUMED_SECONDS", 300)

    def run(killer: Killer) -> int:
        world = World()
        documents = [ready(world, [LEAVE, PARKING])]
        world.sweep()
        world.run()
        world.killer = killer
        world.deploy(**CHANGES[1])
        world.run()
        assert_reread(world, *documents)
        return killer.calls

    calls = run(Killer())
    assert calls > 40
    for at in range(1, calls + 1):
        run(Killer(at, after=after))


@pytest.mark.parametrize("seed", range(20))
def test_repeated_and_reordered_messages_and_sweeps_do_not_change_the_result(seed: int) -> None:
    chaos = random.Random(seed)
    world = World(max_receives=1_000)
    documents = [ready(world, [LEAVE, PARKING]), ready(world, [PARKING])]
    world.sweep()
    world.run()
    for change in (CHANGES[1], {"search_index": "chunks-3"}):
        world.deploy(**change)
        for _ in range(chaos.randint(0, 15)):
            if chaos.random() < 0.2:
                world.sweep()
            if world.sqs.messages:
                world.deliver(chaos)
    world.run(chaos=chaos)
    # What a lost message has left is found by the daily sweep.
    world.sweep()
    world.run()

    assert_reread(world, *documents)


def test_an_ingestion_that_a_deployment_interrupts_starts_again_in_the_new_index() -> None:
    world = World()
    world.sweep()
    world.run()
    document = world.create_document()
    world.upload(document, handbook(3))
    world.deliver()
    world.deliver()
    assert get_document(world, document).ingesting_generation

    world.deploy(**CHANGES[1])
    world.run()

    assert get_document(world, document).status == "ready"
    assert found(world, "sick leave note") == [document]
    assert world.search.in_index("chunks") == []


@pytest.mark.parametrize("act", ["upload", "delete"])
def test_uploads_and_deletions_during_a_sweep_win(act: str) -> None:
    for deliveries in range(12):
        world = World()
        document = ready(world, [PARKING])
        world.sweep()
        world.run()
        world.deploy(**CHANGES[1])
        for _ in range(deliveries):
            if world.sqs.messages:
                world.deliver()
        if act == "upload":
            world.upload(document, text_pdf([LEAVE]))
        else:
            world.delete(document)
        world.run()
        if act == "upload":
            assert "Maternity" in found_text(world)
            assert_reread(world, document)
        else:
            assert_gone(world, document)


def found_text(world: World) -> str:
    return " ".join(item.text for item in world.service().search(context(), body=Search(query=QUESTION)).items)


def test_a_document_that_cannot_be_read_again_keeps_answering_and_is_tried_again_daily() -> None:
    world = World()
    document = ready(world, [LEAVE])
    world.deploy(**CHANGES[1])
    world.embed_failures = [client_error("InternalServerException")] * 100
    world.run()
    item = get_document(world, document)
    assert (item.status, item.error_code) == ("failed", "ingestion_failed")
    assert found_without_failures(world) == [document]

    world.sqs.dead.clear()
    world.sweep()
    world.run()
    assert get_document(world, document).status == "ready"
    assert found(world) == [document]


def found_without_failures(world: World) -> list[str]:
    world.embed_failures = []
    return found(world)


def test_a_lost_file_fails_its_document_instead_of_keeping_the_sweep_busy() -> None:
    world = World()
    document = ready(world, [LEAVE])
    world.bucket.objects.clear()
    world.deploy(**CHANGES[1])
    world.run()

    assert get_document(world, document).error_code == "file_missing"
    assert found(world) == [document]


@pytest.mark.parametrize(("others", "dropped"), [(True, []), (False, ["chunks"])])
def test_an_index_on_a_domain_is_only_deleted_when_no_other_stage_uses_it(others: bool, dropped: list[str]) -> None:
    world = World(search_service="es")
    document = ready(world, [LEAVE])
    world.sweep()
    world.run()
    if others:
        world.search.documents["other"] = {"document": "d", "generation": "g", "ordinal": 0}
        world.search.index_of["other"] = "chunks"
    world.deploy(**CHANGES[1])
    world.run()

    assert get_document(world, document).live_index == world.settings.index_address
    assert world.search.dropped == dropped
    assert world.documents.indices() == ["chunks-2"]


def test_an_index_stays_while_functions_from_before_the_deployment_may_still_use_it() -> None:
    world = World()
    ready(world, [LEAVE])
    world.sweep()
    world.run()
    world.deploy(**CHANGES[1])
    deployed_at = world.now

    while not world.search.dropped:
        world.deliver()

    assert world.now - deployed_at >= sweeper.ENTERED_SECONDS
    assert until_quiet(world) < 10


def until_quiet(world: World) -> int:
    """How many messages there are until the queue is empty."""
    deliveries = 0
    while world.sqs.messages:
        world.deliver()
        deliveries += 1
    return deliveries


def test_without_a_change_a_sweep_is_one_message() -> None:
    world = World()
    ready(world, [LEAVE])
    before = len(world.embedded)
    world.sweep()
    world.run()

    assert len(world.embedded) == before
    world.sweep()
    assert until_quiet(world) == 1


def test_documents_from_before_their_model_was_stored_answer_from_a_former_index_too() -> None:
    world = World()
    document = ready(world, [LEAVE])
    item = world.table.items[f"documents#{world.namespace}", document]
    del item["liveModel"], item["liveDimensions"]
    before = get_document(world, document).updated_at
    # The deployment that brings the field, with the same index.
    world.sweep()
    world.run()

    world.deploy(**CHANGES[1])

    assert found(world) == [document]
    assert get_document(world, document).updated_at == before
