"""Commands exclude each other, and what is not there is no error."""

import fcntl

import pytest

from dev.local.errors import LocalError
from dev.local.paths import Paths
from dev.local.stage import Stage


def test_two_commands_at_once_are_refused(project: Paths) -> None:
    with project.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LocalError, match="another `local` command"):
            Stage(project, print).up()


def test_a_missing_environment_is_said(project: Paths) -> None:
    with pytest.raises(LocalError, match="make local"):
        Stage(project, print).up()


def test_reset_forgets_everything(project: Paths) -> None:
    said: list[str] = []
    Stage(project, said.append).reset()
    assert not project.home.exists()
    Stage(project, said.append).stop()
    assert said == ["deleted .local/", "nothing runs"]


def test_status_tells_that_nothing_runs(project: Paths) -> None:
    said: list[str] = []
    assert not Stage(project, said.append).status()
    assert said == ["search: stopped", "models: stopped", "emulator: stopped", "page: stopped"]
