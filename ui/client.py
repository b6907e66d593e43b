"""The stage's APIs for the pages: every error is a `Failure`, which a page can store and show."""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import bedrock_endpoints
from bedrock_endpoints import Event, Stage
from bedrock_endpoints.errors import (
    ConfigurationError,
    ConnectionFailed,
    CredentialsError,
    EndpointError,
    NotDeployed,
    StreamInterrupted,
    TimedOut,
    UnexpectedResponse,
)


class SignInExpired(CredentialsError):
    """The user's token has expired, and was not sent."""


# Slightly longer than the gateway's 29 s, so that its more specific error arrives first.
_TIMEOUT_SECONDS = 35.0
_PROBE_SECONDS = 8.0
_IN_PROGRESS_SECONDS = 60.0
_MAX_PAGE = 100
_REFUSALS = ("invalid_request", "too_large", "refused")
# The codes of errors that don't come from the API; subclasses first.
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (SignInExpired, "signed_out"),
    (NotDeployed, "not_deployed"),
    (CredentialsError, "no_credentials"),
    (ConfigurationError, "unexpected"),
    (TimedOut, "deadline"),
    (StreamInterrupted, "cut"),
    (ConnectionFailed, "unreachable"),
)


@dataclass(eq=False)
class Failure(Exception):
    """A failed call. `code` is the API's error code or one of `_CODES`; `texts/errors.toml` has a text for each."""

    code: str
    message: str = ""
    status: int = 0
    request_id: str | None = None
    details: list[dict[str, Any]] = field(default_factory=list)
    retry_at: float | None = None
    """The earliest time for a retry (`time.monotonic()`)."""

    @property
    def is_final(self) -> bool:
        """Whether the API refused what was sent, so that sending the same again can't succeed."""
        return self.code in _REFUSALS


class Client:
    """The APIs of one stage. Every method raises `Failure`."""

    def __init__(self, stage: Stage) -> None:
        # The user decides whether to try again.
        self._client = bedrock_endpoints.Client(
            stage, timeout=_TIMEOUT_SECONDS, max_retries=0, in_progress_timeout=_IN_PROGRESS_SECONDS
        )
        self._probe_client = bedrock_endpoints.Client(stage, timeout=_PROBE_SECONDS, max_retries=0)

    def close(self) -> None:
        self._client.close()
        self._probe_client.close()

    def get(self, use_case: str, path: str, **query: str | int | None) -> dict[str, Any]:
        """A resource or a page of a list; query parameters that are None are left out."""
        body: dict[str, Any] = self._request(
            use_case, "GET", path, query={name: value for name, value in query.items() if value is not None}
        )
        return body

    def text(self, use_case: str, path: str, **query: str) -> str:
        """A resource that is a file of text."""
        content: str = self._request(use_case, "GET", path, query=query)
        return content

    def newest(
        self, use_case: str, path: str, count: int, **query: str | int | None
    ) -> tuple[list[dict[str, Any]], bool]:
        """The newest `count` items of a list, and whether there are more."""
        items: list[dict[str, Any]] = []
        cursor = None
        while len(items) < count:
            page = self.get(use_case, path, limit=min(_MAX_PAGE, count - len(items)), cursor=cursor, **query)
            items += page["items"]
            cursor = page.get("nextCursor")
            if not cursor:
                break
        return items, bool(cursor)

    def post(self, use_case: str, path: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        """Creates something. With an idempotency `key`, a repeated call waits for the first one's response."""
        response: dict[str, Any] = self._request(use_case, "POST", path, body, idempotency_key=key)
        return response

    def patch(self, use_case: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        response: dict[str, Any] = self._request(use_case, "PATCH", path, body)
        return response

    def delete(self, use_case: str, path: str, **query: str) -> None:
        """Deletes something; it may be deleted already."""
        try:
            self._request(use_case, "DELETE", path, query=query)
        except Failure as failure:
            if failure.code != "not_found":
                raise

    def events(
        self, use_case: str, path: str, body: Mapping[str, Any], key: str | None = None
    ) -> Generator[Event, None, None]:
        """The events of a stream. The idempotency `key` works as in `post`."""
        with _failures(), closing(self._client.stream(use_case, path, body, idempotency_key=key)) as events:
            yield from events

    def probe(self, use_case: str, path: str) -> float:
        """The response time of a cheap GET in seconds. A 404 counts as well: the request was authorized."""
        start = time.monotonic()
        try:
            with _failures():
                self._probe_client.request(use_case, "GET", path)
        except Failure as failure:
            if failure.code != "not_found":
                raise
        return time.monotonic() - start

    def download(self, url: str) -> bytes:
        """The content of a presigned URL."""
        with _failures():
            return self._client.download(url)

    def upload(self, form: Mapping[str, Any], name: str, content: bytes) -> None:
        """Posts a file with the presigned form that an API returned."""
        with _failures():
            self._client.upload(form, content, name)

    def _request(self, use_case: str, method: str, path: str, body: Any = None, **options: Any) -> Any:
        with _failures():
            return self._client.request(use_case, method, path, body, **options)


@contextmanager
def _failures() -> Iterator[None]:
    """Turns the client's errors into `Failure`."""
    try:
        yield
    except ConfigurationError as error:
        raise Failure(_code(error), str(error)) from error
    except EndpointError as error:
        raise Failure(
            _code(error),
            _message(error),
            error.status or 0,
            error.request_id,
            error.details,
            None if error.retry_after is None else time.monotonic() + error.retry_after,
        ) from error


def _code(error: ConfigurationError | EndpointError) -> str:
    if isinstance(error, EndpointError) and error.code:
        return error.code
    if isinstance(error, UnexpectedResponse):
        return "unexpected" if error.status and 400 <= error.status < 500 else "internal"
    return next((code for error_class, code in _CODES if isinstance(error, error_class)), "unexpected")


def _message(error: EndpointError) -> str:
    """What the API, or the network, reported; empty if neither did."""
    if isinstance(error, StreamInterrupted | UnexpectedResponse):
        return ""
    return str(error.__cause__) if isinstance(error, ConnectionFailed) else error.message
