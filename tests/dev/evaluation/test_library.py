"""The questions' documents are prepared, whatever the stage has."""

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


def run(stage: FakeStage, folder: Path, *files: str, seconds: float = 60, messages: list[str] | None = None) -> Library:
    now = [0.0]

    def sleep(length: float) -> None:
        now[0] += length

    report = (messages if messages is not None else []).append
    return provide(Client(stage), folder, files, report=report, seconds=seconds, sleep=sleep, clock=lambda: now[0])


def document(name: str, status: str, identity: str) -> dict[str, Any]:
    return {"id": identity, "name": name, "status": status}


def test_only_missing_files_are_uploaded_under_their_title_or_file_name(folder: Path) -> None:
    stage = FakeStage(documents=[document(f"other {n}", "ready", f"o{n}") for n in range(3)])
    stage.documents.append(document("Leave Handbook", "ready", "old"))
    library = run(stage, folder, "leave.pdf", "travel.pdf")
    assert stage.uploads == {"travel.pdf": b"%PDF-travel"}
    assert stage.bodies[0]["sha256"] == hashlib.sha256(b"%PDF-travel").hexdigest()
    assert stage.bodies[0]["bytes"] == 11
    assert library.ids == {"leave.pdf": "old", "travel.pdf": "id-4"}
    assert library.file("old") == "leave.pdf"
    assert library.file("o1") == "o1"


def test_of_several_documents_with_one_name_the_ready_one_is_used(folder: Path) -> None:
    states = [("failed", "a"), ("awaitingUpload", "b"), ("ready", "c"), ("ready", "d"), ("processing", "e")]
    stage = FakeStage(documents=[document("travel.pdf", status, identity) for status, identity in states])
    assert run(stage, folder, "travel.pdf").ids == {"travel.pdf": "c"}
    assert not stage.uploads


@pytest.mark.parametrize("status", ["awaitingUpload", "deleting"])
def test_a_document_without_a_file_or_in_deletion_is_uploaded_again(folder: Path, status: str) -> None:
    stage = FakeStage(documents=[document("travel.pdf", status, "old")])
    assert run(stage, folder, "travel.pdf").ids == {"travel.pdf": "id-1"}


def test_progress_and_failures_are_reported(folder: Path) -> None:
    messages: list[str] = []
    library = run(FakeStage(reads=3, unreadable=["travel.pdf"]), folder, "leave.pdf", "travel.pdf", messages=messages)
    assert library.ids == {"leave.pdf": "id-0"}
    assert library.failed == {"travel.pdf": "damaged"}
    assert "documents: 0 of 2 ready, 0 pages ingested" in messages


def test_waiting_has_a_limit(folder: Path) -> None:
    with pytest.raises(LibraryError, match=r"not ingested within 20 s: leave\.pdf"):
        run(FakeStage(reads=1000), folder, "leave.pdf", seconds=20)


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(LibraryError, match=r"missing\.pdf is neither in"):
        run(FakeStage(), folder, "missing.pdf")


def test_the_needed_files_are_those_of_all_places() -> None:
    question: dict[str, Any] = {"id": "1", "question": "?", "language": "en", "kind": "direct"}
    place = {"document": "b.pdf", "pages": [2]}
    questions = [
        {**question, "document": "a.pdf", "pages": [1], "also_ok": [place]},
        {**question, "document": None, "pages": []},
    ]
    assert needed([msgspec.convert(question, Question) for question in questions]) == ["a.pdf", "b.pdf"]
