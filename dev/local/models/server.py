"""
The local models' HTTP server: Bedrock's paths, Textract's below `/model/textract/`, `GET /calls`, and `GET /health`.

It listens on the loopback interface without authentication: the emulator in front of it has authorized the call.
"""

import json
import logging
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from dev.local import eventstream
from dev.local.models import embeddings, images, scans
from dev.local.models.calls import Call, Calls, now, prompt_hash
from dev.local.models.converse import Converser
from dev.local.models.errors import ModelError, StreamCut, StreamError, invalid
from dev.local.models.runtimes import Runtimes
from dev.local.models.simulate import Events, Simulator, without_markers

logger = logging.getLogger("dev.local.models")

_MAX_BODY = 25 * 1024 * 1024
# Maximum number of concurrent requests; others wait. Each model also has a lock.
_MAX_CONCURRENT = 8
_DRAWING = 2


@dataclass(frozen=True)
class Result:
    """The result of a call: a body or a stream of events."""

    body: dict[str, Any]
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    events: Events | None = None

    @classmethod
    def with_usage(cls, body: dict[str, Any]) -> "Result":
        """A result with the tokens in the body's `usage`."""
        usage = body.get("usage") or {}
        return cls(body, usage.get("inputTokens", 0), usage.get("outputTokens", 0))


class LocalModels:
    """Calls the local model for a Bedrock model."""

    def __init__(self, runtimes: Runtimes, simulator: Simulator) -> None:
        self._runtimes = runtimes
        self._simulator = simulator
        self._converser = Converser(runtimes, simulator)
        self._reader = scans.Reader()
        self._drawing = threading.Semaphore(_DRAWING)

    def invoke(self, model: str, operation: str, request: dict[str, Any]) -> Result:
        """Runs an operation. Raises `ModelError`."""
        if operation == "converse":
            return Result.with_usage(self._converser.converse(model, request))
        if operation == "converse-stream":
            return Result({}, events=self._converser.stream(model, request))
        if operation == "invoke":
            return self._invoke(model, request)
        if (model, operation) == ("textract", "detect-document-text"):
            return Result(scans.detect(request, self._reader))
        raise invalid(f"The local stage has no operation {operation} for {model}; only Converse streams.")

    def _invoke(self, model: str, request: dict[str, Any]) -> Result:
        simulation = self._simulator.apply(model, _strings(request))
        request = _cleaned(request)
        if model.startswith("amazon.titan-embed-text-v2"):
            body, tokens = embeddings.titan(request, self._runtimes.embedder)
            return Result(body, input_tokens=tokens)
        if model.startswith("cohere.embed"):
            body, tokens = embeddings.cohere(model, request, self._runtimes.embedder)
            return Result(body, input_tokens=tokens)
        refuse = "refusal" in simulation
        with self._drawing:
            if model.startswith("stability."):
                body, count = images.stability(model, request, refuse=refuse)
                return Result(body, images=count)
            if model.startswith(("amazon.titan-image", "amazon.nova-canvas")):
                body, count = images.canvas(model, request, refuse=refuse)
                return Result(body, images=count)
        raise invalid(f"The local stage does not support InvokeModel for {model}; use Converse.")


