"""A use case's API as an ASGI application behind AWS Lambda Web Adapter, which sends streams chunk by chunk.

The adapter turns an invocation into an HTTP request on loopback and adds two headers: the gateway's request context and
Lambda's own. It overwrites headers of the same name, so a caller cannot forge its identity.
https://awslabs.github.io/aws-lambda-web-adapter/features/request-context.html
"""

import asyncio
import base64
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from lambda_src.shared.http import Api
from lambda_src.shared.sse import HEARTBEAT
from lambda_src.shared.streams import ClosingIterator

# Well below the idle timeouts of load balancers and proxies, which start at 30 s.
HEARTBEAT_SECONDS = 10.0
REQUEST_CONTEXT = "x-amzn-request-context"
LAMBDA_CONTEXT = "x-amzn-lambda-context"
# The gateway's timeout for a plain response, used when the adapter sends no deadline.
FALLBACK_SECONDS = 29.0

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RemainingTime:
    """The part of Lambda's context that `Api` uses, from the adapter's header."""

    def __init__(self, header: str | None) -> None:
        context = _json_object(header)
        # Milliseconds since 1970. The adapter's documentation and its runtime library name it differently.
        deadline = context.get("deadline") or context.get("deadline_ms")
        self._end = deadline / 1000 if isinstance(deadline, int) else time.time() + FALLBACK_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return round((self._end - time.time()) * 1000)


class App:
    """The ASGI application. `heartbeat` is the longest silence of a stream, in seconds."""

    def __init__(self, api: Api, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._api = api
        self._heartbeat = heartbeat

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        event, remaining = _event(scope, headers, body), RemainingTime(headers.get(LAMBDA_CONTEXT))
        response = await asyncio.to_thread(self._api.respond, event, remaining)
        raw_headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()
        ]
        start = {"type": "http.response.start", "status": response.status, "headers": raw_headers}
        if isinstance(response.body, bytes):
            await send(start)
            await send(_chunk(response.body, more=False))
            return
        try:
            await send(start)
            await self._send_stream(response.body, receive, send)
        finally:
            await asyncio.to_thread(response.body.close)
        await send(_chunk(b"", more=False))

    async def _send_stream(self, chunks: ClosingIterator[bytes], receive: Receive, send: Send) -> None:
        disconnected = asyncio.create_task(_disconnected(receive))
        try:
            while chunk := await self._next_chunk(chunks, disconnected, send):
                await send(_chunk(chunk, more=True))
        finally:
            disconnected.cancel()

    async def _next_chunk(
        self, chunks: ClosingIterator[bytes], disconnected: "asyncio.Task[None]", send: Send
    ) -> bytes | None:
        """The next chunk; None at the end, or when the client has disconnected. Sends heartbeats until then."""
        chunk = asyncio.create_task(asyncio.to_thread(next, chunks, None))
        while not chunk.done():
            await asyncio.wait({chunk, disconnected}, timeout=self._heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if disconnected.done():
                # The iterator cannot be closed while it runs in its thread.
                await chunk
                return None
            if not chunk.done():
                await send(_chunk(HEARTBEAT, more=True))
        return chunk.result()


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
        # The adapter reuses its connection, also after Lambda has frozen the process between invocations.
        timeout_keep_alive=3600,
    )


def _chunk(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(scope: dict[str, Any], headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """The fields of the gateway's event that `Api` reads. Streams have no query."""
    context = _json_object(headers.get(REQUEST_CONTEXT))
    resource = str(context.get("resourcePath", ""))
    return {
        "httpMethod": scope["method"],
        "resource": resource,
        "headers": headers,
        "pathParameters": _path_parameters(resource, scope["raw_path"].decode("latin-1")),
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        "requestContext": context,
    }


def _path_parameters(resource: str, path: str) -> dict[str, str]:
    """Matched at the path's end: the stage name may come first. `%2F` is no slash, so values are decoded last."""
    names = resource.split("/")
    values = path.split("/")[-len(names) :]
    return {name[1:-1]: unquote(value) for name, value in zip(names, values, strict=False) if name.startswith("{")}


def _json_object(header: str | None) -> dict[str, Any]:
    """The adapter writes UTF-8, while headers are decoded as Latin-1."""
    try:
        value = msgspec.json.decode((header or "{}").encode("latin-1"))
    except (msgspec.DecodeError, UnicodeError):
        return {}
    return value if isinstance(value, dict) else {}
