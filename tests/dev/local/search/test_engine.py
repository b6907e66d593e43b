"""Connections are reused and survive a restart of the engine; a stopped engine is reported."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from dev.local import ports
from dev.local.search.engine import Engine, EngineDown, EngineRefused


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections: set[tuple[str, int]] = set()

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        body = json.dumps({"error": {"reason": "no such index"}} if self.path == "/missing" else {"ok": True}).encode()
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        # A restart of the engine closes every connection like this.
        self.close_connection = self.path == "/last"

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    _Handler.connections = set()
    server = ThreadingHTTPServer((ports.LOOPBACK, 0), _Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    engine = Engine(f"http://{ports.LOOPBACK}:{server.server_port}")
    yield engine
    engine.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_connection_is_reused(engine: Engine) -> None:
    assert [engine.call("GET", "/")[0] for _ in range(3)] == [200] * 3
    assert len(_Handler.connections) == 1


def test_a_restart_between_calls_is_transparent(engine: Engine) -> None:
    engine.call("GET", "/last")
    assert engine.call("GET", "/")[0] == 200
    assert len(_Handler.connections) == 2


def test_an_error_has_its_reason(engine: Engine) -> None:
    with pytest.raises(EngineRefused, match="no such index") as refusal:
        engine.request("GET", "/missing")
    assert refusal.value.status == 404


def test_a_stopped_engine_is_reported() -> None:
    with pytest.raises(EngineDown):
        Engine(f"http://{ports.LOOPBACK}:{ports.choose()}").call("GET", "/")