def _strings(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(_strings(item) for item in value.values())
    return "\n".join(_strings(item) for item in value) if isinstance(value, list) else ""


def _cleaned(value: Any) -> Any:
    """The request without simulation markers, which must not be drawn or embedded. A text of markers only stays."""
    if isinstance(value, str):
        return without_markers(value) or value if "[[simulate:" in value else value
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def _chunk(content: bytes) -> bytes:
    """A chunk of a chunked body; an empty one ends the body."""
    return b"%x\r\n%b\r\n" % (len(content), content)


class Server(ThreadingHTTPServer):
    """One thread per connection; `slots` limits the concurrent model calls."""

    daemon_threads = True
    # The default of five would refuse some of twenty simultaneous requests.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], models: LocalModels, calls: Calls) -> None:
        super().__init__(address, Handler)
        self.models = models
        self.calls = calls
        self.slots = threading.Semaphore(_MAX_CONCURRENT)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    # A stream's small pieces must be sent immediately.
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """`/health`, and `/calls?model=&contains=`."""
        url = urlsplit(self.path)
        if url.path == "/health":
            self._send(200, {"status": "ok"})
        elif url.path == "/calls":
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            calls = self.server.calls.matching(query.get("model", ""), query.get("contains", ""))
            self._send(200, {"count": len(calls), "calls": calls})
        else:
            self._send(404, {"message": "Not found"})

    def do_POST(self) -> None:
        """`/model/{modelId}/{operation}`."""
        started = time.perf_counter()
        text = self._body()
        _, _, rest = self.path.partition("/model/")
        model, _, operation = rest.rpartition("/")
        model = unquote(model)
        note = partial(self._note, model, operation, text, started)
        # A simulated delay occupies a slot: a slow model delays other calls, too.
        with self.server.slots:
            result, error = self._run(model, operation, text)
            if result and result.events:
                self._stream(result.events, note)
                return
        result = result or Result({})
        spent = note(result, error.status if error else 200, error.code if error else "")
        if error:
            self._send(error.status, {"message": str(error)}, {"x-amzn-ErrorType": error.code})
            return
        headers = {"X-Amzn-Bedrock-Invocation-Latency": str(spent)}
        if operation == "invoke" and not result.images:
            headers["X-Amzn-Bedrock-Input-Token-Count"] = str(result.input_tokens)
            headers["X-Amzn-Bedrock-Output-Token-Count"] = str(result.output_tokens)
        self._send(200, result.body, headers)

    def _note(
        self, model: str, operation: str, text: str, started: float, result: Result, status: int, error: str
    ) -> int:
        """Logs a call. Returns its duration in milliseconds."""
        spent = round((time.perf_counter() - started) * 1000)
        self.server.calls.add(
            Call(
                now(), model, operation, status, spent, prompt_hash(text), result.input_tokens, result.output_tokens,
                result.images, error,
            ),
            # A page image has megabytes and no searchable text.
            "" if model == "textract" else text,
        )  # fmt: skip
        return spent

    def _stream(self, events: Events, note: "partial[int]") -> None:
        """Sends events as they arrive. After the first byte, an error is sent as an event."""
        result, failure, last = Result({}), "", b""
        try:
            self.send_response(200)
            self.send_header("Content-Type", eventstream.CONTENT_TYPE)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            # Closing the events stops the model.
            with closing(events):
                for event_type, content in events:
                    self.wfile.write(_chunk(eventstream.event(event_type, content)))
                    result = Result.with_usage(content) if event_type == "metadata" else result
        except StreamCut:
            failure = "cut"
        except (BrokenPipeError, ConnectionResetError):
            failure = "callerGone"
        except StreamError as error:
            failure, last = error.exception_type, eventstream.exception(error.exception_type, {"message": str(error)})
        except Exception:
            logger.exception("a stream failed")
            failure = "internalServerException"
            last = eventstream.exception(failure, {"message": "The local model failed; see .local/logs/models.log."})
        note(result, 200, failure)
        if failure in ("cut", "callerGone"):
            self.close_connection = True
        else:
            self._write((_chunk(last) if last else b"") + _chunk(b""))

    def _run(self, model: str, operation: str, text: str) -> tuple[Result | None, ModelError | None]:
        try:
            try:
                request = json.loads(text)
            except ValueError as failure:
                raise invalid("Malformed input request, please reformat your input and try again.") from failure
            if not isinstance(request, dict):
                raise invalid("Malformed input request: expected type: JSONObject")
            return self.server.models.invoke(model, operation, request), None
        except ModelError as failure:
            return None, failure
        except Exception:
            logger.exception("%s of %s failed", operation, model)
            return None, ModelError("InternalServerException", "The local model failed; see .local/logs/models.log.")

    def _body(self) -> str:
        length = min(int(self.headers.get("Content-Length") or 0), _MAX_BODY)
        return self.rfile.read(length).decode("utf-8", errors="replace")

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self._write(content)

    def _write(self, content: bytes) -> None:
        try:
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            # The caller stopped waiting, for example after a simulated timeout.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Disables the access log; the call log has more details."""
