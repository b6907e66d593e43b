"""The questions' documents are there, whatever the stage has."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dev.evaluation.client import Client
from dev.evaluation.library import Library, LibraryError, needed, provide
from dev.evaluation.questions import Question
from tests.hr_stage import FakeStage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "leave.pdf").write_bytes(b"%PDF-leave")
    (tmp_path / "travel.pdf").write_bytes(b"%PDF-travel")
    (tmp_path / "MANIFEST.json").write_text(json.dumps([{"file": "pdf/leave.pdf", "title": "Leave Handbook"}]))
    return tmp_path


def run(stage: FakeStage, folder: Path, *files: str, seconds: float = 60, said: list[str] | None = None) -> Library:
    now = [0.0]

    def sleep(length: float) -> None:
        now[0] += length

    say = (said if said is not None else []).append
    return provide(Client(stage), folder, files, say=say, seconds=seconds, sleep=sleep, clock=lambda: now[0])


def document(name: str, status: str, identity: str) -> dict[str, Any]:
    return {"id": identity, "name": name, "status": status}


def test_only_what_is_missing_is_uploaded_under_its_title_or_file_name(folder: Path) -> None:
    stage = FakeStage(documents=[document(f"other {n}", "ready", f"o{n}") for n in range(3)])
    stage.documents.append(document("Leave Handbook", "ready", "old"))
    found = run(stage, folder, "leave.pdf", "travel.pdf")
    assert stage.uploads == {"travel.pdf": b"%PDF-travel"}
    assert stage.bodies[0]["sha256"] == hashlib.sha256(b"%PDF-travel").hexdigest()
    assert stage.bodies[0]["bytes"] == 11
    assert found.ids == {"leave.pdf": "old", "travel.pdf": "id-4"}
    assert found.file("old") == "leave.pdf"
    assert found.file("o1") == "o1"


def test_of_several_of_one_name_the_ready_one_is_taken(folder: Path) -> None:
    states = [("failed", "a"), ("awaitingUpload", "b"), ("ready", "c"), ("ready", "d"), ("processing", "e")]
    stage = FakeStage(documents=[document("travel.pdf", status, identity) for status, identity in states])
    assert run(stage, folder, "travel.pdf").ids == {"travel.pdf": "c"}
    assert not stage.uploads


@pytest.mark.parametrize("status", ["awaitingUpload", "deleting"])
def test_one_that_never_came_or_goes_is_uploaded_again(folder: Path, status: str) -> None:
    stage = FakeStage(documents=[document("travel.pdf", status, "old")])
    assert run(stage, folder, "travel.pdf").ids == {"travel.pdf": "id-1"}


def test_progress_is_told_and_a_failure_is_kept(folder: Path) -> None:
    said: list[str] = []
    found = run(FakeStage(reads=3, unreadable=["travel.pdf"]), folder, "leave.pdf", "travel.pdf", said=said)
    assert found.ids == {"leave.pdf": "id-0"}
    assert found.failed == {"travel.pdf": "damaged"}
    assert "documents: 0 of 2 ready, 0 pages read" in said


def test_waiting_ends(folder: Path) -> None:
    with pytest.raises(LibraryError, match=r"not read within 20 s: leave\.pdf"):
        run(FakeStage(reads=1000), folder, "leave.pdf", seconds=20)


def test_a_file_that_is_nowhere_is_named(folder: Path) -> None:
    with pytest.raises(LibraryError, match=r"gone\.pdf is neither in"):
        run(FakeStage(), folder, "gone.pdf")


def test_the_files_needed_are_those_of_all_places() -> None:
    one: dict[str, Any] = {"id": "1", "question": "?", "language": "en", "kind": "direct"}
    place = {"document": "b.pdf", "pages": [2]}
    questions = [
        {**one, "document": "a.pdf", "pages": [1], "also_ok": [place]},
        {**one, "document": None, "pages": []},
    ]
    assert needed([msgspec.convert(question, Question) for question in questions]) == ["a.pdf", "b.pdf"]
