"""Calls of a stage's APIs: signed, and with every failure as one kind of exception."""

import json
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from ui.stage import Stage

# A little more than the gateway's 29 s: its own words are better than ours.
SECONDS = 35.0
_PROBE_SECONDS = 8.0
# How long an answer is waited for that another request with the same idempotency key is making.
_PATIENCE_SECONDS = 60.0


@dataclass(eq=False)
class Failure(Exception):
    """A call that did not succeed: the contract's error, or `unreachable`, `cut` or `not_deployed` where none came."""

    code: str
    message: str = ""
    status: int = 0
    request_id: str | None = None
    details: list[dict[str, str]] = field(default_factory=list)
    retry_at: float | None = None
    """When the API asked to be called again (seconds of `time.monotonic()`)."""


class SigV4(httpx.Auth):
    """Signs each request with what botocore's credentials are at that moment."""

    requires_request_body = True

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        told = {"Content-Type": request.headers["Content-Type"]} if "Content-Type" in request.headers else {}
        signed = AWSRequest(method=request.method, url=str(request.url), data=request.content or None, headers=told)
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


@dataclass(frozen=True)
class Event:
    """One event of a stream: its name and its JSON."""

    name: str
    data: dict[str, Any]


class Client:
    """The APIs of one stage. Every method raises `Failure`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._http = httpx.Client(
            timeout=httpx.Timeout(SECONDS, connect=10.0),
            verify=_trust(stage),
            # A stage on this machine is not behind the machine's proxy.
            trust_env=not stage.local,
        )

    def close(self) -> None:
        """Ends its connections."""
        self._http.close()

    def get(self, use_case: str, path: str, **query: str | int | None) -> dict[str, Any]:
        """A resource or a list; a `query` of None is left out."""
        asked = {name: value for name, value in query.items() if value is not None}
        return _body(self._send("GET", use_case, path, params=asked))

    def post(self, use_case: str, path: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        """Makes something. With a `key` it can be repeated: what an earlier call makes or made is waited for."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return _body(self._send("POST", use_case, path, json=body, headers=_idempotency(key)))
            except Failure as failure:
                _await_first(failure, until)

    def patch(self, use_case: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Changes something."""
        return _body(self._send("PATCH", use_case, path, json=body))

    def delete(self, use_case: str, path: str) -> None:
        """Deletes something; what is gone already is fine."""
        try:
            self._send("DELETE", use_case, path)
        except Failure as failure:
            if failure.code != "not_found":
                raise

    def events(
        self, use_case: str, path: str, body: Mapping[str, Any], key: str | None = None
    ) -> Generator[Event, None, None]:
        """The events of a stream as they come, which can be repeated with a `key` as a `post` can.

        An `error` event is raised; so is, as `cut`, an end before the last event, which tells that all is there.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                yield from self._stream(use_case, path, body, key)
                return
            except Failure as failure:
                _await_first(failure, until)

    def _stream(self, use_case: str, path: str, body: Mapping[str, Any], key: str | None) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream", **_idempotency(key)}
        with self._opened(self._request("POST", use_case, path, json=body, headers=headers)) as answer:
            last = "delta"
            try:
                for event in _events(answer.iter_lines()):
                    if event.name == "error":
                        raise _described(event.data.get("error", {}), answer)
                    last = event.name
                    yield event
            except httpx.HTTPError as error:
                raise _cut(answer) from error
            if last == "delta":
                raise _cut(answer)

    @contextmanager
    def _opened(self, request: httpx.Request) -> Iterator[httpx.Response]:
        answer = self._try(request, self._auth(), stream=True)
        try:
            yield answer
        finally:
            answer.close()

    def probe(self, use_case: str, path: str) -> float:
        """Seconds that a cheap GET takes. A path that the API does not know is an answer, too: it was authorized."""
        begun = time.monotonic()
        try:
            self._send("GET", use_case, path, timeout=_PROBE_SECONDS)
        except Failure as failure:
            if failure.code != "not_found":
                raise
        return time.monotonic() - begun

    def fetch(self, url: str) -> bytes:
        """What a presigned URL leads to: no signature of ours goes with it."""
        return self._try(self._http.build_request("GET", url), None).content

    def upload(self, upload: Mapping[str, Any], name: str, content: bytes) -> None:
        """Posts a file by the form that an API answered with."""
        form = self._http.build_request("POST", upload["url"], data=upload["fields"], files={"file": (name, content)})
        self._try(form, None)

    def _request(self, method: str, use_case: str, path: str, **request: Any) -> httpx.Request:
        if not self._stage.has(use_case):
            raise Failure("not_deployed")
        return self._http.build_request(method, self._stage.urls[use_case] + path.lstrip("/"), **request)

    def _send(self, method: str, use_case: str, path: str, **request: Any) -> httpx.Response:
        return self._try(self._request(method, use_case, path, **request), self._auth())

    def _try(self, request: httpx.Request, auth: httpx.Auth | None, *, stream: bool = False) -> httpx.Response:
        try:
            answer = self._http.send(request, auth=auth, stream=stream)
            if answer.is_error:
                answer.read()
        except httpx.TimeoutException as error:
            raise Failure("deadline", str(error)) from error
        except httpx.HTTPError as error:
            raise Failure("unreachable", str(error)) from error
        if answer.is_error:
            raise _failure(answer)
        return answer

    def _auth(self) -> httpx.Auth | None:
        if self._stage.token:
            return _Bearer(self._stage.token)
        if self._stage.credentials is None:
            raise Failure("no_credentials")
        return SigV4(self._stage.credentials, self._stage.region)


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _trust(stage: Stage) -> Any:
    import ssl

    return ssl.create_default_context(cafile=stage.authority)


def _idempotency(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _await_first(failure: Failure, until: float) -> None:
    """Sleeps while the first request with the same key runs. Raises any other `failure`, and this one after `until`."""
    now = time.monotonic()
    if failure.code != "in_progress" or now > until:
        raise failure
    time.sleep(max(0.2, (failure.retry_at or now + 1) - now))


def _cut(answer: httpx.Response) -> Failure:
    return Failure("cut", "", answer.status_code, answer.headers.get("x-amzn-requestid"))


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        body: dict[str, Any] = answer.json()
    except ValueError as error:
        raise Failure("internal", status=answer.status_code) from error
    return body


def _failure(answer: httpx.Response) -> Failure:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = {}
    return _described(error if isinstance(error, dict) else {}, answer)


def _described(error: Mapping[str, Any], answer: httpx.Response) -> Failure:
    seconds = answer.headers.get("Retry-After", "")
    return Failure(
        code=str(error.get("code", "internal" if answer.status_code >= 500 else "unexpected")),
        message=str(error.get("message", "")),
        status=answer.status_code,
        request_id=error.get("requestId") or answer.headers.get("x-amzn-requestid"),
        details=list(error.get("details", [])),
        retry_at=time.monotonic() + int(seconds) if seconds.isdigit() else None,
    )


def _events(lines: Iterator[str]) -> Iterator[Event]:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html, as far as the APIs use it."""
    name, data = "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(name, json.loads("\n".join(data)))
            name, data = "message", []
            continue
        head, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if head == "event":
            name = value
        elif head == "data":
            data.append(value)
