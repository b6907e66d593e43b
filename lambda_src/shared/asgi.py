"""A use case's API as an ASGI application, for AWS Lambda Web Adapter: streams leave piece by piece.

The adapter turns an invocation into an HTTP request on loopback and adds two headers: the gateway's request context and
Lambda's own. It puts them over any of the same name, so a caller cannot choose who it is.
https://awslabs.github.io/aws-lambda-web-adapter/features/request-context.html
"""

import asyncio
import base64
import os
import re
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import msgspec

from lambda_src.shared.http import Api
from lambda_src.shared.sse import HEARTBEAT

# Well below the idle limit of anything on the way: load balancers and proxies begin at 30 s.
HEARTBEAT_SECONDS = 10.0
REQUEST_CONTEXT = "x-amzn-request-context"
LAMBDA_CONTEXT = "x-amzn-lambda-context"
# When the adapter does not say when Lambda ends the function: as long as the gateway waits for a plain answer.
FALLBACK_SECONDS = 29.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Remaining:
    """Lambda's context as far as `Api` asks: how long the invocation may still take."""

    def __init__(self, header: str | None) -> None:
        told = _object(header)
        # Milliseconds since 1970; the adapter's documentation and its runtime's library name it differently.
        ends = told.get("deadline") or told.get("deadline_ms")
        self._ends = ends / 1000 if isinstance(ends, int) else time.time() + FALLBACK_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return round((self._ends - time.time()) * 1000)


class App:
    """The ASGI application. `heartbeat` is the longest silence, in seconds."""

    def __init__(self, api: Api, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._api = api
        self._heartbeat = heartbeat

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = await _read(receive)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        opened = await asyncio.to_thread(
            self._api.respond, _event(scope, headers, body), Remaining(headers.get(LAMBDA_CONTEXT))
        )
        sent = [(name.lower().encode(), value.encode()) for name, value in opened.headers.items()]
        await send({"type": "http.response.start", "status": opened.status, "headers": sent})
        heartbeats = opened.headers.get("Content-Type", "").startswith("text/event-stream")
        gone = asyncio.create_task(_gone(receive))
        try:
            while piece := await self._next(opened.pieces, gone, send if heartbeats else None):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            await asyncio.to_thread(opened.pieces.close)
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _next(
        self, pieces: Generator[bytes], gone: "asyncio.Task[None]", heartbeats_to: Send | None
    ) -> bytes | None:
        """The next piece; None at the end, or when nobody listens any more."""
        coming = asyncio.create_task(asyncio.to_thread(next, pieces, None))
        while not coming.done():
            await asyncio.wait({coming, gone}, timeout=self._heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                # A generator at work cannot be closed: its piece is awaited, and not wanted any more.
                await coming
                return None
            if heartbeats_to and not coming.done():
                await heartbeats_to({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
        return coming.result()


def serve(api: Api) -> None:
    """Serves until Lambda ends the process."""
    import uvicorn

    uvicorn.run(
        App(api),
        host="127.0.0.1",
        port=int(os.environ.get("AWS_LWA_PORT", "8080")),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # The adapter keeps its connection, also over the time in which Lambda stops the clock.
        timeout_keep_alive=3600,
    )


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(scope: dict[str, Any], headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """The gateway's event as far as `Api` reads it. Streams have no query."""
    context = _object(headers.get(REQUEST_CONTEXT))
    resource = str(context.get("resourcePath", ""))
    return {
        "httpMethod": scope["method"],
        "resource": resource,
        "headers": headers,
        "pathParameters": _path_parameters(resource, scope["path"]),
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        "requestContext": context,
    }


def _path_parameters(resource: str, path: str) -> dict[str, str]:
    """Of the path's end: the stage's name may stand before it."""
    pattern = "".join(
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^}]+\})", resource)
    )
    found = re.search(f"{pattern}$", path)
    return found.groupdict() if found else {}


def _object(header: str | None) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(header or "{}")
    except msgspec.DecodeError:
        return {}
    return told if isinstance(told, dict) else {}
