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

import boto3
import pytest
from botocore.config import Config

from dev.local import ports
from dev.local.paths import ROOT, Paths

LOCAL_PYTHON = Paths(ROOT).local_python


def run_local(code: str, *, env: dict[str, str] | None = None) -> str:
    """Runs code in .venv-local, which has the emulator and the models."""
    if not LOCAL_PYTHON.exists():
        pytest.skip("needs `make setup-local`")
    # -B: do not write .pyc files next to the sources.
    completed = subprocess.run(
        [str(LOCAL_PYTHON), "-B", "-c", code],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@dataclass(frozen=True)
class LocalModels:
    """A running models process."""

    url: str

    def calls(self, contains: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/calls?contains={contains}") as response:  # noqa: S310
            calls: dict[str, Any] = json.load(response)
        return calls


@pytest.fixture(scope="session")
def local_models() -> Iterator[LocalModels]:
    """The models as a process, without the emulator and IAM in front of it."""
    if not LOCAL_PYTHON.exists():
        pytest.skip("needs `make setup-local`")
    port = ports.choose()
    environment = {"PATH": os.environ["PATH"], "OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(LOCAL_PYTHON), "-m", "dev.local.models", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        until_open(port, process)
        yield LocalModels(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def bedrock(local_models: LocalModels) -> Any:
    """A Bedrock client of the models process."""
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=local_models.url,
        region_name="us-west-2",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=60),
    )


def until_open(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Waits until the process listens on the port."""
    deadline = time.monotonic() + seconds
    while ports.is_free(port):
        assert process.poll() is None, "the process exited"
        assert time.monotonic() < deadline, "the process does not open its port"
        time.sleep(0.05)


@pytest.fixture
def project(tmp_path: Path) -> Paths:
    """An empty project folder with `.local/`."""
    paths = Paths(tmp_path)
    paths.make()
    return paths
