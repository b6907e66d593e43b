"""Test credentials, and no waiting."""

import asyncio
import os
import time
from types import SimpleNamespace

import pytest

from bedrock_endpoints import client


@pytest.fixture(autouse=True)
def _test_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCK_ENDPOINTS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays between attempts, instead of waiting."""
    recorded: list[float] = []

    async def async_sleep(seconds: float) -> None:
        recorded.append(seconds)

    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=recorded.append, monotonic=time.monotonic))
    monkeypatch.setattr(client, "asyncio", SimpleNamespace(sleep=async_sleep, to_thread=asyncio.to_thread))
    return recorded
