"""An export has what its caller can get, as files of one archive, and nothing of others."""

import io
import json
import zipfile
from typing import Any

import pytest

from lambda_src.caller_data import exports
from lambda_src.caller_data.exports import ARCHIVE_SECONDS
from lambda_src.chatbot.caller_data import data
from lambda_src.chatbot.models import Feedback, SendMessage
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.photos import Photo
from tests.fakes import CALLER, OTHER, converse_answer, png
from tests.lambda_src.caller_data.world import World
from tests.lambda_src.chatbot.world import ChatContext, Killer

MINE, THEIRS = "marker-ana-4711", "marker-bob-4712"


def filled() -> World:
    world = World()
    world.fill(OTHER, THEIRS)
    world.fill(CALLER, MINE)
    return world


def archive_of(world: World, export: str, caller: str = CALLER) -> zipfile.ZipFile:
    answer = world.exported(export, caller)
    key = answer["url"].partition(".example/")[2].partition("?")[0]
    content = world.buckets["exports"].objects[key]
    assert len(content) == answer["bytes"]
    return zipfile.ZipFile(io.BytesIO(content))


def kinds(names: list[str]) -> set[tuple[str, ...]]:
    """Use case, folder and ending of the files in folders."""
    return {(*name.split("/")[:2], name.rpartition(".")[2]) for name in names if "/" in name}


def test_the_archive_has_everything_of_the_caller_and_nothing_of_others() -> None:
    world = filled()
    before = world.stored()
    export = world.export()
    assert world.exported(export)["status"] == "running"
    world.run()

    with archive_of(world, export) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        texts = {name: archive.read(name) for name in names}
    assert kinds(names) == {
        ("summarization", "reports", "json"),
        ("summarization", "reports", "png"),
        ("image-generation", "images", "json"),
        ("image-generation", "images", "png"),
        ("image-generation", "images", "jpg"),
        ("chatbot", "conversations", "json"),
        ("chatbot", "conversations", "png"),
        ("chatbot", "conversations", "txt"),
        ("hr-qa", "documents", "json"),
        ("hr-qa", "documents", "pdf"),
        ("hr-qa", "questions", "json"),
        ("credit-risk", "scores", "json"),
    }
    assert names[:2] == ["README.txt", "manifest.json"]
    everything = b"".join(texts.values())
    assert THEIRS.encode() not in everything
    assert OTHER.encode() not in everything
    conversation = json.loads(next(texts[name] for name in names if name.startswith("chatbot") and "json" in name))
    assert [message["role"] for message in conversation["messages"]] == ["user", "assistant"]
    assert MINE in conversation["summary"]
    assert next(texts[name] for name in names if name.startswith("chatbot") and name.endswith(".png")) == png()
    document = next(texts[name] for name in names if name.startswith("chatbot") and name.endswith(".txt"))
    assert document.decode() == f"Rules of {MINE}"
    assert conversation["messages"][0]["documents"][0]["name"] == f"Rules {MINE}"
    versions = json.loads(next(texts[name] for name in names if name.endswith("/versions.json")))
    assert [version["version"] for version in versions] == [2, 1]
    assert versions[0]["report"]["title"] == f"Corrected {MINE}" != versions[1]["report"]["title"]
    manifest = json.loads(texts["manifest.json"])
    assert manifest["useCases"]["hr-qa"] == {"documents": 2, "files": 1, "questions": 2}
    # The stage is unchanged, and the files that the archive was made of are gone.
    after = world.stored()
    assert {place: after.get(place) for place in before} == before
    assert [key for key in world.buckets["exports"].objects if not key.endswith(".zip")] == []
    assert {pk.split("#")[0] for pk, _ in world.tables["caller-data"].items} == {"exports"}


def test_an_archive_of_several_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PART_BYTES", 100)
    world = filled()
    export = world.export()
    world.run()

    with archive_of(world, export) as archive:
        assert archive.testzip() is None


def test_photos_of_a_conversation_are_copied_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FILES", 2)
    world = World()
    conversation = world.chat.create()
    photos = [Photo("image/png", png(number, 3)) for number in range(1, 6)]
    world.chat.model.queue.append(converse_answer("Five."))
    body = SendMessage(text="How many?", photos=photos)
    world.chat.service().send_message(ChatContext(), id=conversation, body=body)
    world.chat.create()

    export = world.export()
    world.run()

    with archive_of(world, export) as archive:
        pictures = {archive.read(name) for name in archive.namelist() if name.endswith(".png")}
    assert pictures == {photo.data for photo in photos}


