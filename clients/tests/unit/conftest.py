"""Credentials of nobody, and no waiting."""

import asyncio
import os
import time
from types import SimpleNamespace

import pytest

from langchain_bedrock_endpoints import _api


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCK_ENDPOINTS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    made: list[float] = []

    async def asleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(_api, "time", SimpleNamespace(sleep=made.append, monotonic=time.monotonic))
    monkeypatch.setattr(_api, "asyncio", SimpleNamespace(sleep=asleep, to_thread=asyncio.to_thread))
    return made
