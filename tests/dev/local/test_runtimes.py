"""The local language model's settings."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dev.local.models import runtimes


def test_the_language_models_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """llama.cpp keeps up to 8 GB of prompts by default."""
    started: list[Any] = []
    parameters = SimpleNamespace(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cache_ram_mib=8192)
    fake = SimpleNamespace(CommonParams=lambda: parameters, Server=started.append)
    monkeypatch.setitem(sys.modules, "xllamacpp", fake)  # type: ignore[arg-type]
    monkeypatch.setattr(runtimes, "_weights", lambda: Path("model.gguf"))

    runtimes.Writer()

    assert started == [parameters]
    assert 0 < parameters.cache_ram_mib <= 256