def test_an_export_has_ratings_and_nothing_that_was_replaced() -> None:
    world = World()
    conversation = world.chat.create(title="a")
    photo = Photo("image/png", png())
    for _ in range(2):
        world.chat.model.queue.append(converse_answer("Yes."))
        body = SendMessage(text="Is this a seal?", photos=[photo])
        world.chat.service().send_message(ChatContext(), id=conversation, body=body)
    old = world.chat.send(conversation, "An old question", "An old answer").message.id
    world.chat.model.queue.append(converse_answer("A new answer"))
    new = world.chat.service().send_message(
        ChatContext(), id=conversation, body=SendMessage(text="A new question", replaces=old)
    )
    feedback = Feedback(helpful=False, comment="Too short.")
    world.chat.service().give_feedback(ChatContext(), id=conversation, message=new.message.id, body=feedback)

    export = world.export()
    world.run()

    with archive_of(world, export) as archive:
        exported = json.loads(archive.read(f"chatbot/conversations/{conversation}.json"))
        names = [name for name in archive.namelist() if name.endswith(".png")]
    assert [message["text"] for message in exported["messages"]][-2:] == ["A new question", "A new answer"]
    assert exported["messages"][-1]["feedback"] == {"helpful": False, "comment": "Too short."}
    assert "old" not in str(exported)
    # The same picture in two messages is one file.
    (counts,) = [each["counts"] for each in world.exported(export, CALLER)["useCases"] if each["useCase"] == "chatbot"]
    assert counts["photos"] == len(names) == 1


def test_a_request_while_one_runs_gets_the_same_export() -> None:
    world = World()
    first = world.export()
    assert world.export() == first
    world.run()
    assert world.export() != first


def test_nobody_gets_the_export_of_another() -> None:
    world = filled()
    export = world.export()
    world.run()

    status, body = world.call("GET", "/me/exports/{id}", path={"id": export}, caller=OTHER)
    assert (status, body["error"]["code"]) == (404, "not_found")


def test_the_slower_of_two_workers_does_not_replace_the_archive() -> None:
    """It may list the files when the faster one has deleted them."""
    world = filled()
    export = world.export()
    world.run(until=lambda: bool(world.sqs.messages and world.gathered(export)))
    (message,) = world.sqs.messages

    def faster() -> None:
        other, world.killer = world.killer, Killer()
        assert world.deliver({**message, "id": "again"})
        world.killer = other

    # Before the files are listed.
    world.killer = Killer(4, interruption=faster)
    world.deliver(message)

    with archive_of(world, export) as archive:
        assert archive.testzip() is None
        assert len(kinds(archive.namelist())) == 12


def test_an_archive_expires() -> None:
    world = World()
    export = world.export()
    world.run()
    assert world.exported(export)["status"] == "ready"
    world.now += ARCHIVE_SECONDS

    answer = world.exported(export)
    assert answer["status"] == "expired"
    assert "url" not in answer


def test_an_erasure_deletes_the_archives_and_ends_an_export_that_runs() -> None:
    world = filled()
    finished = world.export()
    world.run()
    running = world.export()
    world.sqs.messages.append(world.sqs.messages.pop())
    erasure = world.erase()
    # The erasure first.
    world.sqs.messages.reverse()
    world.run()

    assert world.buckets["exports"].objects == {}
    for export in (finished, running):
        assert world.call("GET", "/me/exports/{id}", path={"id": export})[0] == 404
    (own,) = (entry for entry in world.receipt(erasure)["useCases"] if entry["useCase"] == "caller-data")
    assert own["counts"] == {"exports": 2}
    assert not [key for key in world.tables["caller-data"].items if caller_namespace(CALLER) in key[0]]


def test_a_file_that_is_gone_is_left_out() -> None:
    world = filled()
    world.buckets["image-generation"].objects.clear()
    export = world.export()
    world.run()

    assert world.exported(export)["status"] == "ready"


def test_a_use_case_that_fails_is_named() -> None:
    world = filled()
    world.functions.fail = {"chatbot"}
    export = world.export()
    world.run()

    answer = world.exported(export)
    assert (answer["status"], answer["failed"]) == ("failed", ["chatbot"])
    assert "url" not in answer


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 50, 3))
def test_a_killed_worker_resumes(call: int, after: bool) -> None:
    world = World()
    world.fill_records(CALLER, MINE)
    export = world.export()
    for kill in range(2):
        world.killer = Killer(call + kill, after=after)
        world.run()
    world.killer = Killer()

    with archive_of(world, export) as archive:
        assert archive.testzip() is None
        assert kinds(archive.namelist()) >= {
            ("image-generation", "images", "png"),
            ("summarization", "reports", "json"),
        }
    assert [key for key in world.buckets["exports"].objects if not key.endswith(".zip")] == []
    answer: Any = world.exported(export)
    assert answer["status"] == "ready"
