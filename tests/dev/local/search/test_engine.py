"""Connections stay open, outlive a restart of the engine, and an engine that is gone is said to be."""

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
        # What the engine does to every connection when it is started again, without a word.
        self.close_connection = self.path == "/last"

    def log_message(self, *given: object) -> None:
        """Nothing."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    _Handler.connections = set()
    server = ThreadingHTTPServer((ports.LOOPBACK, 0), _Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    made = Engine(f"http://{ports.LOOPBACK}:{server.server_port}")
    yield made
    made.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_connection_is_used_again(engine: Engine) -> None:
    assert [engine.call("GET", "/")[0] for _ in range(3)] == [200] * 3
    assert len(_Handler.connections) == 1


def test_a_restart_in_between_is_not_noticed(engine: Engine) -> None:
    engine.call("GET", "/last")
    assert engine.call("GET", "/")[0] == 200
    assert len(_Handler.connections) == 2


def test_an_error_is_told_with_its_reason(engine: Engine) -> None:
    with pytest.raises(EngineRefused, match="no such index") as refusal:
        engine.ask("GET", "/missing")
    assert refusal.value.status == 404


def test_an_engine_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(EngineDown):
        Engine(f"http://{ports.LOOPBACK}:{ports.choose()}").call("GET", "/")
