"""`Client` and `AsyncClient`: requests, streams, pages, uploads and downloads."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from typing import Any, Self

import httpx

from bedrock_endpoints._protocol import (
    Query,
    RetryPolicy,
    StreamReader,
    build_request,
    connection_errors,
    decode,
    http_options,
    next_page,
    upload_request,
)
from bedrock_endpoints.discovery import Stage, find_stage
from bedrock_endpoints.errors import EndpointError, from_response
from bedrock_endpoints.events import Event

DEFAULT_TIMEOUT = 60.0
DEFAULT_MAX_RETRIES = 2
PAGE_SIZE = 100


class _BaseClient:
    def __init__(
        self,
        stage: Stage | str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        in_progress_timeout: float | None = None,
    ) -> None:
        """
        :param stage: a stage's name (see `find_stage`), or the result of `find_stage` or `local_stage`.
        :param timeout: seconds to wait for a response, or for the next part of a stream.
        :param max_retries: how often to retry after 429, 503 and failed connections.
        :param in_progress_timeout: seconds to wait for an earlier request with the same idempotency key, by default
            `timeout`.
        """
        self.stage = stage if isinstance(stage, Stage) else find_stage(stage)
        self._max_retries = max_retries
        self._in_progress_timeout = timeout if in_progress_timeout is None else in_progress_timeout
        self._open(http_options(self.stage, timeout))

    def _open(self, options: dict[str, Any]) -> None:
        raise NotImplementedError

    def _retry_policy(self) -> RetryPolicy:
        return RetryPolicy(self._max_retries, self._in_progress_timeout)


class Client(_BaseClient):
    """A stage's APIs. Every method raises `EndpointError` and `ConfigurationError`. Threads may share a client."""

    def _open(self, options: dict[str, Any]) -> None:
        self._http = httpx.Client(**options)

    def request(
        self,
        use_case: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The decoded response, the text of a CSV file, or None if it has no body.

        Each `POST` has an idempotency key, by default a new one: retries return the first response.
        """
        arguments = build_request(method, self.stage.url(use_case) + path, body, query, idempotency_key)
        return decode(self._send(arguments, self.stage.auth))

    def stream(self, use_case: str, path: str, body: Any, *, idempotency_key: str | None = None) -> Generator[Event]:
        """The events of a stream up to and including its last one; an `error` event is raised.

        Closing the generator closes the connection. On AWS the answer is written to its end nevertheless.
        """
        arguments = build_request("POST", self.stage.url(use_case) + path, body, None, idempotency_key)
        response = self._send(arguments, self.stage.auth, stream=True)
        reader = StreamReader(response)
        try:
            with reader.connection():
                for received in response.iter_bytes():
                    yield from reader.feed(received)
        finally:
            response.close()

    def pages(self, use_case: str, path: str, *, limit: int = PAGE_SIZE, query: Query | None = None) -> Iterator[Any]:
        """The pages of a list, newest items first; each has `items`. `query` has further parameters."""
        page_query: Query | None = {**(query or {}), "limit": limit}
        while page_query:
            page = self.request(use_case, "GET", path, query=page_query)
            yield page
            page_query = next_page(page_query, page)

    def upload(self, form: Mapping[str, Any], content: bytes, name: str = "file") -> None:
        """Posts a file with the presigned form (`url` and `fields`) that an API returned."""
        self._send(upload_request(form, content, name), None)

    def download(self, url: str) -> bytes:
        """The content of a presigned URL."""
        return self._send({"method": "GET", "url": url}, None).content

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, arguments: dict[str, Any], auth: httpx.Auth | None, *, stream: bool = False) -> httpx.Response:
        retry_policy = self._retry_policy()
        while True:
            try:
                with connection_errors():
                    response = self._http.send(self._http.build_request(**arguments), auth=auth, stream=stream)
                    if response.is_success:
                        return response
                    response.read()
                raise from_response(response.status_code, response.headers, response.content)
            except EndpointError as error:
                if (delay := retry_policy.delay(error)) is None:
                    raise
            time.sleep(delay)


class AsyncClient(_BaseClient):
    """`Client` for coroutines. Use it within one event loop."""

    def _open(self, options: dict[str, Any]) -> None:
        self._http = httpx.AsyncClient(**options)

    async def request(
        self,
        use_case: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """See `Client.request`."""
        arguments = build_request(method, await self._url(use_case) + path, body, query, idempotency_key)
        return decode(await self._send(arguments, self.stage.auth))

    async def stream(
        self, use_case: str, path: str, body: Any, *, idempotency_key: str | None = None
    ) -> AsyncGenerator[Event]:
        """See `Client.stream`."""
        arguments = build_request("POST", await self._url(use_case) + path, body, None, idempotency_key)
        response = await self._send(arguments, self.stage.auth, stream=True)
        reader = StreamReader(response)
        try:
            with reader.connection():
                async for received in response.aiter_bytes():
                    for event in reader.feed(received):
                        yield event
        finally:
            await response.aclose()

    async def pages(
        self, use_case: str, path: str, *, limit: int = PAGE_SIZE, query: Query | None = None
    ) -> AsyncIterator[Any]:
        """See `Client.pages`."""
        page_query: Query | None = {**(query or {}), "limit": limit}
        while page_query:
            page = await self.request(use_case, "GET", path, query=page_query)
            yield page
            page_query = next_page(page_query, page)

    async def upload(self, form: Mapping[str, Any], content: bytes, name: str = "file") -> None:
        """See `Client.upload`."""
        await self._send(upload_request(form, content, name), None)

    async def download(self, url: str) -> bytes:
        """See `Client.download`."""
        return (await self._send({"method": "GET", "url": url}, None)).content

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _url(self, use_case: str) -> str:
        # The lookup may call AWS.
        return await asyncio.to_thread(self.stage.url, use_case)

    async def _send(
        self, arguments: dict[str, Any], auth: httpx.Auth | None, *, stream: bool = False
    ) -> httpx.Response:
        retry_policy = self._retry_policy()
        while True:
            try:
                with connection_errors():
                    request = self._http.build_request(**arguments)
                    response = await self._http.send(request, auth=auth, stream=stream)
                    if response.is_success:
                        return response
                    await response.aread()
                raise from_response(response.status_code, response.headers, response.content)
            except EndpointError as error:
                if (delay := retry_policy.delay(error)) is None:
                    raise
            await asyncio.sleep(delay)
