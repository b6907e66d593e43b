"""Invokes a Lambda handler without Lambda: an event a line on standard input, its answer a line on standard output.

`python -P invoke.py MODULE.FUNCTION`, with the function's package as PYTHONPATH. It imports next to nothing itself.
"""

import importlib
import json
import os
import sys
import time
from typing import Any

TIMEOUT_SECONDS = 29


class LambdaContext:
    """As Lambda gives it to an invocation that has just begun."""

    aws_request_id = "benchmark"

    def __init__(self) -> None:
        self._end = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        """Lambda's own."""
        return int((self._end - time.monotonic()) * 1000)


def main() -> None:
    """Ends when standard input does."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # The log goes there, which nobody reads here.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    module, _, name = sys.argv[1].rpartition(".")
    handler: Any = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        answers.write(json.dumps(handler(json.loads(line), LambdaContext())) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
