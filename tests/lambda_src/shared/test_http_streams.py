"""A stream's route: its events, its failures, its idempotency key, and what happens when the client disconnects."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from lambda_src.shared.errors import ApiError, Refused, Throttled
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import RequestModel, ResponseModel
from lambda_src.shared.streams import ClosingIterator
from tests.fakes import FakeTable, LambdaContext, event, settings


class TellStory(RequestModel):
    text: str


class Story(ResponseModel):
    echo: str
    request_id: str


ROUTES = (
    Route(
        method="POST",
        path="/stories/stream",
        operation="tell_story",
        summary="",
        request=TellStory,
        response=Story,
        stream="done",
        idempotent=True,
    ),
)


class StoryService:
    """`failure_before` and `failure_midway` are raised before the stream, or after its pieces."""

    def __init__(self) -> None:
        self.table = FakeTable()
        self.calls = 0
        self.failure_before: Exception | None = None
        self.failure_midway: Exception | None = None
        self.closed = 0
        self.writes: list[Any] = []

    def tell_story(self, context: Any, *, body: TellStory) -> ClosingIterator[str | Story]:
        self.calls += 1
        if self.failure_before:
            raise self.failure_before
        return ClosingIterator(self._items(context, body), self._close)

    def _items(self, context: Any, body: TellStory) -> Generator[str | Story]:
        yield "Once "
        yield "upon"
        if self.failure_midway:
            raise self.failure_midway
        story = Story(echo=body.text, request_id=context.request_id)
        self.writes = context.idempotency.completion_writes(story)
        if self.writes:
            self.table.transact_write_items(TransactItems=self.writes)
        yield story

    def _close(self) -> None:
        self.closed += 1


@pytest.fixture
def service() -> StoryService:
    return StoryService()


@pytest.fixture
def api(service: StoryService) -> Api:
    return Api(ROUTES, service, settings(), IdempotencyStore("table", service.table))


def request(key: str | None = None) -> dict[str, Any]:
    headers = {"idempotency-key": key} if key else {}
    return event("POST", "/stories/stream", {"text": "a"}, headers=headers)


def respond(api: Api, key: str | None = None) -> tuple[int, dict[str, str], str]:
    response = api(request(key), LambdaContext())
    return response["statusCode"], response["headers"], response["body"]


def open_stream(api: Api, key: str | None = None) -> ClosingIterator[bytes]:
    body = api.respond(request(key), LambdaContext()).body
    assert isinstance(body, ClosingIterator)
    return body


def events(body: str) -> list[tuple[str, Any]]:
    """(name, data) of each event. Fails on anything else."""
    parsed = []
    for block in body.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        parsed.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return parsed


def test_a_stream_has_the_pieces_and_then_the_response(api: Api) -> None:
    status, headers, body = respond(api)
    assert status == 200
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert events(body) == [
        ("delta", {"text": "Once "}),
        ("delta", {"text": "upon"}),
        ("done", {"echo": "a", "requestId": "request-1"}),
    ]


@pytest.mark.parametrize(("failure", "status"), [(Throttled("busy", retry_after=7), 429), (RuntimeError("bug"), 500)])
def test_a_failure_before_the_first_piece_is_a_plain_error(
    api: Api, service: StoryService, failure: Exception, status: int
) -> None:
    service.failure_before = failure
    actual_status, headers, body = respond(api, "k")
    assert (actual_status, headers["Content-Type"]) == (status, "application/json; charset=utf-8")
    assert json.loads(body)["error"]["requestId"] == "request-1"
    assert (headers.get("Retry-After") == "7") == (status == 429)


@pytest.mark.parametrize(("failure", "code"), [(Refused("no"), "refused"), (RuntimeError("secret"), "internal")])
def test_a_failure_midway_is_the_last_event(api: Api, service: StoryService, failure: Exception, code: str) -> None:
    service.failure_midway = failure
    status, _, body = respond(api)
    name, data = events(body)[-1]
    assert (status, name, data["error"]["code"]) == (200, "error", code)
    assert "secret" not in body
    assert service.closed == 1


@pytest.mark.parametrize("failure", ["failure_before", "failure_midway"])
def test_a_failed_stream_releases_its_key(api: Api, service: StoryService, failure: str) -> None:
    setattr(service, failure, ApiError("x"))
    respond(api, "k")
    setattr(service, failure, None)
    assert events(respond(api, "k")[2])[-1][0] == "done"
    assert service.calls == 2


def test_a_replay_has_the_text_in_one_piece(api: Api, service: StoryService) -> None:
    first = respond(api, "k")
    status, headers, body = respond(api, "k")
    assert (status, headers["Idempotency-Replayed"]) == (200, "true")
    assert headers["Content-Type"] == first[1]["Content-Type"]
    assert events(body) == [("delta", {"text": "Once upon"}), events(first[2])[-1]]
    assert service.calls == 1
    assert service.writes[0]["Update"]["ConditionExpression"] == "#owner = :owner"


def test_without_a_key_there_are_no_completion_writes(api: Api, service: StoryService) -> None:
    respond(api)
    assert service.writes == []


@pytest.mark.parametrize("read", [0, 1, 2])
def test_closing_a_stream_stops_the_work_and_releases_the_key(api: Api, service: StoryService, read: int) -> None:
    chunks = open_stream(api, "k")
    for _ in range(read):
        next(chunks)
    chunks.close()
    assert service.closed == 1
    assert events(respond(api, "k")[2])[-1][0] == "done"


@pytest.mark.parametrize("read", [0, 1])
def test_a_stream_is_logged_when_it_ends(api: Api, monkeypatch: pytest.MonkeyPatch, read: int) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr("lambda_src.shared.http.log_request", lambda context, **fields: lines.append(fields))
    chunks = open_stream(api)
    assert lines == []
    for _ in range(read):
        next(chunks)
    chunks.close()
    assert lines[0]["client_gone"] is True
    respond(api)
    assert "client_gone" not in lines[1]
