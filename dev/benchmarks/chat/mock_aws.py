"""A mock of Bedrock and DynamoDB for both sides, with fixed responses and delays, over plain HTTP on loopback.

`python -m dev.benchmarks.chat.mock_aws MILLISECONDS` prints its port and serves until it is killed. The model responds
after the given delay. The table stores writes without checking conditions until it is frozen; then writes have no
effect, so that every turn reads the same conversation.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from dev.local import eventstream

HOST = "127.0.0.1"
# Paths for the benchmark itself, which no AWS API has.
FREEZE, CALLS = "/-/freeze", "/-/calls"
TEXT = "The boiler keeps its pressure when the valve by the pump is closed first and opened again at the end. "
PIECES = tuple(f"{word} " for word in TEXT.split())
_USAGE = {"inputTokens": 400, "outputTokens": len(PIECES), "totalTokens": 400 + len(PIECES)}
_SET = re.compile(r"(#?\w+) = (:\w+)")

Item = dict[str, Any]


class Response(NamedTuple):
    """`model` marks responses of the model, which are delayed."""

    body: bytes
    content_type: str = "application/x-amz-json-1.0"
    status: int = 200
    model: bool = False


class Table:
    """The DynamoDB operations that both sides use."""

    def __init__(self) -> None:
        self.frozen = False
        self._items: dict[tuple[str, ...], Item] = {}

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Runs an operation. Raises `KeyError` for an unsupported one."""
        calls = {
            "GetItem": self._get,
            "Query": self._query,
            "UpdateItem": self._update,
            "TransactWriteItems": self._transact,
        }
        return calls[operation](request)

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        item = self._items.get(_key(request["Key"]))
        return {"Item": item} if item else {}

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        """The items of a partition after a key, oldest first."""
        start = _key(request["ExclusiveStartKey"])
        keys = sorted(key for key in self._items if key[0] == start[0] and key > start)
        return {"Items": [self._items[key] for key in keys], "Count": len(keys), "ScannedCount": len(keys)}

    def _transact(self, request: dict[str, Any]) -> dict[str, Any]:
        for write in request["TransactItems"]:
            if "Update" in write:
                self._update(write["Update"])
            elif not self.frozen:
                item = write["Put"]["Item"]
                self._items[item["pk"]["S"], item["sk"]["S"]] = item
        return {}

    def _update(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.frozen:
            return {}
        names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
        item = self._items.setdefault(_key(request["Key"]), dict(request["Key"]))
        item |= {names.get(name, name): values[value] for name, value in _SET.findall(request["UpdateExpression"])}
        return {}


class MockAws:
    """All services at one address. The path `CALLS` returns the calls since the last time."""

    def __init__(self) -> None:
        self._table = Table()
        self._calls: Counter[str] = Counter()

    def respond(self, path: str, target: str, body: bytes) -> Response:
        """The response to one request; `target` is the operation for services that have it in a header."""
        if path == FREEZE:
            self._table.frozen = True
            return Response(b"{}")
        if path == CALLS:
            calls, self._calls = self._calls, Counter()
            return Response(json.dumps(calls).encode())
        request = json.loads(body)
        if path.endswith("/converse"):
            self._calls[f"Converse of {len(request['messages'])} messages"] += 1
            return Response(_CONVERSED, "application/json", model=True)
        if path.endswith("/converse-stream"):
            self._calls[f"ConverseStream of {len(request['messages'])} messages"] += 1
            return Response(_STREAMED, eventstream.CONTENT_TYPE, model=True)
        operation = target.rpartition(".")[2]
        self._calls[operation or path] += 1
        try:
            return Response(json.dumps(self._table.call(operation, request)).encode())
        except KeyError:
            return Response(b'{"__type": "ValidationException"}', status=400)


class Connection(asyncio.Protocol):
    """One connection with sequential requests; implemented by hand to minimize its overhead."""

    def __init__(self, mock_aws: MockAws, model_seconds: float) -> None:
        self._mock_aws = mock_aws
        self._model_seconds = model_seconds
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, rest = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._data = rest[length:]
        response = self._mock_aws.respond(first.split(" ")[1], headers.get("x-amz-target", ""), rest[:length])
        seconds = self._model_seconds if response.model else 0
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._send, response)
        else:
            self._send(response)

    def _send(self, response: Response) -> None:
        head = f"HTTP/1.1 {response.status} -\r\nContent-Type: {response.content_type}\r\n"
        self._transport.write(f"{head}Content-Length: {len(response.body)}\r\n\r\n".encode() + response.body)


def _key(key: Item) -> tuple[str, ...]:
    return tuple(key[name]["S"] for name in sorted(key))


def _events() -> Iterator[bytes]:
    yield eventstream.event("messageStart", {"role": "assistant"})
    for piece in PIECES:
        yield eventstream.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
    yield eventstream.event("contentBlockStop", {"contentBlockIndex": 0})
    yield eventstream.event("messageStop", {"stopReason": "end_turn"})
    yield eventstream.event("metadata", {"usage": _USAGE, "metrics": {"latencyMs": 1}})


_STREAMED = b"".join(_events())
_CONVERSED = json.dumps(
    {
        "output": {"message": {"role": "assistant", "content": [{"text": TEXT}]}},
        "stopReason": "end_turn",
        "usage": _USAGE,
        "metrics": {"latencyMs": 1},
    }
).encode()


async def main() -> None:
    """Serves until the process is killed."""
    mock_aws, seconds = MockAws(), float(sys.argv[1]) / 1000
    server = await asyncio.get_running_loop().create_server(lambda: Connection(mock_aws, seconds), HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
