"""Commands exclude each other, and repeating them is not an error."""

import fcntl
import json
import socket

import pytest

from dev.local import ports
from dev.local.errors import LocalError
from dev.local.paths import Paths
from dev.local.stage import EMULATOR, Stage


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
    assert lines == ["search: stopped", "models: stopped", "issuer: stopped", "emulator: stopped", "web-ui: stopped"]


def test_a_port_that_the_saved_state_depends_on_is_not_changed(project: Paths) -> None:
    """Queues keep their address, so with another port no message would be delivered."""
    (project.root / ".venv-local" / "bin").mkdir(parents=True)
    (project.root / ".venv-local" / "bin" / "python").touch()
    project.state.mkdir(parents=True, exist_ok=True)
    (project.state / "sqs.json").write_text("{}")
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        project.ports.write_text(json.dumps({EMULATOR: port}))

        with pytest.raises(LocalError, match=f"another program uses port {port}.*make local-reset"):
            Stage(project, print).up()

    assert ports.read(project.ports) == {EMULATOR: port}
