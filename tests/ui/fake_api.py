"""
Fakes of the stage's APIs for the web UI, on one loopback port.

Requests and responses are validated with the use cases' route tables and types: a page that sends, or a fake that
returns, what the APIs don't know fails the test.
"""

import base64
import hashlib
import importlib
import itertools
import json
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tests.ui.browser import TIMEOUT_SECONDS

ACCESS_KEY, SECRET_KEY, REGION = "AKFAKE", "fake-secret", "us-west-2"
# HTML and Markdown that a page must escape.
HOSTILE = 'Loud <script>document.title="taken"</script> <b>bold</b> **stars** [link](https://example.com) :red[x] $y$'


@dataclass
class Call:
    """A received request."""

    method: str
    use_case: str
    path: str
    body: Any
    key: str | None
    authorization: str = ""


@dataclass
class ErrorResponse(Exception):
    """An error in the APIs' format."""

    status: int
    code: str
    message: str = "requested by the test"
    retry_after: int | None = None
    details: list[dict[str, Any]] = field(default_factory=list)


class ConnectionCut(Exception):
    """Raised within a stream: closes the connection."""


def route_table(use_case: str) -> Any:
    """The routes of a use case."""
    return importlib.import_module(f"lambda_src.{use_case.replace('-', '_')}.routes").ROUTES


class FakeApi:
    """The server of the use cases in `services`."""

    def __init__(self, services: dict[str, Any]) -> None:
        self.services = services
        self.users: dict[str, dict[str, Any]] | None = None
        """The services of each bearer token's user; None if requests are signed."""
        self.calls: list[Call] = []
        self.errors: deque[ErrorResponse] = deque()
        """The responses of the next `POST`s."""
        self.post_seconds = 0.0
        """The duration of a `POST`."""
        self.may_respond = threading.Event()
        """Cleared, it holds the responses to `POST`s back."""
        self.may_respond.set()
        self._replays: dict[tuple[str, str], tuple[int, Any]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        for service in services.values():
            service.url = self.url
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        """Restores the initial state."""
        self.calls.clear()
        self.errors.clear()
        self.post_seconds = 0.0
        self.may_respond.set()
        self._replays.clear()
        for service in self.services.values():
            service.__init__()
            service.url = self.url

    def posts(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.method == "POST" and call.path == path]

    def write_stage(self, folder: Path) -> Path:
        """Writes the files of a local stage with these APIs."""
        outputs = {f"bedrock-endpoints-local-{name}": {"Url": f"{self.url}/{name}/"} for name in self.services}
        (folder / "outputs.json").write_text(json.dumps(outputs))
        settings = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        (folder / "env").write_text("".join(f"export {name}='{value}'\n" for name, value in settings.items()))
        return folder

    def handle(self, method: str, target: str, headers: Any, raw: bytes) -> tuple[int, Any, dict[str, str]]:
        """Status, body (bytes, an iterator of chunks, or JSON) and headers."""
        parts = urlsplit(target)
        if parts.path.startswith("/files/"):
            return 200, base64.urlsafe_b64decode(parts.path.rsplit("/", 1)[1]), {"Content-Type": "image/png"}
        if parts.path.startswith("/stored/"):
            _, _, use_case, name = parts.path.split("/", 3)
            return self.services[use_case].store(method, name, headers, raw)
        _, use_case, path = parts.path.split("/", 2)
        path = "/" + path
        request_id = str(uuid.uuid4())
        key = headers.get("Idempotency-Key")
        try:
            authorization = headers.get("Authorization", "")
            services = self._authorized(authorization)
            route, path_parameters = _find(use_case, method, path)
            body = _decoded(raw, route.request)
            with self._lock:
                self.calls.append(Call(method, use_case, path, json.loads(raw) if raw else None, key, authorization))
            if method == "POST":
                time.sleep(self.post_seconds)
                self.may_respond.wait(TIMEOUT_SECONDS)
                if self.errors:
                    raise self.errors.popleft()
            replayed = self._replays.get((f"{use_case}{path}", key or ""))
            if key and replayed:
                return *replayed, {"Idempotency-Replayed": "true"}
            status, result = self._run(
                services[use_case], route, path_parameters, body, dict(parse_qsl(parts.query)), request_id
            )
            if route.stream:
                save = (
                    (lambda events: self._replays.__setitem__((f"{use_case}{path}", key), (status, events)))
                    if key
                    else None
                )
                return status, _events(route, result, request_id, save), {"Content-Type": "text/event-stream"}
            if key:
                self._replays[f"{use_case}{path}", key] = status, result
        except ErrorResponse as response:
            error = {"code": response.code, "message": response.message, "requestId": request_id}
            if response.details:
                error["details"] = response.details  # type: ignore[assignment]
            retry = {"Retry-After": str(response.retry_after)} if response.retry_after is not None else {}
            return response.status, {"error": error}, retry
        return status, result, {"Content-Type": "text/csv"} if isinstance(result, bytes) else {}

    def _authorized(self, authorization: str) -> dict[str, Any]:
        """The caller's services."""
        if self.users is None:
            _check_signature(authorization)
            return self.services
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or token not in self.users:
            raise ErrorResponse(401, "unauthorized", "The request carries no valid credentials.")
        return self.users[token]

    def _run(
        self,
        service: Any,
        route: Any,
        path_parameters: dict[str, str],
        body: Any,
        query: dict[str, str],
        request_id: str,
    ) -> tuple[int, Any]:
        arguments: dict[str, Any] = dict(path_parameters)
        if route.request:
            arguments["body"] = body
        if route.query:
            arguments["query"] = msgspec.convert(query, route.query, strict=False)
        with self._lock:
            result = getattr(service, route.operation)(**arguments)
        if route.response is None or route.stream or isinstance(result, bytes):
            return route.status, result
        response = {**result, "requestId": request_id}
        msgspec.convert(response, route.response)
        return route.status, response

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body, headers = fake.handle(self.command, self.path, self.headers, raw)
                if isinstance(body, Iterator):
                    self._send_chunks(status, body, headers)
                    return
                data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _send_chunks(self, status: int, chunks: Iterator[bytes], headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for chunk in chunks:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except (ConnectionCut, OSError):
                    self.close_connection = True

            do_GET = do_POST = do_DELETE = do_PATCH = _serve

            def log_message(self, *arguments: Any) -> None:
                """Logs nothing."""

        return Handler


def _check_signature(header: str) -> None:
    if not re.match(rf"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/\d{{8}}/{REGION}/execute-api/aws4_request, ", header):
        raise ErrorResponse(401, "unauthorized", "The request carries no valid credentials.")


def _find(use_case: str, method: str, path: str) -> tuple[Any, dict[str, str]]:
    for route in route_table(use_case):
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path), path)
        if route.method == method and match:
            return route, match.groupdict()
    raise ErrorResponse(404, "not_found", "There is no such route.")


