"""Sends timed requests to HR Q&A, and retries them while the stage is throttled or unavailable."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

import bedrock_endpoints
from bedrock_endpoints.errors import ConnectionFailed, EndpointError

USE_CASE = "hr-qa"
# Throttled, and temporarily unavailable.
_RETRIED = (429, 503)
_ATTEMPTS = 10
_MAX_DELAY_SECONDS = 30.0
_TIMEOUT_SECONDS = 40.0


class RequestFailed(Exception):
    """A request without a successful response; the message is its status and code, or the connection's error."""


class Response(msgspec.Struct, frozen=True):
    """A response's body, and the milliseconds of the attempt that it answers."""

    body: Any
    milliseconds: float


@contextmanager
def connect(stage: bedrock_endpoints.Stage) -> Iterator["Client"]:
    """A client of the stage's HR Q&A."""
    # `Client` retries, not the client below: the time of an attempt must not include the delays.
    with bedrock_endpoints.Client(stage, timeout=_TIMEOUT_SECONDS, max_retries=0) as client:
        yield Client(client)


class Client:
    """Sends requests. `retries` counts retries by status."""

    def __init__(
        self,
        client: bedrock_endpoints.Client,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self.retries: Counter[str] = Counter()

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Response:
        """Raises `RequestFailed`."""
        attempt = 0
        while True:
            start = self._clock()
            try:
                response = self._client.request(USE_CASE, method, path, body, query=query)
                return Response(response, (self._clock() - start) * 1000)
            except EndpointError as error:
                self._wait_for_retry(error, attempt)
            attempt += 1

    def upload(self, form: Mapping[str, Any], content: bytes) -> None:
        """Posts a file with the form that `POST /documents` returned. Raises `RequestFailed`."""
        try:
            self._client.upload(form, content)
        except ConnectionFailed as error:
            raise RequestFailed(_describe(error)) from error
        except EndpointError as error:
            raise RequestFailed(f"upload refused: {error.status}") from error

    def _wait_for_retry(self, error: EndpointError, attempt: int) -> None:
        if error.status not in _RETRIED:
            raise RequestFailed(_describe(error)) from error
        with self._lock:
            self.retries[str(error.status)] += 1
        if attempt == _ATTEMPTS - 1:
            raise RequestFailed(f"{_describe(error)}, {_ATTEMPTS} times") from error
        self._sleep(_delay(error, attempt))


def _describe(error: EndpointError) -> str:
    if isinstance(error, ConnectionFailed):
        return f"no response: {error}"
    # What to correct, such as a model that the stage does not offer.
    details = "; ".join(f"{detail.get('path')}: {detail.get('message')}" for detail in error.details)
    return " ".join(str(part) for part in (error.status, error.code, details and f"({details})") if part)


def _delay(error: EndpointError, attempt: int) -> float:
    """Seconds: `Retry-After`, else exponential backoff."""
    return min(float(2**attempt if error.retry_after is None else error.retry_after), _MAX_DELAY_SECONDS)
