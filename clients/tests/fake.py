"""A server that answers as the APIs' contract says, and goes wrong when it is told to."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ADDRESSES = {"playground": "/p", "embeddings": "/e", "hr-qa": "/h", "chatbot": "/c"}
USAGE = {"inputTokens": 7, "outputTokens": 3}
FORBIDDEN = "the caller may not"


@dataclass
class Received:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    events: Iterable[bytes] | None = None


class Invalid(Exception):
    """400 with the path of what is wrong."""


class Missing(Exception):
    """404."""


def error(status: int, code: str, retry_after: int | None = None, **more: Any) -> Answer:
    content = {"code": code, "message": f"It is {code}.", "requestId": "r-error", **more}
    return Answer(status, {"error": content}, {} if retry_after is None else {"Retry-After": str(retry_after)})


def event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class FakeApis:
    """All APIs on one port. `planned` holds what to do with the next requests instead of answering them; None: answer.

    `cut` in its place does the work and hangs up without a word.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.planned: deque[Answer | Callable[..., Answer] | None] = deque()
        self.words = ["Water ", "is lifted", " by it."]
        self.tail: list[bytes] | None = None
        self.work = 0
        self.hung_up = threading.Event()
        self.conversations: dict[str, list[dict[str, Any]]] = {}
        self.begun: list[dict[str, Any]] = []
        self.kept: dict[str, tuple[Any, Answer]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # Its loop looks up so often whether it is to stop.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, use_case: str) -> str:
        return f"{self.address}{ADDRESSES[use_case]}/local/"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def bodies(self) -> list[Any]:
        return [request.body for request in self.received]

    def answer(self, request: Received) -> Answer:
        key = request.headers.get("Idempotency-Key")
        if key in self.kept:
            body, first = self.kept[key]
            return first if body == request.body else error(422, "idempotency_key_reused")
        try:
            answer = self._route(request)
        except Invalid as wrong:
            details = [{"path": str(wrong), "message": "is wrong"}]
            return error(400, "invalid_request", details=details)
        except Missing:
            return error(404, "not_found")
        self.work += 1
        if key:
            self.kept[key] = (request.body, answer)
        return answer

    def _route(self, request: Received) -> Answer:
        use_case, _, path = request.path.removeprefix("/").partition("/local")
        match request.method, use_case, path.strip("/").split("/"):
            case "POST", "p", ["completions"]:
                return Answer(200, self._completion(request.body))
            case "POST", "p", ["completions", "stream"]:
                last = event("completion", self._completion(request.body))
                pieces = [event("delta", {"text": word}) for word in self.words]
                return Answer(200, events=[b": heartbeat\n\n", *pieces, *([last] if self.tail is None else self.tail)])
            case "POST", "e", ["embeddings"]:
                return Answer(200, _embeddings(request.body))
            case "POST", "h", ["searches"]:
                return Answer(200, _searches(request.body))
            case method, "c", ["conversations", *rest]:
                return self._conversation(method, rest, request)
        raise Missing

    def _completion(self, body: Any) -> Any:
        _known(body, "model", "instructions", "messages", "parameters")
        for number, message in enumerate(body["messages"]):
            if message["role"] != ("user", "assistant")[number % 2] or not message["text"]:
                raise Invalid(f"body.messages[{number}].role")
        if body["messages"][-1]["role"] != "user":
            raise Invalid("body.messages.role")
        _known(body.get("parameters", {}), "temperature", "topP", "topK", "maxTokens", "stopSequences")
        return {
            "text": "".join(self.words),
            "stopReason": "end_turn",
            "model": body.get("model", "us.default-v1:0"),
            "parameters": {"maxTokens": 1000, **body.get("parameters", {})},
            "usage": USAGE,
            "latencyMs": 12,
            "requestId": "r-1",
        }

    def _conversation(self, method: str, rest: list[str], request: Received) -> Answer:
        if not rest and method == "POST":
            _known(request.body, "title", "instructions", "model", "parameters")
            self.begun.append(request.body)
            made = f"c-{len(self.begun)}"
            self.conversations[made] = []
            return Answer(201, {"id": made, "title": "", "messageCount": 0, "requestId": "r-1"})
        if rest[0] not in self.conversations:
            raise Missing
        messages = self.conversations[rest[0]]
        match method, rest[1:]:
            case "DELETE", []:
                del self.conversations[rest[0]]
                return Answer(204)
            case "GET", ["messages"]:
                start, size = int(request.query.get("cursor", 0)), int(request.query["limit"])
                newest_first = messages[::-1]
                more = {"nextCursor": str(start + size)} if start + size < len(messages) else {}
                return Answer(200, {"items": newest_first[start : start + size], **more, "requestId": "r-1"})
            case "POST", ["turns"]:
                _known(request.body, "user", "assistant")
                items = [self._message(len(messages) + n, who, request.body[who]) for n, who in enumerate(request.body)]
                messages += items
                return Answer(201, {"items": items, "requestId": "r-1"})
        raise Missing

    def _message(self, number: int, who: str, text: str) -> dict[str, Any]:
        return {"id": f"m-{number}", "role": who, "text": text, "createdAt": f"2026-11-24T10:00:{number % 60:02}Z"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        apis = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = json.loads(raw) if raw else None
                request = Received(self.command, parts.path, query, dict(self.headers.items()), body)
                apis.received.append(request)
                plan = apis.planned.popleft() if apis.planned else None
                answer = plan if isinstance(plan, Answer) else plan(apis, request) if plan else apis.answer(request)
                if answer.status == 0:
                    self.close_connection = True
                else:
                    self._write(answer)

            do_GET = do_DELETE = do_POST

            def _write(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.events is not None:
                    self.send_header("Content-Type", "text/event-stream; charset=utf-8")
                    self.send_header("Connection", "close")
                    self.end_headers()
                    self.close_connection = True
                    try:
                        for piece in answer.events:
                            self.wfile.write(piece)
                    except OSError:
                        apis.hung_up.set()
                    return
                raw = b"" if answer.body is None else json.dumps(answer.body, ensure_ascii=False).encode()
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def cut(apis: FakeApis, request: Received) -> Answer:
    """The work is done, its answer is lost."""
    apis.answer(request)
    return Answer(0)


def late(apis: FakeApis, request: Received) -> Answer:
    """The work is done, and its answer comes too late."""
    answer = apis.answer(request)
    time.sleep(0.5)
    return answer


def _known(body: dict[str, Any], *names: str) -> None:
    for name in body:
        if name not in names:
            raise Invalid(f"body.{name}")


def _embeddings(body: Any) -> Any:
    _known(body, "texts", "dimensions", "normalize", "model")
    if not 1 <= len(body["texts"]) <= 96:
        raise Invalid("body.texts")
    items = [
        {"index": n, "vector": [len(text), *[0] * (body["dimensions"] - 1)]} for n, text in enumerate(body["texts"])
    ]
    return {"items": items[::-1], "dimensions": body["dimensions"], "model": "m", "usage": USAGE, "requestId": "r-1"}


def _searches(body: Any) -> Any:
    _known(body, "query", "limit", "documents")
    if body.get("documents") == []:
        raise Invalid("body.documents")
    named = body.get("documents", ["d-1"])[0]
    return {
        "items": [
            {"documentId": named, "document": "Rules", "page": n + 1, "text": f"Part {n}", "score": 1 / (n + 1)}
            for n in range(body["limit"])
        ],
        "requestId": "r-1",
    }


def running() -> Iterator[FakeApis]:
    apis = FakeApis()
    yield apis
    apis.close()
