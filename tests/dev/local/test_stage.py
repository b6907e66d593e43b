"""Commands exclude each other, and repeating them is not an error."""

import fcntl

import pytest

from dev.local.errors import LocalError
from dev.local.paths import Paths
from dev.local.stage import Stage


def test_concurrent_commands_are_refused(project: Paths) -> None:
    with project.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LocalError, match="another `local` command"):
            Stage(project, print).up()


def test_a_missing_environment_is_reported(project: Paths) -> None:
    with pytest.raises(LocalError, match="make local"):
        Stage(project, print).up()


def test_reset_deletes_everything(project: Paths) -> None:
    lines: list[str] = []
    Stage(project, lines.append).reset()
    assert not project.home.exists()
    Stage(project, lines.append).stop()
    assert lines == ["deleted .local/", "nothing is running"]


def test_status_reports_stopped_services(project: Paths) -> None:
    lines: list[str] = []
    assert not Stage(project, lines.append).status()
    assert lines == ["search: stopped", "models: stopped", "emulator: stopped", "web-ui: stopped"]
