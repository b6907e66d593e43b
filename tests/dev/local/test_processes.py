"""Processes are stopped with their descendants, and a process with a recycled pid is left alone."""

import json
import os
import sys
import time

import pytest

from dev.local.errors import LocalError
from dev.local.paths import Paths
from dev.local.processes import Process, creation_time, members

_CHILD = "[sys.executable, '-c', 'import time; time.sleep(60)']"
_PARENT = f"import subprocess, sys, time; subprocess.Popen({_CHILD}); time.sleep(60)"


def _process(project: Paths) -> Process:
    return Process("sleeper", project.pids, project.logs)


def _wait_for_members(count: int, group: int) -> None:
    deadline = time.monotonic() + 10
    while len(members(group)) != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_stop_ends_the_process_group(project: Paths) -> None:
    # given a process with a child
    process = _process(project)
    process.start([sys.executable, "-c", _PARENT], os.environ, project.root, "1")
    started = process.running()
    assert started is not None
    _wait_for_members(2, started.pid)
    assert process.memory() > 1_000_000
    # when, then
    assert process.stop()
    assert not members(started.pid)
    assert process.running() is None
    assert not process.stop()


def test_a_recycled_pid_is_not_the_service(project: Paths) -> None:
    # given a pid file with a running process's pid and another creation time
    other = {"pid": os.getpid(), "created": 1.0, "version": "1"}
    (project.pids / "sleeper.json").write_text(json.dumps(other), encoding="utf-8")
    # when, then this test's process survives
    assert _process(project).running() is None
    assert not _process(project).stop()
    assert creation_time(os.getpid())


def test_the_error_of_a_process_that_exits_during_startup_quotes_its_log(project: Paths) -> None:
    process = _process(project)
    process.start([sys.executable, "-c", "raise SystemExit('no port')"], os.environ, project.root, "1")
    with pytest.raises(LocalError, match="no port") as failure:
        process.wait(lambda: False, 20)
    assert failure.value.log == process.log


def test_waiting_for_a_process_that_does_not_respond_ends(project: Paths) -> None:
    process = _process(project)
    process.start([sys.executable, "-c", "import time; time.sleep(60)"], os.environ, project.root, "1")
    try:
        with pytest.raises(LocalError, match="did not respond"):
            process.wait(lambda: False, 0.2)
    finally:
        process.stop()
