"""The search engine of both sides: a separate OpenSearch process."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.local import ports
from dev.local.search.engine import Engine, EngineDown
from dev.local.search.indices import for_engine

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv-local" / "bin" / "python"
START_SECONDS = 180
# The local stage's delay.
REFRESH = "3s"


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, Engine]]:
    """Runs the engine and yields its URL and a client. The first run downloads it."""
    port = ports.choose()
    command = [str(PYTHON), "-m", "dev.local.search", "--port", str(port), "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    address = f"http://{ports.LOOPBACK}:{port}"
    try:
        engine = Engine(address)
        _wait(process, engine, folder / "log")
        yield address, engine
    finally:
        process.terminate()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", engine: Engine, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            engine.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
        except EngineDown:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"the search engine did not start: {log.read_text('utf-8')}")


@contextmanager
def index(engine: Engine, name: str, definition: dict[str, Any]) -> Iterator[None]:
    """Creates an index and deletes it at the end."""
    engine.request("PUT", f"/{name}", for_engine(definition, REFRESH))
    try:
        yield
    finally:
        engine.request("DELETE", f"/{name}")


def count(engine: Engine, name: str) -> int:
    """The number of stored chunks."""
    engine.request("POST", f"/{name}/_refresh")
    return int(engine.request("GET", f"/{name}/_count")["count"])


def baseline_definition(project: dict[str, Any]) -> dict[str, Any]:
    """The index of LangChain's store, with the vector settings of the project."""
    vector = project["mappings"]["properties"]["vector"]
    return {**project, "mappings": {"properties": {"vector_field": vector, "text": {"type": "text"}}}}
