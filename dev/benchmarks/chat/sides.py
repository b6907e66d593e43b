"""Functions as processes: one is invoked for each turn, the other is a server for streams."""

import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from dev.benchmarks.chat.mock_aws import HOST, PIECES, TEXT
from dev.benchmarks.cold_start import BenchmarkError
from dev.local import ports

START_SECONDS = 30
# Interval of readiness checks; the web adapter's is 10 ms.
POLL_SECONDS = 0.002
CALLER = "AIDABENCHMARK"
CONVERSATION = "/conversations/{id}"
QUESTION = "And what do I do when it has lost pressure over night although the valve was closed?"
_INVOKE = Path(__file__).with_name("invoke.py")


class Side(NamedTuple):
    """`handler` is in the unpacked folder `package`, the module `server` in `stream_package`."""

    name: str
    package: Path
    handler: str
    stream_package: Path
    server: str


class StreamResult(NamedTuple):
    """Milliseconds until the answer's first piece and until the stream's end, and the stream's content."""

    first_ms: float
    last_ms: float
    content: bytes


class _Process:
    """A context manager that kills the process at the end and then sets `cpu_ms`, its CPU time."""

    def __init__(self, command: list[str], package: Path, environment: dict[str, str], *, pipes: bool) -> None:
        self.cpu_ms = 0.0
        self._command = " ".join(command)
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            command,
            cwd=package,
            env={**environment, "PYTHONPATH": str(package)},
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_ms = (used.ru_utime + used.ru_stime) * 1000
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe:
                pipe.close()

    def failed(self, reason: object) -> BenchmarkError:
        """An error with the process's log."""
        self._log.seek(0)
        return BenchmarkError(f"{self._command}: {reason}\n{self._log.read()}")


class Turns(_Process):
    """A function without streaming."""

    def __init__(self, side: Side, python: Path, environment: dict[str, str]) -> None:
        super().__init__([str(python), "-P", str(_INVOKE), side.handler], side.package, environment, pipes=True)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invokes the function and returns the response's body."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(event) + "\n")
            self._process.stdin.flush()
            response = json.loads(self._process.stdout.readline() or "{}")
        except BrokenPipeError as error:
            raise self.failed(error) from error
        if response.get("statusCode") not in (200, 201):
            raise self.failed(response)
        body: dict[str, Any] = json.loads(response["body"])
        return body


class Streams(_Process):
    """A server behind the web adapter, with a persistent connection."""

    def __init__(self, side: Side, python: Path, environment: dict[str, str]) -> None:
        self._port = ports.choose()
        environment = {**environment, "AWS_LWA_PORT": str(self._port)}
        super().__init__([str(python), "-m", side.server], side.stream_package, environment, pipes=False)
        self._connection: http.client.HTTPConnection | None = None

    def invoke(self, conversation: str) -> StreamResult:
        """Reads one stream to its end; the first call waits for the server."""
        started = time.perf_counter()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(HOST, self._port, timeout=START_SECONDS)
            self._connection.sock = self._connected()
        path, body, headers = stream_request(conversation)
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        first_ms, content = 0.0, b""
        while line := response.readline():
            content += line
            if not first_ms and is_first_piece(line):
                first_ms = (time.perf_counter() - started) * 1000
        last_ms = (time.perf_counter() - started) * 1000
        if response.status != 200 or not first_ms or not is_complete(content):
            raise self.failed(f"returned {response.status}: {content!r}")
        return StreamResult(first_ms, last_ms, content)

    def _connected(self) -> socket.socket:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                connected = socket.create_connection((HOST, self._port), 1)
            except ConnectionRefusedError:
                time.sleep(POLL_SECONDS)
            else:
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connected
        raise self.failed("does not accept requests")


def event(route: str, conversation: str | None, body: dict[str, Any]) -> dict[str, Any]:
    """API Gateway's event for a POST request."""
    return {
        "httpMethod": "POST",
        "resource": route,
        "path": route.replace("{id}", conversation or ""),
        "headers": {"Content-Type": "application/json"},
        "queryStringParameters": None,
        "pathParameters": {"id": conversation} if conversation else None,
        "requestContext": _request_context(route),
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def turn(conversation: str) -> dict[str, Any]:
    """The event with the benchmark's question."""
    return event(f"{CONVERSATION}/messages", conversation, {"text": QUESTION})


def stream_request(conversation: str) -> tuple[str, bytes, dict[str, str]]:
    """The same question as sent by the web adapter: path, body, headers."""
    route = f"{CONVERSATION}/messages/stream"
    headers = {
        "Content-Type": "application/json",
        "x-amzn-request-context": json.dumps(_request_context(route)),
        "x-amzn-lambda-context": json.dumps({"deadline": round((time.time() + START_SECONDS) * 1000)}),
    }
    return route.replace("{id}", conversation), json.dumps({"text": QUESTION}).encode(), headers


def is_first_piece(line: bytes) -> bool:
    """Whether a line has the answer's first piece: both sides send pieces as JSON."""
    return line.startswith(b"data: ") and PIECES[0].encode() in line


def is_complete(content: bytes) -> bool:
    """Whether the stream has the complete answer and no error."""
    pieces = [json.loads(line[6:]) for line in content.splitlines() if line.startswith(b"data: ")]
    return "".join(piece.get("text", "") for piece in pieces) == TEXT


def _request_context(route: str) -> dict[str, Any]:
    identity = {"user": CALLER, "userArn": "arn:aws:iam::123456789012:user/benchmark"}
    return {"requestId": "benchmark", "resourcePath": route, "stage": "benchmark", "identity": identity}
