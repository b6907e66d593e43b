"""
The stand-in's HTTP side: Bedrock's paths, Textract's under `/model/textract/`, and `GET /calls` and `/health` of its
own.

Loopback only and without authentication: the emulator in front of it has checked the signature and asked IAM.
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
# Requests at work at once; the others wait. Each model has a lock of its own beside it.
_AT_WORK = 8
_DRAWING = 2


@dataclass(frozen=True)
class Reply:
    """What a call came to: a body, or events that are still to come."""

    body: dict[str, Any]
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    events: Events | None = None

    @classmethod
    def used(cls, body: dict[str, Any]) -> "Reply":
        """With the tokens of its `usage`."""
        usage = body.get("usage") or {}
        return cls(body, usage.get("inputTokens", 0), usage.get("outputTokens", 0))


class StandIn:
    """Finds what stands in for a model, and runs it."""

    def __init__(self, runtimes: Runtimes, simulator: Simulator) -> None:
        self._runtimes = runtimes
        self._simulator = simulator
        self._converser = Converser(runtimes, simulator)
        self._reader = scans.Reader()
        self._drawing = threading.Semaphore(_DRAWING)

    def answer(self, model: str, operation: str, request: dict[str, Any]) -> Reply:
        """Raises `ModelError`."""
        if operation == "converse":
            return Reply.used(self._converser.converse(model, request))
        if operation == "converse-stream":
            return Reply({}, events=self._converser.stream(model, request))
        if operation == "invoke":
            return self._invoke(model, request)
        if (model, operation) == ("textract", "detect-document-text"):
            return Reply(scans.detect(request, self._reader))
        raise invalid(f"The stand-in has no operation {operation} for {model}; only Converse streams.")

    def _invoke(self, model: str, request: dict[str, Any]) -> Reply:
        asked = self._simulator.apply(_strings(request))
        request = _cleaned(request)
        if model.startswith("amazon.titan-embed-text-v2"):
            body, tokens = embeddings.titan(request, self._runtimes.embedder)
            return Reply(body, input_tokens=tokens)
        if model.startswith("cohere.embed"):
            body, tokens = embeddings.cohere(model, request, self._runtimes.embedder)
            return Reply(body, input_tokens=tokens)
        refuse = "refusal" in asked
        with self._drawing:
            if model.startswith("stability."):
                body, count = images.stability(model, request, refuse=refuse)
                return Reply(body, images=count)
            if model.startswith(("amazon.titan-image", "amazon.nova-canvas")):
                body, count = images.canvas(model, request, refuse=refuse)
                return Reply(body, images=count)
        raise invalid(f"The stand-in has no InvokeModel form for {model}; call it by Converse.")


def _strings(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(_strings(item) for item in value.values())
    return "\n".join(_strings(item) for item in value) if isinstance(value, list) else ""


def _cleaned(value: Any) -> Any:
    """The request without markers: they must not be drawn or embedded. A text that is nothing else stays."""
    if isinstance(value, str):
        return without_markers(value) or value if "[[simulate:" in value else value
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def _chunk(content: bytes) -> bytes:
    """A piece of a body whose length is not known; an empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(content), content)


class Server(ThreadingHTTPServer):
    """One thread a connection; `at_work` bounds those that do something."""

    daemon_threads = True
    # Twenty equal requests arrive in the same moment; the default of five would refuse some.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], stand_in: StandIn, calls: Calls) -> None:
        super().__init__(address, Handler)
        self.stand_in = stand_in
        self.calls = calls
        self.at_work = threading.Semaphore(_AT_WORK)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    # A stream's pieces are small and leave at once.
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """`/health`, and `/calls?model=&contains=`."""
        url = urlsplit(self.path)
        if url.path == "/health":
            self._send(200, {"status": "ok"})
        elif url.path == "/calls":
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            found = self.server.calls.matching(query.get("model", ""), query.get("contains", ""))
            self._send(200, {"count": len(found), "calls": found})
        else:
            self._send(404, {"message": "Not found"})

    def do_POST(self) -> None:
        """`/model/{modelId}/{operation}`."""
        begun = time.perf_counter()
        text = self._body()
        _, _, rest = self.path.partition("/model/")
        model, _, operation = rest.rpartition("/")
        model = unquote(model)
        note = partial(self._note, model, operation, text, begun)
        # A simulated wait keeps its place: a slow model is slow for the others, too.
        with self.server.at_work:
            reply, error = self._run(model, operation, text)
            if reply and reply.events:
                self._stream(reply.events, note)
                return
        told = reply or Reply({})
        spent = note(told, error.status if error else 200, error.code if error else "")
        if error:
            self._send(error.status, {"message": str(error)}, {"x-amzn-ErrorType": error.code})
            return
        headers = {"X-Amzn-Bedrock-Invocation-Latency": str(spent)}
        if operation == "invoke" and not told.images:
            headers["X-Amzn-Bedrock-Input-Token-Count"] = str(told.input_tokens)
            headers["X-Amzn-Bedrock-Output-Token-Count"] = str(told.output_tokens)
        self._send(200, told.body, headers)

    def _note(self, model: str, operation: str, text: str, begun: float, told: Reply, status: int, error: str) -> int:
        """Log a call. Returns the milliseconds it took."""
        spent = round((time.perf_counter() - begun) * 1000)
        self.server.calls.add(
            Call(
                now(), model, operation, status, spent, prompt_hash(text), told.input_tokens, told.output_tokens,
                told.images, error,
            ),
            # A page's picture is megabytes, and has no text to look for.
            "" if model == "textract" else text,
        )  # fmt: skip
        return spent

    def _stream(self, events: Events, note: "partial[int]") -> None:
        """Send each event when it is there. Once the first byte is out, an error is an event, too."""
        told, failure, last = Reply({}), "", b""
        try:
            self.send_response(200)
            self.send_header("Content-Type", eventstream.CONTENT_TYPE)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            # Closed by hand: the model writes on until it hears that nobody reads any more.
            with closing(events):
                for kind, content in events:
                    self.wfile.write(_chunk(eventstream.event(kind, content)))
                    told = Reply.used(content) if kind == "metadata" else told
        except StreamCut:
            failure = "cut"
        except (BrokenPipeError, ConnectionResetError):
            failure = "callerGone"
        except StreamError as error:
            failure, last = error.kind, eventstream.exception(error.kind, {"message": str(error)})
        except Exception:
            logger.exception("a stream failed")
            failure = "internalServerException"
            last = eventstream.exception(failure, {"message": "The stand-in failed; see .local/logs/models.log."})
        note(told, 200, failure)
        if failure in ("cut", "callerGone"):
            self.close_connection = True
        else:
            self._write((_chunk(last) if last else b"") + _chunk(b""))

    def _run(self, model: str, operation: str, text: str) -> tuple[Reply | None, ModelError | None]:
        try:
            try:
                request = json.loads(text)
            except ValueError as failure:
                raise invalid("Malformed input request, please reformat your input and try again.") from failure
            if not isinstance(request, dict):
                raise invalid("Malformed input request: expected type: JSONObject")
            return self.server.stand_in.answer(model, operation, request), None
        except ModelError as failure:
            return None, failure
        except Exception:
            logger.exception("%s of %s failed", operation, model)
            return None, ModelError("InternalServerException", "The stand-in failed; see .local/logs/models.log.")

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
            # A caller that stopped waiting: that is what a simulated timeout is for.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """The call log says more."""
