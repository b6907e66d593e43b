"""A document that exhausts, blocks or crashes its reader fails alone, at once, and with advice."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lambda_src.document_reader import isolated_reader, reader_process
from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.isolated_reader import ReaderLostError, open_isolated
from lambda_src.document_reader.reader import open_document
from lambda_src.document_reader.reader_protocol import Failed, Limits, Open, Ready, read_frame, write_frame
from tests.handbooks import FOLDER, MAX_PAGES
from tests.hostile.files import KINDS

HANDBOOK = FOLDER / "tts_leave_handbook.pdf"
SCAN = FOLDER / "tts_veterans_resources_scanned.pdf"


def processes() -> set[str]:
    """The process ids of this process's children."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def run_child(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the reader by a program that starts like it, and then runs `code`."""
    program = (
        "import sys, os, signal, time, resource\n"
        "from lambda_src.document_reader import reader_process as r\n"
        "r.write_frame(sys.stdout.buffer, r.Ready())\n"
        "r.read_frame(sys.stdin.buffer)\n"
        "r.limit_process(r.Limits())\n"
        f"{code}\n"
    )
    popen = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        return popen([sys.executable, "-c", program], **options)

    monkeypatch.setattr(isolated_reader.subprocess, "Popen", start)


def test_a_document_is_read_as_in_this_process() -> None:
    before = processes()
    with open_isolated(HANDBOOK, MAX_PAGES) as isolated, open_document(HANDBOOK, MAX_PAGES) as document:
        assert isolated.page_count == document.page_count
        assert isolated.read(3, 7) == document.read(3, 7)
        assert isolated.read(1, 1) == document.read(1, 1)
    assert processes() == before


def test_a_page_is_drawn_as_in_this_process() -> None:
    with open_isolated(SCAN, MAX_PAGES) as isolated, open_document(SCAN, MAX_PAGES) as document:
        assert isolated.render_png(1, 50) == document.render_png(1, 50)


@pytest.mark.parametrize(
    ("name", "code"),
    [("tts_code_of_conduct_encrypted.pdf", "encrypted"), ("tts_conferences_training_corrupt.pdf", "damaged")],
)
def test_an_unreadable_file_has_its_own_error(name: str, code: str) -> None:
    with pytest.raises(UnreadableFileError, match="upload") as raised, open_isolated(FOLDER / name, MAX_PAGES):
        pass
    assert raised.value.code == code


def test_a_page_outside_the_document_is_a_value_error() -> None:
    with open_isolated(SCAN, MAX_PAGES) as document, pytest.raises(ValueError, match="no pages 2 to 3 of 2"):
        document.read(2, 3)


@pytest.mark.parametrize(
    "code",
    [
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "os.abort()",
        "r.CpuBudget(r.Limits(document_seconds=0.2))\nwhile True: pass",
        "r.CpuBudget(r.Limits(page_seconds=0.2))\nwhile True: pass",
    ],
    ids=["crash", "abort", "document time", "page time"],
)
def test_a_death_is_the_documents_failure(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_child(code, monkeypatch)
    with pytest.raises(UnreadableFileError, match="upload that") as raised, open_isolated(HANDBOOK, MAX_PAGES):
        pass
    assert raised.value.code == "too_complex"


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    run_child(
        "x = bytearray(r.Limits().memory_bytes // 2); y = bytearray(r.Limits().memory_bytes // 2)\ntime.sleep(60)",
        monkeypatch,
    )
    started = time.monotonic()
    with pytest.raises(UnreadableFileError), open_isolated(HANDBOOK, MAX_PAGES):
        pass
    assert time.monotonic() - started < 30


def test_running_out_of_memory_in_python_is_too_complex(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(reader_process, "open_document", exhausted)
    # The limits would apply to the tests' process.
    monkeypatch.setattr(reader_process, "limit_process", lambda limits: None)
    monkeypatch.setattr(reader_process.CpuBudget, "start_page", lambda self: None)
    requests, responses = io.BytesIO(), io.BytesIO()
    write_frame(requests, Open("document.pdf", 10, Limits()))
    requests.seek(0)

    reader_process.serve(requests, responses)

    responses.seek(0)
    assert read_frame(responses) == msgspec.msgpack.encode(Ready())
    assert msgspec.msgpack.decode(read_frame(responses) or b"", type=Failed).code == "too_complex"


def test_a_python_exception_is_a_damaged_document(monkeypatch: pytest.MonkeyPatch) -> None:
    run_child("raise KeyError('x')", monkeypatch)
    with pytest.raises(UnreadableFileError) as raised, open_isolated(HANDBOOK, MAX_PAGES):
        pass
    assert raised.value.code == "damaged"


def test_a_kill_from_outside_is_not_the_documents_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    run_child(f"os.kill(os.getpid(), {signal.SIGKILL})", monkeypatch)
    with pytest.raises(ReaderLostError), open_isolated(HANDBOOK, MAX_PAGES):
        pass


def test_a_reader_that_does_not_start_is_not_the_documents_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated_reader.sys, "path", ["/nowhere"])
    with pytest.raises(ReaderLostError), open_isolated(HANDBOOK, MAX_PAGES):
        pass


def test_a_reader_that_blocks_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated_reader, "WAIT_SECONDS", 1)
    run_child("time.sleep(60)", monkeypatch)
    before = processes()
    with pytest.raises(ReaderLostError), open_isolated(HANDBOOK, MAX_PAGES):
        pass
    assert processes() == before


