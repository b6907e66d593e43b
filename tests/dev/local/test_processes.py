"""Processes are ended with all they started, and a recycled pid is left alone."""

import json
import os
import sys
import time

import pytest

from dev.local.errors import LocalError
from dev.local.paths import Paths
from dev.local.processes import Process, born, members

_CHILD = "[sys.executable, '-c', 'import time; time.sleep(60)']"
_PARENT = f"import subprocess, sys, time; subprocess.Popen({_CHILD}); time.sleep(60)"


def _process(project: Paths) -> Process:
    return Process("sleeper", project.pids, project.logs)


def _wait_for(count: int, group: int) -> None:
    until = time.monotonic() + 10
    while len(members(group)) != count:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_stop_ends_the_whole_group(project: Paths) -> None:
    # given a process with a child
    process = _process(project)
    process.start([sys.executable, "-c", _PARENT], os.environ, project.root, "1")
    started = process.running()
    assert started is not None
    _wait_for(2, started.pid)
    assert process.memory() > 1_000_000
    # when, then
    assert process.stop()
    assert not members(started.pid)
    assert process.running() is None
    assert not process.stop()


def test_a_recycled_pid_is_not_ours(project: Paths) -> None:
    # given a pid file that names a living process with another birth
    other = {"pid": os.getpid(), "born": "long ago", "version": "1"}
    (project.pids / "sleeper.json").write_text(json.dumps(other), encoding="utf-8")
    # when, then this test goes on living
    assert _process(project).running() is None
    assert not _process(project).stop()
    assert born(os.getpid())


def test_a_process_that_ends_while_starting_says_why(project: Paths) -> None:
    process = _process(project)
    process.start([sys.executable, "-c", "raise SystemExit('no port')"], os.environ, project.root, "1")
    with pytest.raises(LocalError, match="no port") as failure:
        process.wait(lambda: False, 20)
    assert failure.value.log == process.log


def test_one_that_does_not_answer_is_not_waited_for_forever(project: Paths) -> None:
    process = _process(project)
    process.start([sys.executable, "-c", "import time; time.sleep(60)"], os.environ, project.root, "1")
    try:
        with pytest.raises(LocalError, match="did not answer"):
            process.wait(lambda: False, 0.2)
    finally:
        process.stop()