def _decoded(raw: bytes, request_type: Any) -> Any:
    if request_type is None:
        return None
    try:
        return msgspec.json.decode(raw, type=request_type)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field_path = "body" + path.rstrip("`")
        raise ErrorResponse(
            400, "invalid_request", message, details=[{"path": field_path, "message": message}]
        ) from error


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _events(route: Any, items: Iterator[Any], request_id: str, save: Any) -> Iterator[bytes]:
    """A service's texts and its last item as events. A replay has the text in one event."""
    text = ""
    yield b": heartbeat\n\n"
    try:
        for item in items:
            if isinstance(item, str):
                text += item
                yield _event("delta", {"text": item})
                continue
            response = {**item, "requestId": request_id}
            msgspec.convert(response, route.response)
            last = _event(route.stream, response)
            if save:
                save(_event("delta", {"text": text}) + last)
            yield last
    except ErrorResponse as response:
        yield _event("error", {"error": {"code": response.code, "message": response.message, "requestId": request_id}})


def page_of(items: list[Any], query: Any) -> dict[str, Any]:
    """One page of a list. The cursor is the index of the next item."""
    start = int(query.cursor or 0)
    end = start + query.limit
    page: dict[str, Any] = {"items": items[start:end]}
    if end < len(items):
        page["nextCursor"] = str(end)
    return page


def timestamp(count: int) -> str:
    """A time, `count` minutes after the first one."""
    return f"2026-11-03T{7 + count // 60:02}:{count % 60:02}:00Z"


def png(width: int, height: int, color: str) -> bytes:
    """An image of a moon over a mountain."""
    import io

    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, height), color)
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.3, height * 0.15, width * 0.7, height * 0.15 + width * 0.4), fill="#f4e9c9")
    draw.polygon(
        [
            (0, height),
            (width * 0.35, height * 0.55),
            (width * 0.6, height * 0.8),
            (width, height * 0.5),
            (width, height),
        ],
        fill="#18242b",
    )
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def missing() -> dict[str, Any]:
    """Answers that there is no such thing."""
    raise ErrorResponse(404, "not_found", "Nothing has this id.")


