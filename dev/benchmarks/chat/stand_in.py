"""Bedrock and DynamoDB for both sides: the same answers, after the same time, over plain HTTP on loopback.

`python -m dev.benchmarks.chat.stand_in MILLISECONDS` prints its port and answers until it is ended; that long it waits
before the model's answer begins. Its table keeps what is written, without looking at conditions, until it is frozen:
from then on every turn finds the same conversation.
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
# What the benchmark itself asks for; no AWS API has such a path.
FREEZE, CALLS = "/-/freeze", "/-/calls"
TEXT = "The boiler keeps its pressure when the valve by the pump is closed first and opened again at the end. "
PIECES = tuple(f"{word} " for word in TEXT.split())
_USAGE = {"inputTokens": 400, "outputTokens": len(PIECES), "totalTokens": 400 + len(PIECES)}
_SET = re.compile(r"(#?\w+) = (:\w+)")

Item = dict[str, Any]


class Answer(NamedTuple):
    """`model`: whether it is the model's, which takes its time."""

    body: bytes
    content_type: str = "application/x-amz-json-1.0"
    status: int = 200
    model: bool = False


class Table:
    """DynamoDB as far as both sides use it."""

    def __init__(self) -> None:
        self.frozen = False
        self._items: dict[tuple[str, ...], Item] = {}

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Raises `KeyError` for an operation that is not here."""
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
        """Those of a partition after a key, oldest first."""
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


class StandIn:
    """All services behind one address. `calls` counts them since they were last asked for."""

    def __init__(self) -> None:
        self._table = Table()
        self._calls: Counter[str] = Counter()

    def answer(self, path: str, target: str, body: bytes) -> Answer:
        """The answer to one request; `target` is the operation's name for services that have it in a header."""
        if path == FREEZE:
            self._table.frozen = True
            return Answer(b"{}")
        if path == CALLS:
            calls, self._calls = self._calls, Counter()
            return Answer(json.dumps(calls).encode())
        request = json.loads(body)
        if path.endswith("/converse"):
            self._calls[f"Converse of {len(request['messages'])} messages"] += 1
            return Answer(_CONVERSED, "application/json", model=True)
        if path.endswith("/converse-stream"):
            self._calls[f"ConverseStream of {len(request['messages'])} messages"] += 1
            return Answer(_STREAMED, eventstream.CONTENT_TYPE, model=True)
        operation = target.rpartition(".")[2]
        self._calls[operation or path] += 1
        try:
            return Answer(json.dumps(self._table.call(operation, request)).encode())
        except KeyError:
            return Answer(b'{"__type": "ValidationException"}', status=400)


class Connection(asyncio.Protocol):
    """One connection: a request after the other, all by hand, so that it costs next to nothing."""

    def __init__(self, stand_in: StandIn, model_seconds: float) -> None:
        self._stand_in = stand_in
        self._model_seconds = model_seconds
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._data = rest[length:]
        answer = self._stand_in.answer(first.split(" ")[1], headers.get("x-amz-target", ""), rest[:length])
        seconds = self._model_seconds if answer.model else 0
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        head = f"HTTP/1.1 {answer.status} -\r\nContent-Type: {answer.content_type}\r\n"
        self._transport.write(f"{head}Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body)


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
    """Serves until it is ended."""
    stand_in, seconds = StandIn(), float(sys.argv[1]) / 1000
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stand_in, seconds), HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
