"""How many pages a second are taken in and in how much memory, beside the pipeline that tutorials show."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dev.benchmarks.cold_start import BenchmarkError, environment_for, locked, pins
from dev.benchmarks.ingestion import figures, samples, search
from dev.benchmarks.ingestion.figures import AIM, AIM_MEGABYTES, DEFAULT_RATE, FUNCTIONS, Comparison, Ours, Peer
from dev.benchmarks.ingestion.model import SECONDS
from dev.benchmarks.ingestion.samples import Sample
from dev.benchmarks.ingestion.stage import SimulatedQueue, served
from dev.local.search.engine import Engine

ROOT = Path(__file__).resolve().parents[3]
BASELINE = "bench-ingestion"
RESULT = ROOT / "dev" / "benchmarks" / "results" / "ingestion.json"
PAGES = 5_000
# Embedding all pages one by one would take most of an hour.
PEER_PAGES = 60
# Loading alone is measured on all pages, if the peer has done it by then.
PEER_LOAD_SECONDS = 180
DIMENSIONS = 1024
# Above what two functions can reach: it is not the quota that is measured.
RATE = 10_000
LIMIT_SECONDS = 900
INDEX = "chunks"
SPACE = "benchmark"


def main() -> None:
    """Measures, prints tables and writes `results/ingestion.json`."""
    arguments = _arguments()
    if sys.platform != "linux":
        sys.exit("The peak of a process's memory is read from /proc, which Linux has.")
    if not search.PYTHON.exists():
        sys.exit("`make setup-local` installs what the search engine runs with.")
    try:
        with tempfile.TemporaryDirectory() as folder:
            comparisons = _compare(Path(folder), arguments)
    except BenchmarkError as error:
        sys.exit(str(error))
    print(figures.table(comparisons))
    print(f"\nOurs, {comparisons[-1].name}:\n\n{figures.split(comparisons[-1].ours)}")
    for one in comparisons:
        print(f"{one.name}: {one.ours.pace_at_default_rate:.1f} pages/s at {DEFAULT_RATE} calls/s to the model")
    if not arguments.ours and arguments.pages == PAGES:
        RESULT.write_text(json.dumps(_report(comparisons), indent=2) + "\n", "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=PAGES, help=f"of the made document (default {PAGES})")
    parser.add_argument("--ours", action="store_true", help="without the peer, the made document only")
    return parser.parse_args()


def _compare(folder: Path, arguments: argparse.Namespace) -> list[Comparison]:
    big = samples.bound(folder / "big.pdf", arguments.pages)
    (folder / "engine").mkdir()
    with search.running(folder / "engine") as (address, engine):
        if arguments.ours:
            return [Comparison(big.name, _ours(engine, address, big), Peer(1, 1, {"": 1.0}, 0.0), os.getloadavg()[0])]
        python = environment_for(BASELINE)
        read = samples.handbooks()[:3]
        # Not counted: the engine is slow at what it does for the first time.
        _ours(engine, address, read[-1]), _peer(engine, address, python, read[-1])
        comparisons = [
            Comparison(one.name, _ours(engine, address, one), _peer(engine, address, python, one), os.getloadavg()[0])
            for one in read
        ]
        ours, load_average = _ours(engine, address, big), os.getloadavg()[0]
        some = _peer(engine, address, python, big, "--pages", str(PEER_PAGES))
        try:
            load = _peer(engine, address, python, big, "--load-only", seconds=PEER_LOAD_SECONDS)
        except subprocess.TimeoutExpired:
            load = None
        return [*comparisons, Comparison(big.name, ours, figures.whole(some, load, big.pages), load_average)]


def _ours(engine: Engine, address: str, sample: Sample) -> Ours:
    from lambda_src.hr_qa.resources import index_definition

    with (
        tempfile.TemporaryDirectory() as name,
        search.index(engine, INDEX, index_definition(DIMENSIONS)),
        _stage(address, Path(name)) as stage,
    ):
        stored, ready, record = stage.take_in(sample)
        results = stage.end()
        found = search.count(engine, INDEX)
        if record.pages != sample.pages or record.chunks != found or stage.queue.failures:
            raise BenchmarkError(
                f"{sample.name}: {record.pages} pages, {record.chunks} chunks of which {found} are there, "
                f"{stage.queue.failures} failures\n{stage.said()}"
            )
    parts: dict[str, float] = {}
    for result in results:
        for part, seconds in result["seconds"].items():
            parts[part] = parts.get(part, 0.0) + seconds
    return Ours(
        pages=sample.pages,
        chunks=found,
        stored=stored,
        ready=ready,
        parts=parts,
        cpu=sum(result["cpuSeconds"] for result in results),
        peaks=[result["peakMb"] for result in results],
        functions=sum("extract" in result["seconds"] for result in results),
    )


class Stage:
    """The functions' processes around a queue, a table and a bucket."""

    def __init__(self, folder: Path, queue: SimulatedQueue, table: Any, processes: "list[subprocess.Popen[bytes]]"):
        from lambda_src.hr_qa.documents import Documents

        self.queue = queue
        self._folder = folder
        self._documents = Documents("benchmark", table)
        self._processes = processes

    def take_in(self, sample: Sample) -> tuple[float, float, Any]:
        """Seconds until the document is stored and until it is ready, and its record then."""
        from lambda_src.hr_qa.documents import DocumentItem
        from lambda_src.hr_qa.resources import object_key

        self._wait(lambda: len(self.queue.polling) == FUNCTIONS)
        document = "document"
        fields: dict[str, Any] = {"id": document, "name": sample.name, "owner": SPACE, "status": "awaitingUpload"}
        self._documents.create(SPACE, DocumentItem(**fields, created_at="", updated_at=""))
        target = self._folder / object_key(SPACE, document)
        target.parent.mkdir(parents=True)
        target.symlink_to(sample.path)
        began = time.monotonic()
        self.queue.put(json.dumps({"detail": {"object": {"key": object_key(SPACE, document)}}}))
        self._wait(lambda: getattr(self._documents.get(SPACE, document), "status", "") in ("ready", "failed"))
        ready = time.monotonic()
        # It cleans again and again for a while; once is enough to see it.
        self._wait(lambda: "clean" in self.queue.done)
        # Publishing is asked for when the last range is done.
        stored = self.queue.sent.get("publish", ready)
        return stored - began, ready - began, self._documents.get(SPACE, document)

    def end(self) -> list[dict[str, Any]]:
        """Ends the functions; their own figures."""
        self.queue.close()
        for process in self._processes:
            process.wait(30)
        return [json.loads((self._folder / f"result{number}").read_text("utf-8")) for number in range(FUNCTIONS)]

    def said(self) -> str:
        """The end of the functions' logs."""
        return "\n".join(path.read_text("utf-8")[-3000:] for path in sorted(self._folder.glob("log*")))

    def _wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while not condition():
            if time.monotonic() > end or any(process.poll() is not None for process in self._processes):
                raise BenchmarkError(f"the functions did not do it\n{self.said()}")
            time.sleep(0.05)


