"""A fake of the APIs: it follows their contract, and fails on request."""

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


@dataclass
class Received:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    """Decoded JSON; the bytes of a form."""


@dataclass
class Response:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    events: Iterable[bytes] | None = None


class Invalid(Exception):
    """400 with the path of the invalid field."""


class NotFound(Exception):
    """404."""


def error(status: int, code: str, retry_after: int | None = None, **fields: Any) -> Response:
    content = {"code": code, "message": f"It is {code}.", "requestId": "r-error", **fields}
    return Response(status, {"error": content}, {} if retry_after is None else {"Retry-After": str(retry_after)})


def event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class FakeApis:
    """All APIs on one port.

    `planned` has responses (or functions that return them) for the next requests; None stands for the usual response.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.planned: deque[Response | Callable[..., Response] | None] = deque()
        self.deltas = ["Water ", "is lifted", " by it."]
        self.stream_end: list[bytes] | None = None
        """What ends a stream instead of the completion."""
        self.executed = 0
        """How many requests were executed, not counting replays and errors."""
        self.disconnected = threading.Event()
        self.files: dict[str, bytes] = {}
        """Content of presigned URLs, by path."""
        self.conversations: dict[str, list[dict[str, Any]]] = {}
        self.created: list[dict[str, Any]] = []
        self.replays: dict[str, tuple[Any, Response]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # A short poll interval, so that `close` is fast.
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

    def respond(self, request: Received) -> Response:
        if request.path.startswith("/files"):
            return Response(200, self.files.get(request.path))
        key = request.headers.get("Idempotency-Key")
        if key in self.replays:
            body, first = self.replays[key]
            return first if body == request.body else error(422, "idempotency_key_reused")
        try:
            response = self._route(request)
        except Invalid as invalid:
            details = [{"path": str(invalid), "message": "is invalid"}]
            return error(400, "invalid_request", details=details)
        except NotFound:
            return error(404, "not_found")
        self.executed += 1
        if key:
            self.replays[key] = (request.body, response)
        return response

    def _route(self, request: Received) -> Response:
        use_case, _, path = request.path.removeprefix("/").partition("/local")
        match request.method, use_case, path.strip("/").split("/"):
            case "POST", "p", ["completions"]:
                return Response(200, self._completion(request.body))
            case "POST", "p", ["completions", "stream"]:
                completion = event("completion", self._completion(request.body))
                deltas = [event("delta", {"text": text}) for text in self.deltas]
                return Response(
                    200,
                    events=[
                        b": heartbeat\n\n",
                        *deltas,
                        *([completion] if self.stream_end is None else self.stream_end),
                    ],
                )
            case "POST", "e", ["embeddings"]:
                return Response(200, _embeddings(request.body))
            case "POST", "h", ["searches"]:
                return Response(200, _searches(request.body))
            case "POST", "h", ["questions"]:
                return Response(200, _answer(request.body))
            case "GET", "h", ["questions"]:
                return Response(200, {"items": [{"id": "q-1", "question": "Why?", "answered": False}]})
            case "POST", "h", ["questions", question_id, "feedback"]:
                _check_fields(request.body, "helpful", "comment")
                return Response(200, {"id": question_id, "helpful": request.body["helpful"], "requestId": "r-1"})
            case method, "c", ["conversations", *rest]:
                return self._conversation(method, rest, request)
        raise NotFound

    def _completion(self, body: Any) -> Any:
        _check_fields(body, "model", "instructions", "prompt", "messages", "parameters")
        for number, message in enumerate(body.get("messages", [])):
            if message["role"] != ("user", "assistant")[number % 2] or not message["text"]:
                raise Invalid(f"body.messages[{number}].role")
        if not body.get("prompt") and body["messages"][-1]["role"] != "user":
            raise Invalid("body.messages.role")
        _check_fields(body.get("parameters", {}), "temperature", "topP", "topK", "maxTokens", "stopSequences")
        return {
            "text": "".join(self.deltas),
            "stopReason": "end_turn",
            "model": body.get("model", "us.default-v1:0"),
            "parameters": {"maxTokens": 1000, **body.get("parameters", {})},
            "usage": USAGE,
            "latencyMs": 12,
            "requestId": "r-1",
        }

    def _conversation(self, method: str, rest: list[str], request: Received) -> Response:
        if not rest and method == "GET":
            return Response(200, {"items": [{"id": name} for name in self.conversations], "requestId": "r-1"})
        if not rest and method == "POST":
            _check_fields(request.body, "title", "instructions", "model", "parameters")
            self.created.append(request.body)
            conversation_id = f"c-{len(self.created)}"
            self.conversations[conversation_id] = []
            return Response(201, {"id": conversation_id, "title": "", "messageCount": 0, "requestId": "r-1"})
        if rest[0] not in self.conversations:
            raise NotFound
        messages = self.conversations[rest[0]]
        match method, rest[1:]:
            case "DELETE", []:
                del self.conversations[rest[0]]
                return Response(204)
            case "GET", ["messages"]:
                start, size = int(request.query.get("cursor", 0)), int(request.query["limit"])
                newest_first = messages[::-1]
                more = {"nextCursor": str(start + size)} if start + size < len(messages) else {}
                return Response(200, {"items": newest_first[start : start + size], **more, "requestId": "r-1"})
            case "POST", ["turns"]:
                _check_fields(request.body, "user", "assistant")
                items = [
                    self._message(len(messages) + n, role, request.body[role]) for n, role in enumerate(request.body)
                ]
                messages += items
                return Response(201, {"items": items, "requestId": "r-1"})
        raise NotFound

    def _message(self, number: int, role: str, text: str) -> dict[str, Any]:
        return {"id": f"m-{number}", "role": role, "text": text, "createdAt": f"2026-11-24T10:00:{number % 60:02}Z"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        apis = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                is_form = self.headers.get("Content-Type", "").startswith("multipart/")
                body = raw if is_form else json.loads(raw) if raw else None
                request = Received(self.command, parts.path, query, dict(self.headers.items()), body)
                apis.received.append(request)
                plan = apis.planned.popleft() if apis.planned else None
                response = plan(apis, request) if callable(plan) else plan or apis.respond(request)
                if response.status == 0:
                    self.close_connection = True
                else:
                    self._write(response)

            do_GET = do_DELETE = do_POST

            def _write(self, response: Response) -> None:
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                if response.events is not None:
                    self.send_header("Content-Type", "text/event-stream; charset=utf-8")
                    self.send_header("Connection", "close")
                    self.end_headers()
                    self.close_connection = True
                    try:
                        for chunk in response.events:
                            self.wfile.write(chunk)
                    except OSError:
                        apis.disconnected.set()
                    return
                raw = response.body
                if not isinstance(raw, bytes):
                    raw = b"" if raw is None else json.dumps(raw, ensure_ascii=False).encode()
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def lose_response(apis: FakeApis, request: Received) -> Response:
    """Executes the request and closes the connection without a response."""
    apis.respond(request)
    return Response(0)


def respond_late(apis: FakeApis, request: Received) -> Response:
    """Executes the request and responds after the client's timeout."""
    response = apis.respond(request)
    time.sleep(0.5)
    return response


