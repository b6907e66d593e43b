"""The use cases' functions that erase and export."""

from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.shared import aws
from lambda_src.shared.caller_data import Piece, Task

# The functions' timeout, and time for the call itself.
CALL_SECONDS = 70
_ATTEMPTS = 1


class FunctionFailedError(Exception):
    """A use case's function has raised, or timed out. Its log says why."""


class Functions:
    """The functions of one stage, by their use case."""

    def __init__(self, name: Callable[[str], str], client: Any = None) -> None:
        self._name = name
        self._client = client or aws.slow_client("lambda", CALL_SECONDS, _ATTEMPTS)

    def call(self, use_case: str, task: Task) -> Piece:
        """The next piece of a task. Raises `Unavailable` and `FunctionFailedError`."""
        with aws.store_errors():
            answer = self._client.invoke(FunctionName=self._name(use_case), Payload=msgspec.json.encode(task))
            content = answer["Payload"].read()
        if "FunctionError" in answer:
            # The content may repeat what the function worked on.
            raise FunctionFailedError(self._name(use_case))
        return msgspec.json.decode(content, type=Piece)