@contextmanager
def _stage(address: str, folder: Path) -> Iterator[Stage]:
    from tests.fakes import FakeTable

    queue, table = SimulatedQueue(), FakeTable()
    with ExitStack() as stack:
        port, key = stack.enter_context(served(queue, table))
        processes = []
        for number in range(FUNCTIONS):
            log = stack.enter_context((folder / f"log{number}").open("w"))
            arguments = [str(number), str(port), str(folder), str(folder / f"result{number}")]
            process = subprocess.Popen(
                [sys.executable, "-m", "dev.benchmarks.ingestion.function", *arguments],
                cwd=ROOT,
                env={**_environment(address), "STAGE_KEY": key},
                stdout=log,
                stderr=log,
            )
            stack.callback(process.kill)
            processes.append(process)
        yield Stage(folder, queue, table, processes)


def _environment(address: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "PYTHONPATH": str(ROOT),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "not-a-key",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_SESSION_TOKEN": "not-a-token",
        "STAGE": "benchmark",
        "USE_CASE": "hr_qa",
        "MODELS": "us.amazon.nova-lite-v1:0",
        "TABLE_NAME": "benchmark",
        "BUCKET_NAME": "benchmark",
        "QUEUE_URL": "benchmark",
        "SEARCH_ENDPOINT": address,
        "SEARCH_INDEX": INDEX,
        "EMBEDDING_MODEL": "amazon.titan-embed-text-v2:0",
        "DIMENSIONS": str(DIMENSIONS),
        "INGESTION_RATE": str(RATE),
        "MAX_PAGES": "20000",
        "POWERTOOLS_SERVICE_NAME": "hr-qa",
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def _peer(
    engine: Engine, address: str, python: Path, sample: Sample, *options: str, seconds: float = LIMIT_SECONDS
) -> Peer:
    from lambda_src.hr_qa.resources import index_definition

    command = [str(python), "-m", "dev.benchmarks.peer.ingestion.pipeline", str(sample.path), "--endpoint", address]
    command += ["--index", INDEX, "--dimensions", str(DIMENSIONS), *options]
    with search.index(engine, INDEX, search.peer_definition(index_definition(DIMENSIONS))):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds)
        if done.returncode:
            raise BenchmarkError(f"the peer failed: {done.stderr[-3000:]}")
        found = search.count(engine, INDEX)
    said = json.loads(done.stdout)
    if said["chunks"] != found:
        raise BenchmarkError(f"the peer stored {found} of {said['chunks']} chunks")
    return Peer(said["pages"], said["chunks"], said["seconds"], said["peakMb"])


def _report(comparisons: list[Comparison]) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "aim": AIM,
        "aimMegabytes": AIM_MEGABYTES,
        "functions": FUNCTIONS,
        "modelSeconds": SECONDS,
        "defaultCallsPerSecond": DEFAULT_RATE,
        "peerPagesOfMadeDocument": PEER_PAGES,
        "versions": {
            **pins(ROOT / "lambda_src" / "hr_qa" / "ingestion" / "requirements.txt"),
            **pins(locked(BASELINE)),
        },
        "documents": [figures.document(one) for one in comparisons],
    }


if __name__ == "__main__":
    main()
