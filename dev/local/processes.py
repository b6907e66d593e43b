"""Processes that outlive the command that started them: pid files, health, memory, and an end for whole groups."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dev.local.errors import LocalError
from dev.local.paths import write_private

_TERM_SECONDS = 15.0


@dataclass(frozen=True)
class Started:
    """
    What a pid file holds.

    `born` tells our process from a later one with the same pid; `version` says what code and settings it runs.
    """

    pid: int
    born: str
    version: str


@dataclass(frozen=True)
class Member:
    """One process of a group: `memory` is its resident set in bytes."""

    pid: int
    group: int
    memory: int


def _ps(*columns: str, pid: int | None = None) -> list[list[str]]:
    selection = ["-p", str(pid)] if pid is not None else ["-A"]
    command = ["ps", *selection, "-o", ",".join(f"{column}=" for column in columns)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line.split(None, len(columns) - 1) for line in answer.stdout.splitlines() if line.strip()]


def _stat(pid: int | str) -> list[str]:
    """/proc's fields after the program's name, which may hold blanks; the first one is the state."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    return text.rpartition(")")[2].split()


def born(pid: int) -> str | None:
    """When a process started, in whatever unit the system has; None when it does not live (a zombie does not)."""
    if Path("/proc/self/stat").exists():
        try:
            fields = _stat(pid)
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    rows = _ps("stat", "lstart", pid=pid)
    return rows[0][1] if rows and not rows[0][0].startswith("Z") else None


def members(group: int) -> list[Member]:
    """The living processes of a group."""
    if not Path("/proc/self/stat").exists():
        rows = [Member(int(pid), int(owner), int(size) * 1024) for pid, owner, size in _ps("pid", "pgid", "rss")]
        return [row for row in rows if row.group == group]
    page = os.sysconf("SC_PAGE_SIZE")
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = _stat(entry.name)
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(Member(int(entry.name), group, int(fields[21]) * page))
    return found


class Process:
    """A service of the local stage, known by its pid file."""

    def __init__(self, name: str, pids: Path, logs: Path) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._file = pids / f"{name}.json"
        # The process when this very command started it: it has to be collected, or it stays as a zombie.
        self._child: subprocess.Popen[bytes] | None = None

    def started(self) -> Started | None:
        """What the pid file says, whether it lives or not."""
        try:
            return Started(**json.loads(self._file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def running(self) -> Started | None:
        """The pid file's process if it lives; None for a recycled pid."""
        started = self.started()
        return started if started and born(started.pid) == started.born else None

    def start(self, command: list[str], environment: Mapping[str, str], folder: Path, version: str) -> None:
        """Start detached, in a session and process group of its own, so that it outlives this command."""
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
        started = Started(self._child.pid, born(self._child.pid) or "", version)
        write_private(self._file, json.dumps(asdict(started)) + "\n")

    def wait(self, healthy: Callable[[], bool], seconds: float) -> None:
        """Wait until it answers. Raises `LocalError` when it ends before or takes too long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if healthy():
                return
            if not self.running():
                self._collect()
                raise LocalError(f"{self.name} ended while starting: {self.last_words()}", self.log)
            time.sleep(0.1)
        raise LocalError(f"{self.name} did not answer within {seconds:.0f} s: {self.last_words()}", self.log)

    def last_words(self) -> str:
        """The last line of the log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return "no log"
        return lines[-1] if lines else "nothing in the log"

    def stop(self) -> bool:
        """End the process and all that it started. Returns whether there was something to end."""
        started = self.started()
        if not started:
            return False
        now = born(started.pid)
        # A group outlives its leader, and the kernel does not give the leader's pid away meanwhile. Another process
        # with that pid means that the group is gone.
        recycled = now is not None and now != started.born
        ended = not recycled and _end_group(started.pid)
        self._collect()
        self._file.unlink(missing_ok=True)
        return ended

    def _collect(self) -> None:
        if self._child:
            self._child.wait(_TERM_SECONDS)
            self._child = None

    def memory(self) -> int:
        """Resident bytes of the process and all that it started."""
        started = self.running()
        return sum(member.memory for member in members(started.pid)) if started else 0


def _end_group(group: int) -> bool:
    if not members(group):
        return False
    for sign, seconds in ((signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(group, sign)
        except ProcessLookupError:
            return True
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not members(group):
                return True
            time.sleep(0.05)
    return True
