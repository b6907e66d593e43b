"""
The stage's APIs as the page sees them, on one loopback port.

Requests are looked up in the use cases' own route tables and decoded with their types, and answers are checked against
them: a page that sends what the contract does not know, or a fake that answers what it does not say, fails here.
"""

import base64
import hashlib
import importlib
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

ACCESS_KEY, SECRET_KEY, REGION = "AKFAKE", "fake-secret", "us-west-2"
# Not in an order that would hide a page which forgets to sort or to escape.
HOSTILE = 'Loud <script>document.title="taken"</script> <b>bold</b> **stars** [link](https://example.com) :red[x] $y$'


@dataclass
class Call:
    """A request as it came."""

    method: str
    use_case: str
    path: str
    body: Any
    key: str | None


@dataclass
class Refusal(Exception):
    """An error in the contract's shape."""

    status: int
    code: str
    message: str = "as the test asked"
    retry_after: int | None = None
    details: list[dict[str, str]] = field(default_factory=list)


class Cut(Exception):
    """A service's stream raises it: the connection breaks."""


def route_table(use_case: str) -> Any:
    """The rows of a use case."""
    return importlib.import_module(f"lambda_src.{use_case.replace('-', '_')}.routes").ROUTES


class FakeApi:
    """The server. A use case is served when it has a class in `services`."""

    def __init__(self, services: dict[str, Any]) -> None:
        self.services = services
        self.calls: list[Call] = []
        self.refusals: deque[Refusal] = deque()
        """What the next `POST`s get instead of an answer."""
        self.seconds = 0.0
        """How long a `POST` takes."""
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
        """Everything as it was made."""
        self.calls.clear()
        self.refusals.clear()
        self.seconds = 0.0
        self._replays.clear()
        for service in self.services.values():
            service.__init__()
            service.url = self.url

    def posts(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.method == "POST" and call.path == path]

    def write_stage(self, folder: Path) -> Path:
        """The files of a local stage that has these APIs."""
        outputs = {f"bedrock-endpoints-local-{name}": {"Url": f"{self.url}/{name}/"} for name in self.services}
        (folder / "outputs.json").write_text(json.dumps(outputs))
        settings = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        (folder / "env").write_text("".join(f"export {name}='{value}'\n" for name, value in settings.items()))
        return folder

    def answer(self, method: str, target: str, headers: Any, raw: bytes) -> tuple[int, Any, dict[str, str]]:
        """Status, body (bytes as they are, an iterator piece by piece, else JSON) and headers."""
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
            _check_signature(headers.get("Authorization", ""))
            route, names = _find(use_case, method, path)
            body = _decoded(raw, route.request)
            with self._lock:
                self.calls.append(Call(method, use_case, path, json.loads(raw) if raw else None, key))
            if method == "POST":
                time.sleep(self.seconds)
                if self.refusals:
                    raise self.refusals.popleft()
            replayed = self._replays.get((f"{use_case}{path}", key or ""))
            if key and replayed:
                return *replayed, {"Idempotency-Replayed": "true"}
            status, found = self._run(use_case, route, names, body, dict(parse_qsl(parts.query)), request_id)
            if route.stream:
                keep = (
                    (lambda kept: self._replays.__setitem__((f"{use_case}{path}", key), (status, kept)))
                    if key
                    else None
                )
                return status, _events(route, found, request_id, keep), {"Content-Type": "text/event-stream"}
            if key:
                self._replays[f"{use_case}{path}", key] = status, found
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message, "requestId": request_id}
            if refusal.details:
                error["details"] = refusal.details  # type: ignore[assignment]
            more = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after is not None else {}
            return refusal.status, {"error": error}, more
        return status, found, {}

    def _run(
        self, use_case: str, route: Any, names: dict[str, str], body: Any, query: dict[str, str], request_id: str
    ) -> tuple[int, Any]:
        arguments: dict[str, Any] = dict(names)
        if route.request:
            arguments["body"] = body
        if route.query:
            arguments["query"] = msgspec.convert(query, route.query, strict=False)
        with self._lock:
            found = getattr(self.services[use_case], route.operation)(**arguments)
        if route.response is None or route.stream:
            return route.status, found
        answer = {**found, "requestId": request_id}
        msgspec.convert(answer, route.response)
        return route.status, answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body, headers = fake.answer(self.command, self.path, self.headers, raw)
                if isinstance(body, Iterator):
                    self._in_pieces(status, body, headers)
                    return
                data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _in_pieces(self, status: int, pieces: Iterator[bytes], headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for piece in pieces:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except (Cut, OSError):
                    self.close_connection = True

            do_GET = do_POST = do_DELETE = do_PATCH = _serve

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

        return Handler


def _check_signature(header: str) -> None:
    if not re.match(rf"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/\d{{8}}/{REGION}/execute-api/aws4_request, ", header):
        raise Refusal(401, "unauthorized", "The request carries no valid credentials.")


def _find(use_case: str, method: str, path: str) -> tuple[Any, dict[str, str]]:
    for route in route_table(use_case):
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path), path)
        if route.method == method and found:
            return route, found.groupdict()
    raise Refusal(404, "not_found", "There is no such route.")