def _missing() -> dict[str, Any]:
    raise ErrorResponse(404, "not_found", "Nothing has this id.")


class Embeddings:
    """Embeddings: hashes of the words, so that similar texts have similar vectors."""

    url = ""

    def vector(self, text: str, dimensions: int) -> list[float]:
        vector = [0.0] * dimensions
        for word in re.findall(r"\w{3,}", text.lower()):
            for index in hashlib.sha256(word[:4].encode()).digest()[:6]:
                vector[index % dimensions] += 1.0
        length = sum(value * value for value in vector) ** 0.5 or 1.0
        return [value / length for value in vector]

    def create_embeddings(self, body: Any) -> dict[str, Any]:
        items = [
            {"index": index, "vector": self.vector(text, body.dimensions), "inputTokens": len(text.split()) + 2}
            for index, text in enumerate(body.texts)
        ]
        tokens = sum(len(text.split()) + 2 for text in body.texts)
        return {
            "items": items, "dimensions": body.dimensions, "model": "amazon.titan-embed-text-v2:0",
            "usage": {"inputTokens": tokens},
        }  # fmt: skip


class Chatbot:
    """The chatbot: echoes the message, unless `streams` has another answer."""

    url = ""
    MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"

    def __init__(self) -> None:
        self.conversations: list[dict[str, Any]] = []
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.numbers = itertools.count()
        self.streams: deque[list[Any]] = deque()
        """The parts of the next answers.

        Text, a pause in seconds, an event to wait for, an exception to raise, or None to end the stream early.
        """
        self.stop_reason = "end_turn"
        self.stopped: set[str] = set()
        """The conversations whose answer was stopped."""
        self.unreadable: dict[str, dict[str, str]] = {}
        """Why a document can't be read, by its name."""
        self.notices_stops = True
        """Whether a stop ends the answer."""
        self.generated_title: str | None = None
        """The title that replaces the first one shortly after the first turn."""

    def add(self, title: str = "", turns: int = 0, **fields: Any) -> str:
        """Creates a conversation; later ones are newer."""
        count = len(self.conversations)
        conversation = {
            "id": f"conversation-{count}", "title": title, "model": self.MODEL, "createdAt": timestamp(count),
            "updatedAt": timestamp(count), "messageCount": 0, **fields,
        }  # fmt: skip
        self.conversations.append(conversation)
        self.messages[conversation["id"]] = []
        for number in range(turns):
            self.add_turn(conversation["id"], f"Question {number}", f"Answer {number}")
        return str(conversation["id"])

    def add_turn(self, id: str, question: str, answer: str, photos: Any = (), stop: str = "") -> dict[str, Any]:
        conversation, messages = self.get_conversation(id), self.messages[id]
        for role, text in (("user", question), ("assistant", answer)):
            number = next(self.numbers)
            messages.append({"id": f"{id}-{number}", "role": role, "text": text, "createdAt": timestamp(number)})
        messages[-1]["stopReason"] = stop or self.stop_reason
        conversation["updatedAt"] = messages[-1]["createdAt"]
        if photos:
            messages[-2]["photos"] = [
                {
                    "contentType": photo.content_type, "urlExpiresAt": "2026-11-03T23:00:00Z",
                    "url": f"{self.url}/files/{base64.urlsafe_b64encode(photo.data).decode()}",
                }
                for photo in photos
            ]  # fmt: skip
        conversation["messageCount"] = len(messages)
        conversation["title"] = conversation["title"] or question[:40]
        return messages[-1]

    def create_conversation(self, body: Any) -> dict[str, Any]:
        fields = {"instructions": body.instructions} if body.instructions else {}
        conversation = self.get_conversation(self.add(body.title or "", **fields))
        conversation["model"] = body.model or self.MODEL
        return conversation

    def list_conversations(self, query: Any) -> dict[str, Any]:
        found = [each for each in self.conversations[::-1] if query.search is None or self._has(each, query.search)]
        return page_of(found, query)

    def _has(self, conversation: dict[str, Any], text: str) -> bool:
        texts = [conversation["title"], *(message["text"] for message in self.messages[conversation["id"]])]
        return any(text.lower() in each.lower() for each in texts)

    def get_conversation(self, id: str) -> dict[str, Any]:
        return next((item for item in self.conversations if item["id"] == id), None) or missing()

    def change_conversation(self, id: str, body: Any) -> dict[str, Any]:
        changes = {"title": body.title, "model": body.model}
        self.get_conversation(id).update({name: value for name, value in changes.items() if value})
        return self.get_conversation(id)

    def delete_conversation(self, id: str, query: Any) -> None:
        if query.only_empty and self.messages[id]:
            raise ErrorResponse(409, "conflict", "The conversation has messages.")
        self.conversations.remove(self.get_conversation(id))

    def list_messages(self, id: str, query: Any) -> dict[str, Any]:
        return page_of(self.messages[id][::-1], query) if self.get_conversation(id) else {}

    def stream_message(self, id: str, body: Any) -> Iterator[Any]:
        self.get_conversation(id)
        self.stopped.discard(id)
        for index, document in enumerate(body.documents):
            if reason := self.unreadable.get(document.name):
                path = f"body.documents[{index}]"
                raise ErrorResponse(400, "invalid_request", reason["message"], details=[{"path": path, **reason}])
        text, photos, kept = body.text, body.photos, len(self.messages[id])
        if body.replaces:
            ids = [message["id"] for message in self.messages[id]]
            if body.replaces not in ids:
                raise ErrorResponse(409, "conflict", "The message to replace is no longer in the conversation.")
            kept = ids.index(body.replaces) // 2 * 2
            text = text or self.messages[id][kept]["text"]
        documents = [
            {"name": each.name, "contentType": "application/pdf", "characters": len(each.content), "pages": 2}
            for each in body.documents
        ]
        if body.replaces and (body.text is None or body.keep_documents):
            documents += self.messages[id][kept].get("documents", [])
        parts = self.streams.popleft() if self.streams else ["Echo: ", text]
        return self._stream(id, text, photos, documents, kept, parts)

    def stop_answer(self, id: str) -> None:
        self.get_conversation(id)
        self.stopped.add(id)

    def give_feedback(self, id: str, message: str, body: Any) -> dict[str, Any]:
        rated = next((each for each in self.messages[id] if each["id"] == message), None) or _missing()
        rated["feedback"] = {"helpful": body.helpful, **({"comment": body.comment} if body.comment else {})}
        return {"id": message, "helpful": body.helpful}

    def _is_stopped(self, id: str) -> bool:
        return self.notices_stops and id in self.stopped

    def _stream(
        self, id: str, text: str, photos: Any, documents: list[Any], kept: int, parts: list[Any]
    ) -> Iterator[Any]:
        sent = []
        for part in parts:
            if self._is_stopped(id):
                break
            if isinstance(part, float):
                time.sleep(part)
            elif isinstance(part, threading.Event):
                while not part.wait(0.02) and not self._is_stopped(id):
                    pass
            elif isinstance(part, str):
                sent.append(part)
                yield part
            elif part is None:
                return
            else:
                raise part
        stopped = self._is_stopped(id)
        if stopped and not sent:
            raise ErrorResponse(409, "stopped", "The answer was stopped before it had any text.")
        replaced = self.messages[id][kept] if kept < len(self.messages[id]) else {}
        del self.messages[id][kept:]
        message = self.add_turn(id, text, "".join(sent), photos, "stopped" if stopped else "")
        if documents:
            self.messages[id][-2]["documents"] = documents
        if "photos" in replaced and not photos:
            self.messages[id][-2]["photos"] = replaced["photos"]
        if self.generated_title and len(self.messages[id]) == 2:
            threading.Timer(0.5, self.get_conversation(id).update, [{"title": self.generated_title}]).start()
        yield {
            "message": message, "stopReason": message["stopReason"], "model": self.MODEL,
            "usage": {"inputTokens": 21, "outputTokens": 9},
        }  # fmt: skip


def services() -> dict[str, Any]:
    """The fakes of all use cases that have a page."""
    from tests.ui.fake_credit_risk import CreditRisk
    from tests.ui.fake_hr_qa import HrQa
    from tests.ui.fake_images import ImageGeneration
    from tests.ui.fake_playground import Playground
    from tests.ui.fake_summarization import Summarization
    from tests.ui.fake_usage import Usage

    return {
        "image-generation": ImageGeneration(),
        "summarization": Summarization(),
        "embeddings": Embeddings(),
        "hr-qa": HrQa(),
        "playground": Playground(),
        "chatbot": Chatbot(),
        "credit-risk": CreditRisk(),
        "usage": Usage(),
    }
