"""Processes that outlive the command that started them: pid files, health checks, memory, and process groups."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from dev.local.errors import LocalError
from dev.local.paths import write_private

_TERM_SECONDS = 15.0
_KILL_SECONDS = 5.0
# psutil derives the creation time from the boot time, which follows corrections of the clock.
_CLOCK_TOLERANCE = 2.0


@dataclass(frozen=True)
class Started:
    """
    The contents of a pid file.

    `created` distinguishes the service from a later process with the same pid; `version` identifies the code and
    settings it runs with.
    """

    pid: int
    created: float
    version: str


def creation_time(pid: int) -> float | None:
    """When a process started, in seconds since the epoch; None if it does not run (a zombie does not)."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def members(group: int) -> list[psutil.Process]:
    """The running processes of a process group."""
    running = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
    return running


class Process:
    """A service of the local stage, identified by its pid file."""

    def __init__(self, name: str, pids: Path, logs: Path) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._file = pids / f"{name}.json"
        # Set if this command started the process: it must be waited for, or it stays as a zombie.
        self._child: subprocess.Popen[bytes] | None = None

    def started(self) -> Started | None:
        """The contents of the pid file, whether or not the process runs."""
        try:
            return Started(**json.loads(self._file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def running(self) -> Started | None:
        """The pid file's process if it runs; None for a recycled pid."""
        started = self.started()
        return started if started and _is_same(started, creation_time(started.pid)) else None

    def start(self, command: list[str], environment: Mapping[str, str], folder: Path, version: str) -> None:
        """Starts the service in a new session and process group, so that it outlives this command."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = Started(self._child.pid, creation_time(self._child.pid) or 0, version)
        write_private(self._file, json.dumps(asdict(started)) + "\n")

    def wait(self, healthy: Callable[[], bool], seconds: float) -> None:
        """Waits until the health check passes. Raises `LocalError` if the service exits or takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if healthy():
                return
            if not self.running():
                self._reap()
                raise LocalError(f"{self.name} exited during startup: {self.last_log_line()}", self.log)
            time.sleep(0.1)
        raise LocalError(f"{self.name} did not respond within {seconds:.0f} s: {self.last_log_line()}", self.log)

    def last_log_line(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return "no log"
        return lines[-1] if lines else "the log is empty"

    def stop(self) -> bool:
        """Stops the process and its descendants. Returns whether any of them was running."""
        started = self.started()
        if not started:
            return False
        # A group outlives its leader, and the kernel does not reuse the leader's pid while the group exists. Another
        # process with that pid means that the group is gone.
        created = creation_time(started.pid)
        recycled = created is not None and not _is_same(started, created)
        stopped = not recycled and _stop_group(started.pid)
        self._reap()
        self._file.unlink(missing_ok=True)
        return stopped

    def _reap(self) -> None:
        if self._child:
            self._child.wait(_TERM_SECONDS)
            self._child = None

    def memory(self) -> int:
        """Resident bytes of the process and its descendants."""
        started = self.running()
        total = 0
        for member in members(started.pid) if started else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += member.memory_info().rss
        return total


def _is_same(started: Started, created: float | None) -> bool:
    return created is not None and abs(started.created - created) < _CLOCK_TOLERANCE


def _stop_group(group: int) -> bool:
    if not members(group):
        return False
    for sign, seconds in ((signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, sign)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not members(group):
                return True
            time.sleep(0.05)
    return True
