"""Requests as they are and responses as they are: no retries, no idempotency keys, no exceptions for errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from bedrock_endpoints import Stage
from dev.local.identities import USERS
from dev.tools.stages import open_stage

TIMEOUT_SECONDS = 40


class UnknownCaller(LookupError):
    """The stage has no such caller."""


@dataclass(frozen=True)
class Response:
    """An API's response."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.body["error"]["code"])


class Caller:
    """Sends requests with the stage's signature, or without one."""

    def __init__(self, stage: Stage, *, signed: bool = True) -> None:
        self._stage = stage
        self._auth = stage.auth if signed else None
        self._http = httpx.Client(verify=stage.ssl_context, timeout=TIMEOUT_SECONDS, trust_env=stage.trust_env)

    def call(
        self,
        method: str,
        use_case: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        tamper: bool = False,
    ) -> Response:
        """Calls a use case's API. A body that is not bytes is sent as JSON; `tamper` breaks the signature."""
        url = self._stage.url(use_case) + path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        content_type = {} if content is None else {"Content-Type": "application/json"}
        request = self._http.build_request(method, url, content=content, headers={**content_type, **(headers or {})})
        auth = _Tampered(self._auth) if tamper and self._auth else self._auth
        return self._send(request, auth)

    def upload(self, form: Mapping[str, Any], content: bytes) -> Response:
        """Posts a file with a presigned form."""
        request = self._http.build_request("POST", form["url"], data=form["fields"], files={"file": ("file", content)})
        return self._send(request, None)

    def fetch(self, url: str) -> Response:
        """Requests a presigned URL."""
        return self._send(self._http.build_request("GET", url), None)

    def close(self) -> None:
        self._http.close()

    def _send(self, request: httpx.Request, auth: httpx.Auth | None) -> Response:
        response = self._http.send(request, auth=auth)
        return Response(response.status_code, response.headers, response.content)


class _Tampered(httpx.Auth):
    """Breaks the signature of another authentication."""

    requires_request_body = True

    def __init__(self, auth: httpx.Auth) -> None:
        self._auth = auth

    def auth_flow(self, request: httpx.Request) -> Any:
        next(self._auth.sync_auth_flow(request))
        request.headers["Authorization"] = request.headers["Authorization"][:-4] + "0000"
        yield request


class Target:
    """The stage under test and its callers. Raises `ConfigurationError`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stage = open_stage(name)
        self.local = name == "local"

    def caller(self, name: str) -> Caller:
        """A caller by name; a stage on AWS has only `caller`. Raises `UnknownCaller`."""
        if name not in (USERS if self.local else ("caller",)):
            raise UnknownCaller(f"the stage {self.name} has no {name}")
        return Caller(open_stage(self.name, name if self.local else None))

    def unsigned_caller(self) -> Caller:
        return Caller(self.stage, signed=False)
