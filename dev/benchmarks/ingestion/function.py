"""One instance of the ingestion function, in a process of its own: the real handler, over a stage without AWS.

`python -m dev.benchmarks.ingestion.function NUMBER PORT FOLDER RESULT` works on the queue until the stage ends, and
writes its figures to the file RESULT. The stage's key comes in the environment.
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
    """As Lambda gives it to an invocation that has just begun."""

    def __init__(self) -> None:
        self._end = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        """Lambda's own."""
        return int((self._end - time.monotonic()) * 1000)


class Clock:
    """Seconds spent in the parts of the work. Parts that run side by side add up to more than has passed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Counts the calls of a function or method to a part."""
        called = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return called(*arguments, **named)
            finally:
                passed = time.perf_counter() - began
                with self._lock:
                    self.seconds[part] = self.seconds.get(part, 0.0) + passed

        setattr(owner, name, timed)


def main() -> None:
    """Ends when the stage does."""
    number, port, folder, result = sys.argv[1:]
    manager = Manager((HOST, int(port)), os.environ.pop("STAGE_KEY").encode())
    manager.connect()
    queue = manager.queue()  # type: ignore[attr-defined]
    clock = Clock()
    handler = _handler(manager, Path(folder), clock)
    used_before = _cpu_seconds()
    while (messages := queue.receive(int(number))) is not None:
        ids = [one for one, _ in messages]
        failed = handler({"Records": [_record(*message) for message in messages]}, LambdaContext())
        queue.finish(ids, [one["itemIdentifier"] for one in failed["batchItemFailures"]])
    figures = {"peakMb": peak_megabytes(), "cpuSeconds": _cpu_seconds() - used_before, "seconds": clock.seconds}
    Path(result).write_text(json.dumps(figures), "utf-8")


def _handler(manager: Any, folder: Path, clock: Clock) -> Callable[[Any, Any], Any]:
    from lambda_src.shared import aws

    # Not used, but a function has them in memory.
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

    answer("", int(os.environ["DIMENSIONS"]), 0)  # the model's own start
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
