"""What travels with one request: who asks, how long is left, and what the models used."""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.shared import catalogue
from lambda_src.shared.errors import DeadlineExceeded


class Deadline:
    """A point in time by which the request must be answered."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def seconds_left(self) -> float:
        return self._end - self._clock()

    def require(self, seconds: float) -> None:
        """Raise `DeadlineExceeded` if fewer than `seconds` are left: what would be begun now could not finish."""
        if self.seconds_left < seconds:
            raise DeadlineExceeded("The request was not finished in time. Try again, or ask for less.")


class ModelUse(msgspec.Struct):
    """What one request used of one model; several calls add up."""

    invocation: catalogue.Invocation
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    latency_ms: int = 0
    # Of the input tokens, those that came from the model's prompt cache.
    cached_tokens: int = 0

    @property
    def estimated_cost(self) -> float | None:
        """US dollars, see `catalogue.cost`."""
        return catalogue.cost(
            self.invocation.model,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            images=self.images,
        )


class Context:
    """One request's own state."""

    def __init__(self, *, caller: str, request_id: str, deadline: Deadline) -> None:
        self.caller = caller
        self.request_id = request_id
        self.deadline = deadline
        self.uses: dict[str, ModelUse] = {}
        # Called with the response: DynamoDB's writes (none or one) that keep it under the request's idempotency key. A
        # service that puts them into the transaction of its own writes can never do the work of one key twice.
        self.completion_writes: Callable[[Any], list[dict[str, Any]]] = lambda response: []
        self._lock = threading.Lock()

    def used(self, invocation: catalogue.Invocation) -> ModelUse:
        """The record of this model's use in this request, made at the first call."""
        return self.uses.setdefault(invocation.id, ModelUse(invocation))

    def count_call(self, invocation: catalogue.Invocation, latency_ms: int) -> None:
        """Add one call's time; calls run side by side."""
        with self._lock:
            use = self.used(invocation)
            use.calls += 1
            use.latency_ms += latency_ms
