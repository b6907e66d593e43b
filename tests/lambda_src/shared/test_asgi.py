"""The ASGI application: the web adapter's request becomes the gateway's event, and chunks are sent at once."""

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
from lambda_src.shared.streams import ClosingIterator
from tests.fakes import CALLER, identity, settings


class TellStory(RequestModel):
    text: str


class Thing(ResponseModel):
    echo: str
    request_id: str


ROUTES = (
    Route(
        method="POST",
        path="/stories/{id}/stream",
        operation="tell_story",
        summary="",
        request=TellStory,
        response=Thing,
        stream="done",
    ),
    Route(method="GET", path="/things/{id}", operation="show", summary="", query=ListQuery, response=Thing),
)
ID = "00000000-0000-7000-8000-000000000000"
CONTEXT = {"requestId": "r-1", "resourcePath": "/stories/{id}/stream", "identity": identity()}
SILENCE = 0.05


class Story(ResponseModel):
    caller: str
    id: str
    seconds: float


class StoryService:
    """Each piece of its stream waits for a permit."""

    def __init__(self) -> None:
        self.permits = threading.Semaphore(0)
        self.closed = threading.Event()

    def tell_story(self, context: Any, *, id: str, body: TellStory) -> ClosingIterator[str | Story]:
        return ClosingIterator(self._items(context, id), self.closed.set)

    def _items(self, context: Any, id: str) -> Generator[str | Story]:
        for piece in ("Once ", "upon"):
            assert self.permits.acquire(timeout=5)
            yield piece
        yield Story(caller=context.caller, id=id, seconds=context.deadline.seconds_left)

    def show(self, context: Any, *, id: str, query: ListQuery) -> Thing:
        return Thing(echo=id, request_id=context.request_id)


@pytest.fixture
def service() -> StoryService:
    return StoryService()


@pytest.fixture
def server(service: StoryService) -> Iterator[HTTPConnection]:
    """A connection to the application under an ASGI server, as the adapter connects."""
    app = App(Api(ROUTES, service, settings()), heartbeat=SILENCE)
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


def ask(connection: HTTPConnection, path: str = f"/v1/stories/{ID}/stream", **headers: str | bytes) -> Any:
    request_headers = {"x-amzn-request-context": json.dumps(CONTEXT), "Content-Type": "application/json", **headers}
    connection.request("POST", path, json.dumps({"text": "a"}), request_headers)
    return connection.getresponse()


def read_event(response: Any) -> tuple[str, Any]:
    """The next event. Skips heartbeats."""
    lines: list[str] = []
    while line := response.readline().decode().strip():
        lines.append(line)
    if lines[0].startswith(":"):
        return read_event(response)
    return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


def test_each_piece_arrives_before_the_next_exists(server: HTTPConnection, service: StoryService) -> None:
    service.permits.release()
    response = ask(server)
    assert response.status == 200
    assert read_event(response) == ("delta", {"text": "Once "})
    # The second piece waits for this permit.
    service.permits.release()
    assert read_event(response) == ("delta", {"text": "upon"})
    name, story = read_event(response)
    assert name == "done"
    assert story["caller"] == CALLER
    assert response.read() == b""


def test_heartbeats_are_sent_while_the_service_is_silent(server: HTTPConnection, service: StoryService) -> None:
    response = ask(server)
    assert response.readline() == b": heartbeat\n"
    assert response.readline() == b"\n"
    assert response.readline() == b": heartbeat\n"
    assert response.readline() == b"\n"
    service.permits.release(2)
    assert read_event(response)[0] == "delta"


def test_a_disconnected_client_stops_the_work(server: HTTPConnection, service: StoryService) -> None:
    service.permits.release()
    response = ask(server)
    read_event(response)
    server.sock.close()
    response.close()
    server.close()
    assert not service.closed.is_set()
    time.sleep(2 * SILENCE)
    service.permits.release()
    assert service.closed.wait(5)


