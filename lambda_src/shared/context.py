"""The state of one request: its caller, its deadline, its idempotency record, and what it used of the models."""

import copy
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from lambda_src.shared import catalog
from lambda_src.shared.callers import NO_GRANT, Grant
from lambda_src.shared.errors import DeadlineExceeded


class Deadline:
    """The point in time by which the request must be answered."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def seconds_left(self) -> float:
        return self._end - self._clock()

    def nearer(self, seconds: float) -> "Deadline":
        """A deadline in `seconds` by the same clock."""
        return Deadline(seconds, self._clock)

    def require(self, seconds: float) -> None:
        """Raises `DeadlineExceeded` when fewer than `seconds` are left: work started now could not finish."""
        if self.seconds_left < seconds:
            raise DeadlineExceeded("The request was not finished in time. Try again, or ask for less.")


class StoredResponse(msgspec.Struct, frozen=True):
    """The response to the first request with an idempotency key."""

    status: int
    body: bytes


class NoIdempotency:
    """No-op used when the request has no idempotency key. `idempotency.Idempotent` keeps the response."""

    def begin(self, body: Any, seconds: float) -> StoredResponse | None:
        """Claims the key for `seconds`. Returns the stored response if the work is already done."""
        return None

    def keep_with(self, *resources: str, detail: str | None = None) -> None:
        """The response contains data of these resources: deleting one of them erases the kept response.

        `detail` is the id of what it contains of them, which may be deleted alone.
        """

    def completion_writes(self, response: Any) -> list[dict[str, Any]]:
        """DynamoDB writes (none or one) that store `response` under the key.

        A service that adds them to the transaction of its own writes never does the work of one key twice.
        """
        return []

    def finish(self, status: int, body: bytes) -> None:
        """Stores the response, unless `completion_writes` has."""

    def discard(self) -> None:
        """The response is a failure although its status is a success: `finish` frees the key instead of storing it."""

    def release(self) -> None:
        """Frees the key of a request that did not finish."""


class NoReservation:
    """No-op used when the stage has no budgets. `budgets.Reservation` is what a request has reserved of them."""

    def settle(self, uses: "Iterable[ModelUse]", failure: BaseException | None = None) -> None:
        """Replaces what was reserved with what was used. Never raises an `Exception`."""


class NoAudit:
    """No-op used when the stage has no audit trail. `audit.AuditEntry` writes the records of one request."""

    def asked(self, arguments: dict[str, Any]) -> None:
        """The request, before the work starts. Raises `Unavailable`: work without a record must not run."""

    def add_text(self, text: str) -> None:
        """A piece of a stream that was sent."""

    def add_response(self, response: Any) -> None:
        """The response, or a stream's last item."""

    def answered(self, status: int, *, replayed: bool = False, client_gone: bool = False) -> None:
        """The end of a request, before its answer is delivered. Raises `Unavailable` if that is its only record."""

    def failed(self, status: int, code: str) -> None:
        """The end of a request that fails, or of a stream that does. Never raises an `Exception`."""


class ModelUse(msgspec.Struct):
    """What one request used of one model, summed over its calls. `cached_tokens` are part of `input_tokens`.

    `counted` is how many calls' use Bedrock has reported. `estimated_cost` is in US dollars, see `catalog.cost`; None
    without a price, or before anything was used.
    """

    invocation: catalog.Invocation
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    latency_ms: int = 0
    cached_tokens: int = 0
    estimated_cost: float | None = None
    counted: int = 0

    def add(
        self,
        *,
        input_tokens: int = 0,
        cached_tokens: int = 0,
        output_tokens: int = 0,
        images: int = 0,
        queries: int = 0,
    ) -> None:
        """Adds what one call used. The price of a token depends on the length of its call's prompt."""
        self.counted += 1
        self.input_tokens += input_tokens
        self.cached_tokens += cached_tokens
        self.output_tokens += output_tokens
        self.images += images
        cost = catalog.cost(
            self.invocation,
            input_tokens=input_tokens,
            cached_tokens=cached_tokens,
            output_tokens=output_tokens,
            images=images,
            queries=queries,
        )
        if cost is not None:
            self.estimated_cost = (self.estimated_cost or 0.0) + cost


class Context:
    """The state of one request."""

    def __init__(
        self,
        *,
        caller: str,
        request_id: str,
        deadline: Deadline,
        idempotency: NoIdempotency | None = None,
        groups: frozenset[str] = frozenset(),
        grant: Grant = NO_GRANT,
    ) -> None:
        self.caller = caller
        self.groups = groups
        self.grant = grant
        self.request_id = request_id
        self.deadline = deadline
        self.audit = NoAudit()
        self.idempotency = idempotency or NoIdempotency()
        # Whether another model answers when this call fails: then it is retried less.
        self.has_fallback = False
        self.uses: dict[str, ModelUse] = {}
        self._lock = threading.Lock()

    def leaving_time(self, seconds: float) -> "Context":
        """This request for a call that has `seconds` and a fallback. What it uses counts here, too."""
        limited = copy.copy(self)
        limited.deadline = self.deadline.nearer(seconds)
        limited.has_fallback = True
        return limited

    def used(self, invocation: catalog.Invocation) -> ModelUse:
        """This request's use of the model so far."""
        return self.uses.setdefault(invocation.id, ModelUse(invocation))

    def count_use(self, invocation: catalog.Invocation, **amounts: int) -> None:
        """Adds what one call used, see `ModelUse.add`. Safe to use from concurrent calls."""
        with self._lock:
            self.used(invocation).add(**amounts)

    def count_call(self, invocation: catalog.Invocation, latency_ms: int) -> None:
        """Adds one call. Safe to use from concurrent calls."""
        with self._lock:
            use = self.used(invocation)
            use.calls += 1
            use.latency_ms += latency_ms
