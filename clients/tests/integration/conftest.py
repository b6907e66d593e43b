"""The stage under test: STAGE, by default `local` with the keys in `.local/env`."""

import os
from pathlib import Path

import pytest

from bedrock_endpoints.discovery import parse_exports

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _stage(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = os.environ.get("STAGE", "local")
    monkeypatch.setenv("BEDROCK_ENDPOINTS_STAGE", stage)
    monkeypatch.chdir(ROOT)
    if stage == "local":
        for name, value in parse_exports((ROOT / ".local" / "env").read_text("utf-8")).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
        monkeypatch.delenv("AWS_PROFILE", raising=False)
