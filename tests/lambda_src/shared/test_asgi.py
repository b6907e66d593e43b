"""The ASGI application: what the web adapter sends becomes the gateway's event, and pieces leave as they are made."""

import asyncio
import json
import threading
import time
from collections.abc import Generator, Iterator
from http.client import HTTPConnection
from typing import Any

import msgspec
import pytest
import uvicorn

from lambda_src.shared.asgi import App, RemainingTime
from lambda_src.shared.http import Api
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import ListQuery, RequestModel, ResponseModel
from tests.fakes import CALLER, settings


class Wish(RequestModel):
    text: str


class Done(ResponseModel):
    echo: str
    request_id: str


ROUTES = (
    Route(
        method="POST",
        path="/things/{id}/stream",
        operation="tell",
        summary="",
        request=Wish,
        response=Done,
        stream="done",
    ),
    Route(method="GET", path="/things/{id}", operation="show", summary="", query=ListQuery, response=Done),
)
CONTEXT = {"requestId": "r-1", "resourcePath": "/things/{id}/stream", "identity": {"userArn": CALLER}}
SILENCE = 0.05


class Seen(ResponseModel):
    caller: str
    id: str
    seconds: float


class Teller:
    """Waits for a permit before each piece."""

    def __init__(self) -> None:
        self.permits = threading.Semaphore(0)
        self.closed = threading.Event()

    def tell(self, context: Any, *, id: str, body: Wish) -> Generator[str | Seen]:
        return self._tell(context, id)

    def _tell(self, context: Any, id: str) -> Generator[str | Seen]:
        try:
            for piece in ("Once ", "upon"):
                assert self.permits.acquire(timeout=5)
                yield piece
            yield Seen(caller=context.caller, id=id, seconds=context.deadline.seconds_left)
        finally:
            self.closed.set()

    def show(self, context: Any, *, id: str, query: ListQuery) -> Done:
        return Done(echo=id, request_id=context.request_id)


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def server(teller: Teller) -> Iterator[HTTPConnection]:
    """The application under a plain ASGI server, as the adapter finds it."""
    app = App(Api(ROUTES, teller, settings()), heartbeat=SILENCE)
    running = uvicorn.Server(uvicorn.Config(app, port=0, loop="asyncio", http="h11", lifespan="off", log_config=None))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    yield connection
    connection.close()
    running.should_exit = True
    thread.join()


def ask(connection: HTTPConnection, path: str = "/v1/things/t%201/stream", **headers: str) -> Any:
    told = {"x-amzn-request-context": json.dumps(CONTEXT), "Content-Type": "application/json", **headers}
    connection.request("POST", path, json.dumps({"text": "a"}), told)
    return connection.getresponse()


def read_event(response: Any) -> tuple[str, Any]:
    """The next event; heartbeats before it are skipped."""
    lines: list[str] = []
    while line := response.readline().decode().strip():
        lines.append(line)
    if lines[0].startswith(":"):
        return read_event(response)
    return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


def test_each_piece_arrives_before_the_next_is_made(server: HTTPConnection, teller: Teller) -> None:
    teller.permits.release()
    response = ask(server)
    assert response.status == 200
    assert read_event(response) == ("delta", {"text": "Once "})
    # The second piece is not made yet: it waits for this permit.
    teller.permits.release()
    assert read_event(response) == ("delta", {"text": "upon"})
    name, seen = read_event(response)
    assert name == "done"
    assert seen["caller"] == CALLER
    assert response.read() == b""


def test_silence_is_filled_with_comments(server: HTTPConnection, teller: Teller) -> None:
    response = ask(server)
    assert response.readline() == b": heartbeat\n"
    assert response.readline() == b"\n"
    assert response.readline() == b": heartbeat\n"
    assert response.readline() == b"\n"
    teller.permits.release(2)
    assert read_event(response)[0] == "delta"


def test_a_client_that_goes_away_ends_the_work(server: HTTPConnection, teller: Teller) -> None:
    teller.permits.release()
    response = ask(server)
    read_event(response)
    server.sock.close()
    response.close()
    server.close()
    assert not teller.closed.is_set()
    time.sleep(2 * SILENCE)
    teller.permits.release()
    assert teller.closed.wait(5)


def test_path_parameters_are_found_behind_the_stage_s_name(server: HTTPConnection, teller: Teller) -> None:
    teller.permits.release(2)
    response = ask(server)
    read_event(response), read_event(response)
    assert read_event(response)[1]["id"] == "t 1"


def test_without_the_gateway_s_context_there_is_no_caller(server: HTTPConnection) -> None:
    response = ask(server, **{"x-amzn-request-context": "null"})
    assert response.status == 401
    assert json.loads(response.read())["error"]["code"] == "unauthorized"


def test_a_body_that_is_no_text_is_a_plain_error(server: HTTPConnection) -> None:
    told = {"x-amzn-request-context": json.dumps(CONTEXT), "Content-Type": "application/json"}
    server.request("POST", "/things/1/stream", b"\xff\xfe{", told)
    response = server.getresponse()
    assert (response.status, response.getheader("content-type")) == (400, "application/json; charset=utf-8")


def test_other_routes_are_answered_too(teller: Teller) -> None:
    """Not reached behind the gateway, which sends streams only; a plain answer is one piece, without heartbeats."""
    context = {**CONTEXT, "resourcePath": "/things/{id}"}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if sent:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/things/7",
        "headers": [(b"x-amzn-request-context", msgspec.json.encode(context))],
    }
    asyncio.run(App(Api(ROUTES, teller, settings()))(scope, receive, send))
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"])["echo"] == "7"


@pytest.mark.parametrize("name", ["deadline", "deadline_ms"])
def test_the_deadline_is_lambda_s(name: str) -> None:
    told = json.dumps({name: round((time.time() + 120) * 1000)})
    assert 119_000 < RemainingTime(told).get_remaining_time_in_millis() <= 120_000


@pytest.mark.parametrize("header", [None, "", "null", "{}", "not json", '{"deadline": "soon"}'])
def test_without_one_it_is_a_plain_request_s(header: str | None) -> None:
    assert 28_000 < RemainingTime(header).get_remaining_time_in_millis() <= 29_000
