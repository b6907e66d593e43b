"""Compares the ingestion's speed and memory with those of a baseline pipeline from tutorials."""

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
from dev.benchmarks.ingestion.figures import AIM, AIM_MEGABYTES, DEFAULT_RATE, FUNCTIONS, Baseline, Comparison, Project
from dev.benchmarks.ingestion.model import SECONDS
from dev.benchmarks.ingestion.samples import Sample
from dev.benchmarks.ingestion.stage import SimulatedQueue, served
from dev.local.search.engine import Engine

ROOT = Path(__file__).resolve().parents[3]
BASELINE = "bench-ingestion"
RESULT = ROOT / "dev" / "benchmarks" / "results" / "ingestion.json"
PAGES = 5_000
# The baseline would need most of an hour for all pages.
BASELINE_PAGES = 60
# Loading is measured on all pages if the baseline finishes within this time.
BASELINE_LOAD_SECONDS = 180
DIMENSIONS = 1024
# Higher than two functions can reach, because the quota is not measured.
RATE = 1_000
LIMIT_SECONDS = 900
INDEX = "chunks"
SPACE = "benchmark"
BUCKET = "benchmark"


def main() -> None:
    """Measures, prints tables, and writes `results/ingestion.json`."""
    arguments = _arguments()
    if sys.platform != "linux":
        sys.exit("This benchmark needs Linux to read a process's peak memory from /proc.")
    if not search.PYTHON.exists():
        sys.exit("The search engine is missing; run `make setup-local`.")
    try:
        with tempfile.TemporaryDirectory() as folder:
            comparisons = _compare(Path(folder), arguments)
    except BenchmarkError as error:
        sys.exit(str(error))
    print(figures.table(comparisons))
    print(f"\nProject, {comparisons[-1].name}:\n\n{figures.split(comparisons[-1].project)}")
    for comparison in comparisons:
        pace = comparison.project.pace_at_default_rate
        print(f"{comparison.name}: {pace:.1f} pages/s at {DEFAULT_RATE} calls/s to the model")
    if not arguments.project and arguments.pages == PAGES:
        RESULT.write_text(json.dumps(_report(comparisons), indent=2) + "\n", "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=PAGES, help=f"of the combined document (default {PAGES})")
    parser.add_argument("--project", action="store_true", help="the project and the combined document only")
    return parser.parse_args()


def _compare(folder: Path, arguments: argparse.Namespace) -> list[Comparison]:
    big = samples.combined(folder / "big.pdf", arguments.pages)
    (folder / "engine").mkdir()
    with search.running(folder / "engine") as (address, engine):
        if arguments.project:
            none = Baseline(1, 1, {"": 1.0}, 0.0)
            return [Comparison(big.name, _project(engine, address, big), none, os.getloadavg()[0])]
        python = environment_for(BASELINE)
        selected = samples.handbooks()[:3]
        # Not counted: the engine is slow at first.
        _project(engine, address, selected[-1]), _baseline(engine, address, python, selected[-1])
        comparisons = [
            Comparison(
                sample.name,
                _project(engine, address, sample),
                _baseline(engine, address, python, sample),
                os.getloadavg()[0],
            )
            for sample in selected
        ]
        project, load_average = _project(engine, address, big), os.getloadavg()[0]
        first_pages = _baseline(engine, address, python, big, "--pages", str(BASELINE_PAGES))
        try:
            load = _baseline(engine, address, python, big, "--load-only", seconds=BASELINE_LOAD_SECONDS)
        except subprocess.TimeoutExpired:
            load = None
        baseline = figures.projected(first_pages, load, big.pages)
        return [*comparisons, Comparison(big.name, project, baseline, load_average)]


def _project(engine: Engine, address: str, sample: Sample) -> Project:
    from lambda_src.hr_qa.resources import index_definition

    with (
        tempfile.TemporaryDirectory() as name,
        search.index(engine, INDEX, index_definition(DIMENSIONS)),
        _stage(address, Path(name)) as stage,
    ):
        stored, ready, record = stage.ingest(sample)
        results = stage.stop()
        stored_chunks = search.count(engine, INDEX)
        if record.pages != sample.pages or record.chunks != stored_chunks or stage.queue.failures:
            raise BenchmarkError(
                f"{sample.name}: {record.pages} pages, {record.chunks} chunks of which {stored_chunks} are stored, "
                f"{stage.queue.failures} failures\n{stage.logs()}"
            )
    parts: dict[str, float] = {}
    for result in results:
        for part, seconds in result["seconds"].items():
            parts[part] = parts.get(part, 0.0) + seconds
    return Project(
        pages=sample.pages,
        chunks=stored_chunks,
        stored=stored,
        ready=ready,
        parts=parts,
        cpu=sum(result["cpuSeconds"] for result in results),
        peaks=[result["peakMb"] for result in results],
        functions=sum("extract" in result["seconds"] for result in results),
    )


class Stage:
    """The functions' processes with a queue, a table, and a bucket."""

    def __init__(self, folder: Path, queue: SimulatedQueue, table: Any, processes: "list[subprocess.Popen[bytes]]"):
        from lambda_src.hr_qa.documents import Documents

        self.queue = queue
        self._folder = folder
        self._documents = Documents("benchmark", table)
        self._processes = processes

    def ingest(self, sample: Sample) -> tuple[float, float, Any]:
        """Returns the seconds until the document is stored and until it is ready, and its item."""
        from lambda_src.hr_qa.documents import DocumentItem
        from lambda_src.hr_qa.resources import object_key

        self._wait(lambda: len(self.queue.polling) == FUNCTIONS)
        document = "document"
        fields: dict[str, Any] = {"id": document, "name": sample.name, "owner": SPACE, "status": "awaitingUpload"}
        self._documents.create(SPACE, DocumentItem(**fields, created_at="", updated_at=""))
        target = self._folder / object_key(SPACE, document)
        target.parent.mkdir(parents=True)
        target.symlink_to(sample.path)
        started = time.monotonic()
        self.queue.put(
            json.dumps({"detail": {"bucket": {"name": BUCKET}, "object": {"key": object_key(SPACE, document)}}})
        )
        self._wait(lambda: getattr(self._documents.get(SPACE, document), "status", "") in ("ready", "failed"))
        ready = time.monotonic()
        # Cleaning is repeated for a while; the first time is enough here.
        self._wait(lambda: "clean" in self.queue.done)
        # The publish message is sent when the last range is stored.
        stored = self.queue.sent.get("publish", ready)
        return stored - started, ready - started, self._documents.get(SPACE, document)

    def stop(self) -> list[dict[str, Any]]:
        """Stops the functions and returns their figures."""
        self.queue.close()
        for process in self._processes:
            process.wait(30)
        return [json.loads((self._folder / f"result{number}").read_text("utf-8")) for number in range(FUNCTIONS)]

    def logs(self) -> str:
        """The end of the functions' logs."""
        return "\n".join(path.read_text("utf-8")[-3000:] for path in sorted(self._folder.glob("log*")))

    def _wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while not condition():
            if time.monotonic() > end or any(process.poll() is not None for process in self._processes):
                raise BenchmarkError(f"the functions did not finish\n{self.logs()}")
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
        "BUCKET_NAME": BUCKET,
        "QUEUE_URL": "benchmark",
        "SEARCH_ENDPOINT": address,
        "SEARCH_INDEX": INDEX,
        "EMBEDDING_MODEL": "amazon.titan-embed-text-v2:0",
        "DIMENSIONS": str(DIMENSIONS),
        "EMBEDDING_RATE": str(RATE),
        "MAX_PAGES": "20000",
        "POWERTOOLS_SERVICE_NAME": "hr-qa",
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def _baseline(
    engine: Engine, address: str, python: Path, sample: Sample, *options: str, seconds: float = LIMIT_SECONDS
) -> Baseline:
    from lambda_src.hr_qa.resources import index_definition

    command = [str(python), "-m", "dev.benchmarks.baseline.ingestion.pipeline", str(sample.path), "--endpoint", address]
    command += ["--index", INDEX, "--dimensions", str(DIMENSIONS), *options]
    with search.index(engine, INDEX, search.baseline_definition(index_definition(DIMENSIONS))):
        completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds)
        if completed.returncode:
            raise BenchmarkError(f"the baseline failed: {completed.stderr[-3000:]}")
        stored_chunks = search.count(engine, INDEX)
    result = json.loads(completed.stdout)
    if result["chunks"] != stored_chunks:
        raise BenchmarkError(f"the baseline stored {stored_chunks} of {result['chunks']} chunks")
    return Baseline(result["pages"], result["chunks"], result["seconds"], result["peakMb"])


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
        "baselinePagesOfCombinedDocument": BASELINE_PAGES,
        "versions": {
            **pins(ROOT / "lambda_src" / "hr_qa" / "ingestion" / "requirements.txt"),
            **pins(locked(BASELINE)),
        },
        "documents": [figures.document(comparison) for comparison in comparisons],
    }


if __name__ == "__main__":
    main()