def _decoded(raw: bytes, kind: Any) -> Any:
    if kind is None:
        return None
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        place = "body" + path.rstrip("`")
        raise Refusal(400, "invalid_request", message, details=[{"path": place, "message": message}]) from error


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _events(route: Any, items: Iterator[Any], request_id: str, keep: Any) -> Iterator[bytes]:
    """A service's texts and its last item as events; what is kept for a replay has the text in one piece."""
    said = ""
    yield b": heartbeat\n\n"
    try:
        for item in items:
            if isinstance(item, str):
                said += item
                yield _event("delta", {"text": item})
                continue
            answer = {**item, "requestId": request_id}
            msgspec.convert(answer, route.response)
            last = _event(route.stream, answer)
            if keep:
                keep(_event("delta", {"text": said}) + last)
            yield last
    except Refusal as refusal:
        yield _event("error", {"error": {"code": refusal.code, "message": refusal.message, "requestId": request_id}})


def page_of(items: list[Any], query: Any) -> dict[str, Any]:
    """A list's answer, newest first; the cursor is where to go on."""
    start = int(query.cursor or 0)
    end = start + query.limit
    answer: dict[str, Any] = {"items": items[start:end]}
    if end < len(items):
        answer["nextCursor"] = str(end)
    return answer


def times(count: int) -> str:
    """A time that grows with `count`."""
    return f"2026-11-03T{7 + count // 60:02}:{count % 60:02}:00Z"


def png(width: int, height: int, colour: str) -> bytes:
    """A picture of one colour with a lighter circle, as small as it gets."""
    import io

    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (width, height), colour)
    draw = ImageDraw.Draw(picture)
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
    picture.save(data, "PNG")
    return data.getvalue()


class Images:
    """Image generation."""

    url = ""
    SIZES = {"2:3": (240, 360), "1:1": (300, 300), "16:9": (480, 270)}
    COLOURS = ("#24516b", "#7a3b2e", "#3d5a3a", "#5b4a7d")

    def __init__(self) -> None:
        self.images: list[dict[str, Any]] = []

    def add(self, prompt: str, ratio: str = "2:3", seed: int = 7) -> dict[str, Any]:
        width, height = self.SIZES.get(ratio, (300, 300))
        count = len(self.images)
        data = base64.urlsafe_b64encode(png(width, height, self.COLOURS[count % 4])).decode()
        image = {
            "id": f"image-{count}", "url": f"{self.url}/files/{data}", "urlExpiresAt": "2026-11-03T23:00:00Z",
            "contentType": "image/png", "width": width, "height": height, "seed": seed, "prompt": prompt,
            "model": "stability.stable-image-core-v1:1", "createdAt": times(count),
        }  # fmt: skip
        self.images.append(image)
        return image

    def create_images(self, body: Any) -> dict[str, Any]:
        made = [self.add(body.prompt, body.aspect_ratio, (body.seed or 7) + index) for index in range(body.count)]
        return {"items": made, "model": made[0]["model"], "usage": {"images": body.count}}

    def list_or_create(self, query: Any) -> dict[str, Any]:
        return page_of(self.images[::-1], query)

    def get_image(self, id: str) -> dict[str, Any]:
        return next((one for one in self.images if one["id"] == id), None) or _missing()

    def delete_image(self, id: str) -> None:
        self.images = [one for one in self.images if one["id"] != id]


