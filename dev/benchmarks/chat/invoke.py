"""Invokes a Lambda handler without Lambda: reads events and writes responses line by line.

`python -P invoke.py MODULE.FUNCTION`, with the function's package as PYTHONPATH. It imports very little itself.
"""

import importlib
import json
import os
import sys
import time
from typing import Any

TIMEOUT_SECONDS = 29


class LambdaContext:
    """The context of a new invocation."""

    aws_request_id = "benchmark"

    def __init__(self) -> None:
        self._end = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        """Part of Lambda's API."""
        return int((self._end - time.monotonic()) * 1000)


def main() -> None:
    """Runs until the end of standard input."""
    responses = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # The function's log is discarded.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    module, _, name = sys.argv[1].rpartition(".")
    handler: Any = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        responses.write(json.dumps(handler(json.loads(line), LambdaContext())) + "\n")
        responses.flush()


if __name__ == "__main__":
    main()