def test_a_nonsensical_answer_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    run_child("sys.stdout.buffer.write(b'\\xff' * 100); sys.stdout.flush(); time.sleep(60)", monkeypatch)
    with pytest.raises(ReaderLostError, match="bytes"), open_isolated(HANDBOOK, MAX_PAGES):
        pass


def test_the_reader_has_no_credentials_and_cannot_write_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    target = tmp_path / "written"
    run_child(
        "try:\n"
        f"    os.write(os.open({str(target)!r}, os.O_CREAT | os.O_WRONLY), b'x')\n"
        "except OSError:\n"
        "    r.write_frame(sys.stdout.buffer, r.Failed('empty', ' '.join(os.environ)))",
        monkeypatch,
    )
    with pytest.raises(UnreadableFileError) as raised, open_isolated(HANDBOOK, MAX_PAGES):
        pass
    assert raised.value.code == "empty"
    assert "AWS" not in raised.value.message
    assert target.read_bytes() == b""


def test_limits_leave_room_for_the_function() -> None:
    """The ingestion's function has 1024 MB; without the reader it needs about 150."""
    assert Limits().memory_bytes <= (1024 - 300) * 1024**2


def test_each_page_that_is_visited_adds_to_the_documents_time(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[float] = []
    monkeypatch.setattr(reader_process.signal, "setitimer", lambda _, seconds: timers.append(round(seconds, 1)))
    monkeypatch.setattr(reader_process.time, "process_time", lambda: 100.0 + len(timers))
    budget = reader_process.CpuBudget(Limits(page_seconds=3, document_seconds=4, seconds_per_page=0.5))

    for _ in range(3):
        budget.start_page()

    # A second passes between pages; at most three seconds are left for one page.
    assert timers == [3.0, 3.0, 3.0, 3.0]
    for _ in range(4):
        budget.start_page()
    assert timers[4:] == [2.5, 2.0, 1.5, 1.0]


def test_reading_and_drawing_a_page_start_its_time() -> None:
    starts: list[int] = []
    with open_document(SCAN, MAX_PAGES, on_page=lambda: starts.append(1)) as document:
        document.read(1, 2)
        read = len(starts)
        document.render_png(1, 30)
    assert read >= 2
    assert len(starts) == read + 1


def test_a_document_is_given_up_when_its_caller_has_waited_long_enough(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pdf"
    path.write_bytes(KINDS["many_pages_of_one_heavy_stream"]())
    # Without the limit of time, these would not end it.
    limits = Limits(page_seconds=10_000, document_seconds=10_000, total_seconds=1)

    with pytest.raises(UnreadableFileError) as raised, open_isolated(path, 100, limits) as document:
        document.read(1, document.page_count)

    assert raised.value.code == "too_complex"