def _missing() -> dict[str, Any]:
    raise Refusal(404, "not_found", "There is nothing with this id.")


class Summaries:
    """Summarization: a report of the text's first line."""

    url = ""

    def __init__(self) -> None:
        self.summaries: list[dict[str, Any]] = []
        self.more: dict[str, Any] = {}
        """What tests want in the next reports."""

    def create_summary(self, body: Any) -> dict[str, Any]:
        summary = {
            "id": f"summary-{len(self.summaries)}",
            "report": {
                "title": (body.text or "A photo's report").strip().splitlines()[0][:60],
                "summary": "The pump tripped on over-temperature.\nIt stays out of service until the bearing is in.",
                "language": body.language or "en", "severity": "high",
                "equipment": "Booster pump P-204, Harland VX-80", "location": "Pump hall B",
                "occurredAt": "3 November 2026, 06:55",
                "symptoms": ["Drive-side bearing at 96 °C", "Grinding noise by hand"],
                "causes": ["Oil lost through a cracked seal"], "actionsTaken": ["Replaced the oil seal (4471-S)"],
                "actionsNeeded": ["Fit the bearing", "Laser alignment before restart"],
                "parts": ["Bearing 6311-2Z/C3, two pieces"], "safety": ["The coupling guard was off"],
                "missing": ["Who took the guard off"], **self.more,
            },
            "model": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "usage": {"inputTokens": 812, "outputTokens": 240},
            "createdAt": times(len(self.summaries)),
        }  # fmt: skip
        self.summaries.append(summary)
        return summary

    def list_summaries(self, query: Any) -> dict[str, Any]:
        return page_of(self.summaries[::-1], query)

    def get_summary(self, id: str) -> dict[str, Any]:
        return next((one for one in self.summaries if one["id"] == id), None) or _missing()

    def delete_summary(self, id: str) -> None:
        self.summaries = [one for one in self.summaries if one["id"] != id]


class EmbeddingsService:
    """Embeddings: a vector of the letters, so that like texts are near."""

    url = ""

    def vector(self, text: str, dimensions: int) -> list[float]:
        vector = [0.0] * dimensions
        for word in re.findall(r"\w{3,}", text.lower()):
            for place in hashlib.sha256(word[:4].encode()).digest()[:6]:
                vector[place % dimensions] += 1.0
        length = sum(value * value for value in vector) ** 0.5 or 1.0
        return [value / length for value in vector]

    def create_embeddings(self, body: Any) -> dict[str, Any]:
        items = [
            {"index": index, "vector": self.vector(text, body.dimensions), "inputTokens": len(text.split()) + 2}
            for index, text in enumerate(body.texts)
        ]
        used = sum(len(text.split()) + 2 for text in body.texts)
        return {
            "items": items, "dimensions": body.dimensions, "model": "amazon.titan-embed-text-v2:0",
            "usage": {"inputTokens": used},
        }  # fmt: skip


