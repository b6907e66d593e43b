"""One instance of the ingestion function as a process: the real handler with a simulated stage.

`python -m dev.benchmarks.ingestion.function NUMBER PORT FOLDER RESULT` processes the queue until the stage ends, and
writes its figures to the file RESULT. The stage's key is in the environment.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dev.benchmarks.ingestion.memory import peak_megabytes
from dev.benchmarks.ingestion.model import Client, answer
from dev.benchmarks.ingestion.stage import HOST, FolderBucket, Manager

SERVICES = ("bedrock-runtime", "dynamodb", "s3", "sqs")
TIMEOUT_SECONDS = 300


class LambdaContext:
    """The context of a new invocation."""

    def __init__(self) -> None:
        self._end = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        """Part of Lambda's API."""
        return int((self._end - time.monotonic()) * 1000)


class Clock:
    """The seconds spent in each part of the work. The sum of concurrent parts exceeds the elapsed time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Adds the duration of a function's calls to a part."""
        function = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                elapsed = time.perf_counter() - started
                with self._lock:
                    self.seconds[part] = self.seconds.get(part, 0.0) + elapsed

        setattr(owner, name, timed)


def main() -> None:
    """Processes messages until the stage ends."""
    number, port, folder, result = sys.argv[1:]
    manager = Manager((HOST, int(port)), os.environ.pop("STAGE_KEY").encode())
    manager.connect()
    queue = manager.queue()  # type: ignore[attr-defined]
    clock = Clock()
    handler = _handler(manager, Path(folder), clock)
    used_before = _cpu_seconds()
    while (messages := queue.receive(int(number))) is not None:
        ids = [message_id for message_id, _ in messages]
        failed = handler({"Records": [_record(*message) for message in messages]}, LambdaContext())
        queue.finish(ids, [failure["itemIdentifier"] for failure in failed["batchItemFailures"]])
    figures = {"peakMb": peak_megabytes(), "cpuSeconds": _cpu_seconds() - used_before, "seconds": clock.seconds}
    Path(result).write_text(json.dumps(figures), "utf-8")


def _handler(manager: Any, folder: Path, clock: Clock) -> Callable[[Any, Any], Any]:
    from lambda_src.shared import aws

    # Not used, but part of a function's memory.
    _handler.clients = [aws.store_client(service) for service in SERVICES]  # type: ignore[attr-defined]
    stores = {"dynamodb": manager.table(), "s3": FolderBucket(folder), "sqs": manager.queue()}
    aws.store_client = stores.__getitem__  # type: ignore[assignment]
    aws.model_client = lambda _seconds, _region: Client()  # type: ignore[assignment]
    from lambda_src.hr_qa.index import Index
    from lambda_src.hr_qa.ingestion import worker
    from lambda_src.shared.embedding import Embedder

    clock.watch(worker.Worker, "_extract_pages", "extract")
    clock.watch(worker, "chunk_pages", "chunk")
    clock.watch(Embedder, "embed", "embed")
    clock.watch(Index, "write", "store")
    clock.watch(Index, "ordinals", "look up")
    from lambda_src.hr_qa.ingestion.handler import handler

    answer("", int(os.environ["DIMENSIONS"]), 0)  # warms up the mock model
    return handler


def _record(message: str, body: str) -> dict[str, Any]:
    return {
        "messageId": message,
        "receiptHandle": message,
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