def test_path_parameters_are_found_after_the_stage_name(server: HTTPConnection, service: StoryService) -> None:
    service.permits.release(2)
    response = ask(server)
    read_event(response), read_event(response)
    assert read_event(response)[1]["id"] == ID


@pytest.mark.parametrize("id", ["a%2Fb", "%2F", "%2e%2e", "a%20b", "%C3%A9", "%ff", "", "x" * 1_025])
def test_what_cannot_be_an_id_is_not_found(server: HTTPConnection, id: str) -> None:
    response = ask(server, f"/v1/stories/{id}/stream")
    assert (response.status, json.loads(response.read())["error"]["code"]) == (404, "not_found")


def test_an_id_may_be_percent_encoded(server: HTTPConnection, service: StoryService) -> None:
    service.permits.release(2)
    response = ask(server, f"/v1/stories/{ID.replace('-', '%2D')}/stream")
    read_event(response), read_event(response)
    assert read_event(response)[1]["id"] == ID


def test_headers_may_be_in_latin_1(server: HTTPConnection, service: StoryService) -> None:
    service.permits.release(2)
    response = ask(server, **{"x-note": "é".encode("latin-1")})
    assert response.status == 200
    assert read_event(response)[0] == "delta"


def test_the_gateways_context_is_utf_8(server: HTTPConnection, service: StoryService) -> None:
    context = {**CONTEXT, "authorizer": {"claims": {"sub": "é"}}}
    service.permits.release(2)
    response = ask(server, **{"x-amzn-request-context": msgspec.json.encode(context)})
    read_event(response), read_event(response)
    assert read_event(response)[1]["caller"] == "é"


def test_without_the_gateways_context_the_request_is_unauthorized(server: HTTPConnection) -> None:
    response = ask(server, **{"x-amzn-request-context": "null"})
    assert response.status == 401
    assert json.loads(response.read())["error"]["code"] == "unauthorized"


def test_an_undecodable_body_is_a_plain_error(server: HTTPConnection) -> None:
    request_headers = {"x-amzn-request-context": json.dumps(CONTEXT), "Content-Type": "application/json"}
    server.request("POST", f"/stories/{ID}/stream", b"\xff\xfe{", request_headers)
    response = server.getresponse()
    assert (response.status, response.getheader("content-type")) == (400, "application/json; charset=utf-8")


def test_a_stream_whose_headers_cannot_be_sent_is_closed(service: StoryService) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"text": "a"}', "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        raise ConnectionResetError

    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": f"/stories/{ID}/stream".encode(),
        "headers": [
            (b"content-type", b"application/json"),
            (b"x-amzn-request-context", msgspec.json.encode(CONTEXT)),
        ],
    }
    with pytest.raises(ConnectionResetError):
        asyncio.run(App(Api(ROUTES, service, settings()))(scope, receive, send))
    assert service.closed.is_set()


def test_plain_routes_work_too(service: StoryService) -> None:
    """The gateway sends streams only. A plain response has one chunk and no heartbeats."""
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
        "raw_path": f"/things/{ID}".encode(),
        "headers": [(b"x-amzn-request-context", msgspec.json.encode(context))],
    }
    asyncio.run(App(Api(ROUTES, service, settings()))(scope, receive, send))
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"])["echo"] == ID


@pytest.mark.parametrize("name", ["deadline", "deadline_ms"])
def test_the_deadline_comes_from_lambdas_header(name: str) -> None:
    header = json.dumps({name: round((time.time() + 120) * 1000)})
    assert 119_000 < RemainingTime(header).get_remaining_time_in_millis() <= 120_000


@pytest.mark.parametrize("header", [None, "", "null", "{}", "not json", '{"deadline": "soon"}'])
def test_without_a_deadline_it_is_the_gateways_timeout(header: str | None) -> None:
    assert 28_000 < RemainingTime(header).get_remaining_time_in_millis() <= 29_000
