"""Requests to one API, by threads and by coroutines: sent, sent again where that helps, and decoded."""

import asyncio
import json
import random
import time
import uuid
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx

from langchain_bedrock_endpoints._connection import Endpoint, Line, UseCase, connect
from langchain_bedrock_endpoints._events import Event, EventReader
from langchain_bedrock_endpoints.errors import (
    ConnectionFailed,
    EndpointError,
    InProgress,
    Throttled,
    Unavailable,
    UnexpectedAnswer,
    from_answer,
)

# An API that asks for a longer pause is not waited for.
MAX_PAUSE_SECONDS = 30
FIRST_PAUSE_SECONDS = 0.5

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One request with all its tries: they have one idempotency key, so the work is done, and paid, once."""

    method: str
    path: str
    body: Any = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


Steps = Generator[Request, Any, T]
"""Work of several requests, apart from how they are sent: it yields them and gets the answers or the errors."""


class Patience:
    """How long to wait before a request is sent again. All requests here may be: they read, or have a key."""

    def __init__(self, retries: int, timeout: float) -> None:
        self._retries = retries
        self._tries = 0
        self._timeout = timeout
        self._until: float | None = None

    def pause(self, error: EndpointError) -> float | None:
        """Seconds, or None when it is not to be sent again."""
        if isinstance(error, InProgress):
            # An earlier try was cut on its way here and still runs: its answer is worth as long a wait as any.
            self._until = self._until or time.monotonic() + self._timeout
            return (error.retry_after or 1) if time.monotonic() < self._until else None
        if not isinstance(error, Throttled | Unavailable | ConnectionFailed) or self._tries == self._retries:
            return None
        self._tries += 1
        # Callers that were turned away together should not come back together.
        seconds = FIRST_PAUSE_SECONDS * 2 ** (self._tries - 1) * random.uniform(1, 1.5)
        seconds = max(seconds, error.retry_after or 0)
        return seconds if seconds <= MAX_PAUSE_SECONDS else None


class Api:
    """One use case's API. The address is looked up with the first request."""

    def __init__(self, endpoint: Endpoint, use_case: UseCase) -> None:
        self._endpoint = endpoint
        self._use_case = use_case

    def run(self, steps: Steps[T]) -> T:
        """The work's result. Raises `EndpointError`."""
        try:
            request = next(steps)
            while True:
                try:
                    answer = self.call(request)
                except EndpointError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    async def arun(self, steps: Steps[T]) -> T:
        """The work's result. Raises `EndpointError`."""
        async with self._async_client() as client:
            try:
                request = next(steps)
                while True:
                    try:
                        answer = _decoded(await self._asend(client, request))
                    except EndpointError as error:
                        request = steps.throw(error)
                    else:
                        request = steps.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result

    def call(self, request: Request) -> Any:
        """The answer's body, None if it has none. Raises `EndpointError`."""
        return _decoded(self._send(request))

    async def acall(self, request: Request) -> Any:
        """The answer's body, None if it has none. Raises `EndpointError`."""
        async with self._async_client() as client:
            return _decoded(await self._asend(client, request))

    def stream(self, request: Request) -> Generator[Event]:
        """A stream's events. Closing this ends the work there. Raises `EndpointError`."""
        response, reader = self._send(request, stream=True), EventReader()
        try:
            with _told_as_ours():
                for received in response.iter_bytes():
                    yield from _read(reader, received)
        finally:
            response.close()

    async def astream(self, request: Request) -> AsyncGenerator[Event]:
        """A stream's events. Closing this ends the work there. Raises `EndpointError`."""
        async with self._async_client() as client:
            response, reader = await self._asend(client, request, stream=True), EventReader()
            try:
                with _told_as_ours():
                    async for received in response.aiter_bytes():
                        for event in _read(reader, received):
                            yield event
            finally:
                await response.aclose()

    def _send(self, request: Request, *, stream: bool = False) -> httpx.Response:
        patience = Patience(self._endpoint.max_retries, self._endpoint.timeout)
        while True:
            try:
                with _told_as_ours():
                    response = self._client.send(_built(self._client, self._line.url, request), stream=stream)
                    if response.is_success:
                        return response
                    response.read()
                raise from_answer(response.status_code, response.headers, response.content)
            except EndpointError as error:
                if (seconds := patience.pause(error)) is None:
                    raise
            time.sleep(seconds)

    async def _asend(self, client: httpx.AsyncClient, request: Request, *, stream: bool = False) -> httpx.Response:
        patience = Patience(self._endpoint.max_retries, self._endpoint.timeout)
        while True:
            try:
                with _told_as_ours():
                    response = await client.send(_built(client, self._line.url, request), stream=stream)
                    if response.is_success:
                        return response
                    await response.aread()
                raise from_answer(response.status_code, response.headers, response.content)
            except EndpointError as error:
                if (seconds := patience.pause(error)) is None:
                    raise
            await asyncio.sleep(seconds)

    @cached_property
    def _line(self) -> Line:
        return connect(self._endpoint, self._use_case)

    @cached_property
    def _client(self) -> httpx.Client:
        client = self._line.client()
        weakref.finalize(self, client.close)
        return client

    @asynccontextmanager
    async def _async_client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one piece of work: connections belong to an event loop, and this object may see several."""
        line = await asyncio.to_thread(lambda: self._line)
        async with line.async_client() as client:
            yield client


@contextmanager
def _told_as_ours() -> Iterator[None]:
    try:
        yield
    except httpx.RequestError as error:
        raise ConnectionFailed(f"The connection to the API failed: {str(error) or type(error).__name__}") from error


def _built(client: httpx.Client | httpx.AsyncClient, url: str, request: Request) -> httpx.Request:
    headers = {"Idempotency-Key": request.key} if request.method == "POST" else {}
    content = None
    if request.body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode()
    query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
    return client.build_request(request.method, url + request.path + query, content=content, headers=headers)


def _decoded(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedAnswer("The API's answer is no JSON.", status=response.status_code) from error


def _read(reader: EventReader, received: bytes) -> Iterator[Event]:
    try:
        yield from reader.feed(received)
    except ValueError as error:
        raise UnexpectedAnswer("The API's stream is none of the contract's.") from error