class Chat:
    """The chatbot: an echo in pieces, unless a test has put something else into `streams`."""

    url = ""
    MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"

    def __init__(self) -> None:
        self.conversations: list[dict[str, Any]] = []
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.streams: deque[list[Any]] = deque()
        """What the next answers are made of: pieces, pauses (seconds), `Refusal` or `Cut` to raise, None for an end."""
        self.stops = "end_turn"
        self.name: str | None = None
        """The title that the model finds, a little after the first turn."""

    def add(self, title: str = "", turns: int = 0, **more: Any) -> str:
        """A conversation, as old as it is early in the list."""
        count = len(self.conversations)
        made = {
            "id": f"conversation-{count}", "title": title, "model": self.MODEL, "createdAt": times(count),
            "updatedAt": times(count), "messageCount": 0, **more,
        }  # fmt: skip
        self.conversations.append(made)
        self.messages[made["id"]] = []
        for number in range(turns):
            self.turn(made["id"], f"Question {number}", f"Answer {number}")
        return str(made["id"])

    def turn(self, id: str, asked: str, said: str, photos: Any = ()) -> dict[str, Any]:
        conversation, messages = self.get_conversation(id), self.messages[id]
        for role, text in (("user", asked), ("assistant", said)):
            number = len(messages)
            messages.append({"id": f"{id}-{number}", "role": role, "text": text, "createdAt": times(number)})
        if photos:
            messages[-2]["photos"] = [
                {
                    "contentType": photo.content_type, "urlExpiresAt": "2026-11-03T23:00:00Z",
                    "url": f"{self.url}/files/{base64.urlsafe_b64encode(photo.data).decode()}",
                }
                for photo in photos
            ]  # fmt: skip
        conversation["messageCount"] = len(messages)
        conversation["title"] = conversation["title"] or asked[:40]
        return messages[-1]

    def create_conversation(self, body: Any) -> dict[str, Any]:
        told = {"instructions": body.instructions} if body.instructions else {}
        made = self.add(body.title or "", **told)
        self.get_conversation(made)["model"] = body.model or self.MODEL
        return self.get_conversation(made)

    def list_conversations(self, query: Any) -> dict[str, Any]:
        return page_of(self.conversations[::-1], query)

    def get_conversation(self, id: str) -> dict[str, Any]:
        return next((one for one in self.conversations if one["id"] == id), None) or _missing()

    def change_conversation(self, id: str, body: Any) -> dict[str, Any]:
        changes = {"title": body.title, "model": body.model}
        self.get_conversation(id).update({name: value for name, value in changes.items() if value})
        return self.get_conversation(id)

    def delete_conversation(self, id: str) -> None:
        self.conversations.remove(self.get_conversation(id))

    def list_messages(self, id: str, query: Any) -> dict[str, Any]:
        return page_of(self.messages[id][::-1], query) if self.get_conversation(id) else {}

    def stream_message(self, id: str, body: Any) -> Iterator[Any]:
        self.get_conversation(id)
        parts = self.streams.popleft() if self.streams else ["You said: ", body.text]
        return self._pieces(id, body, parts)

    def _pieces(self, id: str, body: Any, parts: list[Any]) -> Iterator[Any]:
        for part in parts:
            if isinstance(part, float):
                time.sleep(part)
            elif isinstance(part, str):
                yield part
            elif part is None:
                return
            else:
                raise part
        message = self.turn(id, body.text, "".join(part for part in parts if isinstance(part, str)), body.photos)
        if self.name and len(self.messages[id]) == 2:
            threading.Timer(0.5, self.get_conversation(id).update, [{"title": self.name}]).start()
        yield {
            "message": message, "stopReason": self.stops, "model": self.MODEL,
            "usage": {"inputTokens": 21, "outputTokens": 9},
        }  # fmt: skip


def services() -> dict[str, Any]:
    """Every use case that has a page. Others add theirs here."""
    from tests.ui.fake_hr_qa import HrQa
    from tests.ui.fake_playground import Playground

    return {
        "image-generation": Images(),
        "summarization": Summaries(),
        "embeddings": EmbeddingsService(),
        "hr-qa": HrQa(),
        "playground": Playground(),
        "chatbot": Chat(),
    }
