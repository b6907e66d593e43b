"""Embeddings from the local models, with Titan's InvokeModel format, cached on disk."""

import hashlib
import http.client
import json
import sqlite3
import subprocess
import time
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cache
from operator import mul
from pathlib import Path
from typing import TypeAlias

from dev.local import ports
from dev.local.paths import ROOT

CACHE = ROOT / ".cache" / "evaluation" / "embeddings.sqlite"
MODEL = "amazon.titan-embed-text-v2:0"
DIMENSIONS = 1024
START_SECONDS = 120.0
# A change of these files invalidates the cache.
_SOURCES = ("dev/local/models/embeddings.py", "dev/local/models/runtimes.py", "uv.lock")

Vector: TypeAlias = "array[float]"


def embed(texts: Sequence[str], store: Path = CACHE) -> list[Vector]:
    """One normalized vector per text; starts the local models only if the cache lacks a text."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(store)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB)")
        cached = dict(database.execute("SELECT key, vector FROM vectors"))
        missing = list({_key(text): text for text in texts if _key(text) not in cached}.items())
        if missing:
            with local_models() as port:
                for key, vector in zip((key for key, _ in missing), _computed(port, missing), strict=True):
                    cached[key] = vector.tobytes()
                    database.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", (key, cached[key]))
                    database.commit()  # keeps finished work if interrupted
    return [array("f", cached[_key(text)]) for text in texts]


def nearest(vector: Vector, vectors: Sequence[Vector], limit: int) -> list[tuple[int, float]]:
    """Indexes and cosines of the nearest vectors, best first."""
    scores = [sum(map(mul, vector, candidate)) for candidate in vectors]
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
    return [(index, scores[index]) for index in order[:limit]]


@contextmanager
def local_models() -> Iterator[int]:
    """Starts the local models and returns their port."""
    port = ports.choose()
    python = ROOT / ".venv-local" / "bin" / "python"
    process = subprocess.Popen(
        [python, "-m", "dev.local.models", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if not ports.is_free(port):
            return
        time.sleep(0.1)
    raise RuntimeError("the local models did not start; run `make setup-local`")


def _computed(port: int, missing: Sequence[tuple[str, str]]) -> Iterator[Vector]:
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda pair: _invoke(port, pair[1]), missing)


def _invoke(port: int, text: str) -> Vector:
    body = json.dumps({"inputText": text, "dimensions": DIMENSIONS, "normalize": True})
    with closing(http.client.HTTPConnection(ports.LOOPBACK, port, timeout=START_SECONDS)) as connection:
        connection.request("POST", f"/model/{MODEL}/invoke", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"the local models returned {response.status}: {content[:200]!r}")
    return array("f", json.loads(content)["embedding"])


def _key(text: str) -> str:
    return hashlib.sha256(f"{MODEL}\0{DIMENSIONS}\0{_version()}\0{text}".encode()).hexdigest()


@cache
def _version() -> str:
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in _SOURCES)).hexdigest()