def _check_fields(body: dict[str, Any], *names: str) -> None:
    for name in body:
        if name not in names:
            raise Invalid(f"body.{name}")


def _embeddings(body: Any) -> Any:
    _check_fields(body, "texts", "dimensions", "normalize", "model")
    if not 1 <= len(body["texts"]) <= 96:
        raise Invalid("body.texts")
    items = [
        {"index": n, "vector": [len(text), *[0] * (body["dimensions"] - 1)]} for n, text in enumerate(body["texts"])
    ]
    return {"items": items[::-1], "dimensions": body["dimensions"], "model": "m", "usage": USAGE, "requestId": "r-1"}


def _searches(body: Any) -> Any:
    _check_fields(body, "query", "limit", "documents", "spaces")
    if body.get("documents") == []:
        raise Invalid("body.documents")
    document_id = body.get("documents", ["d-1"])[0]
    return {
        "items": [
            {
                "documentId": document_id,
                "document": "Rules",
                "contentType": "application/pdf",
                "page": n + 1,
                "section": "Leave",
                "text": f"Part {n}",
                "score": 1 / (n + 1),
            }
            for n in range(body["limit"])
        ],
        "requestId": "r-1",
    }


def _answer(body: Any) -> Any:
    _check_fields(body, "question", "history", "documents", "spaces", "language", "model")
    turns = body.get("history", [])
    for turn in turns:
        _check_fields(turn, "question", "answer")
    understood = " ".join([*(turn["question"] for turn in turns), body["question"]])
    return {
        **{
            "id": "q-1",
            "answer": "20 days.",
            "answered": True,
            "statements": [],
            "citations": [],
            "usage": USAGE,
            "requestId": "r-1",
        },
        **({"understoodAs": understood} if turns else {}),
    }


def running() -> Iterator[FakeApis]:
    apis = FakeApis()
    yield apis
    apis.close()
