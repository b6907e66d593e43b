"""Fixtures for the local stage's tests."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dev.local import ports
from dev.local.paths import ROOT, Paths

LOCAL_PYTHON = Paths(ROOT).local_python


def run_local(code: str, *, env: dict[str, str] | None = None) -> str:
    """Runs code in the environment of the local stage's processes, which has what the tests' own lacks."""
    if not LOCAL_PYTHON.exists():
        pytest.skip("`make setup-local` was not run")
    # -B: no .pyc files beside the sources of a checkout.
    ended = subprocess.run(
        [str(LOCAL_PYTHON), "-B", "-c", code],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@dataclass(frozen=True)
class StandIn:
    """A running stand-in."""

    url: str

    def calls(self, contains: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/calls?contains={contains}") as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    """The model stand-in as a process, without emulator and IAM in front of it."""
    if not LOCAL_PYTHON.exists():
        pytest.skip("`make setup-local` was not run")
    port = ports.choose()
    environment = {"PATH": os.environ["PATH"], "OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(LOCAL_PYTHON), "-m", "dev.local.models", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        _until_open(port, process)
        yield StandIn(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


def _until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while ports.is_free(port):
        assert process.poll() is None, "the stand-in ended"
        assert time.monotonic() < until, "the stand-in does not open its port"
        time.sleep(0.05)


@pytest.fixture
def project(tmp_path: Path) -> Paths:
    """An empty project folder with its `.local/`."""
    paths = Paths(tmp_path)
    paths.make()
    return paths
