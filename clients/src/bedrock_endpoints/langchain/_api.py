"""One use case's API as the LangChain classes call it: from threads and from coroutines."""

import asyncio
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, asynccontextmanager
from functools import cached_property
from typing import Any, NamedTuple, TypedDict, TypeVar

from langchain_core.utils import from_env, secret_from_env
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bedrock_endpoints.client import AsyncClient, Client
from bedrock_endpoints.discovery import STAGE_VARIABLE, TOKEN_VARIABLE, Stage, find_stage
from bedrock_endpoints.errors import EndpointError
from bedrock_endpoints.events import Event

Token = SecretStr | Callable[[], str]
T = TypeVar("T")


class EndpointOptions(TypedDict, total=False):
    """`Endpoint`'s fields as keyword arguments."""

    base_url: str | None
    stage: str | None
    token: Token | str | None
    api_key: Token | str | None
    region_name: str | None
    credentials_profile_name: str | None
    timeout: float
    max_retries: int


class Endpoint(BaseModel):
    """Where a use case's API is, how to authenticate, and how long to wait."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    base_url: str | None = None
    """The API's address, as in the stack's output `Url`. By default it is looked up by `stage`."""

    stage: str | None = Field(default_factory=from_env(STAGE_VARIABLE, default=None))
    """A deployed stage: `local` is looked up in `.local/outputs.json` of the working folder or one above it, any other
    in the SSM parameter `/bedrock-endpoints/<stage>/<use-case>/url`. Environment: `BEDROCK_ENDPOINTS_STAGE`."""

    token: Token | None = Field(alias="api_key", default_factory=secret_from_env(TOKEN_VARIABLE, default=None))
    """A Cognito token for stages with that kind of `auth`, or a function that returns one: it is called before each
    request, so it can renew the token. Without a token, requests are signed (SigV4) with the credentials that AWS's
    tools would use. Environment: `BEDROCK_ENDPOINTS_TOKEN`."""

    region_name: str | None = None
    """The API's region. Default: the one in its address, or in the AWS configuration."""

    credentials_profile_name: str | None = None
    """The profile of the AWS configuration to sign with. Default: as AWS's tools choose."""

    timeout: float = Field(default=60, gt=0)
    """Seconds to wait for a response, or for the next part of a stream."""

    max_retries: int = Field(default=2, ge=0)
    """How often to retry after 429, 503 and failed connections."""


class Request(NamedTuple):
    """A request to send."""

    method: str
    path: str
    body: Any = None


Steps = Generator[Request, Any, T]
"""Work of several requests, independent of how they are sent: it yields requests and receives responses or errors."""


class Api:
    """One use case's API. The stage is found with the first request."""

    def __init__(self, endpoint: Endpoint, use_case: str) -> None:
        self._endpoint = endpoint
        self._use_case = use_case

    def run(self, steps: Steps[T]) -> T:
        """The result of the work. Raises `EndpointError`."""
        try:
            request = next(steps)
            while True:
                try:
                    response = self.call(request)
                except EndpointError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(response)
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def arun(self, steps: Steps[T]) -> T:
        """The result of the work. Raises `EndpointError`."""
        async with self._async_client() as client:
            try:
                request = next(steps)
                while True:
                    try:
                        response = await client.request(self._use_case, *request)
                    except EndpointError as error:
                        request = steps.throw(error)
                    else:
                        request = steps.send(response)
            except StopIteration as stop:
                result: T = stop.value
                return result

    def call(self, request: Request) -> Any:
        """The decoded response. Raises `EndpointError`."""
        return self._client.request(self._use_case, *request)

    async def acall(self, request: Request) -> Any:
        """The decoded response. Raises `EndpointError`."""
        async with self._async_client() as client:
            return await client.request(self._use_case, *request)

    def stream(self, request: Request) -> Generator[Event]:
        """A stream's events. Raises `EndpointError`."""
        return self._client.stream(self._use_case, request.path, request.body)

    async def astream(self, request: Request) -> AsyncGenerator[Event]:
        """A stream's events. Raises `EndpointError`."""
        async with (
            self._async_client() as client,
            aclosing(client.stream(self._use_case, request.path, request.body)) as events,
        ):
            async for event in events:
                yield event

    def items(self, path: str) -> Iterator[Any]:
        """The items of a list, newest first. Raises `EndpointError`."""
        for page in self._client.pages(self._use_case, path):
            yield from page["items"]

    async def aitems(self, path: str) -> AsyncIterator[Any]:
        """The items of a list, newest first. Raises `EndpointError`."""
        async with self._async_client() as client:
            async for page in client.pages(self._use_case, path):
                for item in page["items"]:
                    yield item

    @cached_property
    def _stage(self) -> Stage:
        endpoint = self._endpoint
        token = endpoint.token
        return find_stage(
            endpoint.stage,
            base_urls=None if endpoint.base_url is None else {self._use_case: endpoint.base_url},
            token=token.get_secret_value() if isinstance(token, SecretStr) else token,
            region=endpoint.region_name,
            profile=endpoint.credentials_profile_name,
        )

    @cached_property
    def _client(self) -> Client:
        client = Client(self._stage, timeout=self._endpoint.timeout, max_retries=self._endpoint.max_retries)
        weakref.finalize(self, client.close)
        return client

    @asynccontextmanager
    async def _async_client(self) -> AsyncIterator[AsyncClient]:
        """A client for one operation: connections belong to an event loop, and several may use this object."""
        stage = await asyncio.to_thread(lambda: self._stage)
        async with AsyncClient(stage, timeout=self._endpoint.timeout, max_retries=self._endpoint.max_retries) as client:
            yield client
