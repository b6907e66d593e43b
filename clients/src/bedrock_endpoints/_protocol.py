"""What `Client` and `AsyncClient` share: building requests, reading responses, deciding on retries. No I/O."""

import json
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from bedrock_endpoints._version import __version__
from bedrock_endpoints.discovery import Stage
from bedrock_endpoints.errors import (
    REQUEST_ID_HEADER,
    BudgetExhausted,
    ConnectionFailed,
    EndpointError,
    InProgress,
    StreamInterrupted,
    Throttled,
    TimedOut,
    Unavailable,
    UnexpectedResponse,
    from_content,
)
from bedrock_endpoints.events import Event, EventParser

CONNECT_SECONDS = 10
# A request that would have to wait longer fails instead.
MAX_DELAY_SECONDS = 30
FIRST_DELAY_SECONDS = 0.5

Query = Mapping[str, str | int]


def http_options(stage: Stage, timeout: float) -> dict[str, Any]:
    """Arguments of the httpx client."""
    return {
        "verify": stage.ssl_context,
        "timeout": httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
        "trust_env": stage.trust_env,
        "headers": {"User-Agent": f"bedrock-endpoints-client/{__version__}"},
    }


def build_request(
    method: str, url: str, body: Any = None, query: Query | None = None, idempotency_key: str | None = None
) -> dict[str, Any]:
    """Arguments of httpx's `build_request`. Retries send the same request, so they have the same idempotency key."""
    headers = {}
    content = None
    if method == "POST":
        headers["Idempotency-Key"] = idempotency_key or uuid.uuid4().hex
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if query:
        url += f"?{urlencode(query, quote_via=quote)}"
    return {"method": method, "url": url, "content": content, "headers": headers}


def upload_request(form: Mapping[str, Any], content: bytes, name: str) -> dict[str, Any]:
    """Arguments of httpx's `build_request` for a presigned form: its fields first, the file last."""
    return {"method": "POST", "url": form["url"], "data": form["fields"], "files": {"file": (name, content)}}


def decode(response: httpx.Response) -> Any:
    """The response's JSON body, or the text of a CSV file; None if it is empty."""
    if not response.content:
        return None
    if response.headers.get("content-type", "").startswith("text/csv"):
        return response.text
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedResponse("The response is not JSON.", status=response.status_code) from error


def next_page(query: Query, page: Mapping[str, Any]) -> Query | None:
    """The query of the page after this one."""
    return {**query, "cursor": page["nextCursor"]} if page.get("nextCursor") else None


@contextmanager
def connection_errors() -> Iterator[None]:
    """Turns httpx's exceptions into this package's."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut(f"The API did not respond in time: {_reason(error)}") from error
    except httpx.RequestError as error:
        raise ConnectionFailed(f"The connection to the API failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


class StreamReader:
    """Events of a stream; raises its `error` event, and an end without a last event."""

    def __init__(self, response: httpx.Response) -> None:
        self._parser = EventParser()
        self._complete = False
        self._request_id = response.headers.get(REQUEST_ID_HEADER)

    @contextmanager
    def connection(self) -> Iterator[None]:
        """For the time that the stream is read. Raises `StreamInterrupted` when it ends too early."""
        try:
            yield
        except httpx.RequestError as error:
            raise self._interrupted(_reason(error)) from error
        if not self._complete:
            raise self._interrupted("its last event is missing")

    def feed(self, received: bytes) -> Iterator[Event]:
        try:
            for event in self._parser.feed(received):
                if event.name == "error":
                    raise from_content(event.data, request_id=self._request_id)
                self._complete = event.name != "delta"
                yield event
        except ValueError as error:
            raise UnexpectedResponse("The stream does not follow the API's contract.") from error

    def _interrupted(self, reason: str) -> StreamInterrupted:
        return StreamInterrupted(f"The stream was cut: {reason}", request_id=self._request_id)


class RetryPolicy:
    """Decides whether to send a request again.

    Any request may be: it has an idempotency key, only reads, or changes nothing when it is repeated.
    """

    def __init__(self, max_retries: int, in_progress_timeout: float) -> None:
        self._max_retries = max_retries
        self._retries = 0
        self._in_progress_timeout = in_progress_timeout
        self._in_progress_deadline: float | None = None

    def delay(self, error: EndpointError) -> float | None:
        """Seconds to wait before sending the request again; None to give up."""
        if isinstance(error, InProgress):
            # An earlier attempt lost its connection and still runs: waiting for its result avoids paying twice.
            self._in_progress_deadline = self._in_progress_deadline or time.monotonic() + self._in_progress_timeout
            seconds = 1 if error.retry_after is None else error.retry_after
            return max(0.2, seconds) if time.monotonic() < self._in_progress_deadline else None
        if not _is_temporary(error) or self._retries == self._max_retries:
            return None
        self._retries += 1
        # Jitter, so that callers throttled together do not return together.
        backoff = FIRST_DELAY_SECONDS * 2 ** (self._retries - 1) * random.uniform(1, 1.5)
        delay = max(backoff, error.retry_after or 0)
        return delay if delay <= MAX_DELAY_SECONDS else None


def _is_temporary(error: EndpointError) -> bool:
    """Whether the same request may succeed later. One that a budget is too small for never does."""
    if isinstance(error, BudgetExhausted):
        return error.retry_after is not None
    return isinstance(error, Throttled | Unavailable | ConnectionFailed)
