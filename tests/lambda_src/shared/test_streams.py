"""A stream's route: its events, its failures, its key, and what happens when nobody listens any more."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from lambda_src.shared.errors import ApiError, Refused, Throttled
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import RequestModel, ResponseModel
from tests.fakes import FakeTable, LambdaContext, event, settings


class Wish(RequestModel):
    text: str


class Done(ResponseModel):
    echo: str
    request_id: str


ROUTES = (
    Route(
        method="POST",
        path="/things/stream",
        operation="tell",
        summary="",
        request=Wish,
        response=Done,
        stream="done",
        idempotent=True,
    ),
)


class Teller:
    def __init__(self) -> None:
        self.table = FakeTable()
        self.calls = 0
        self.before: Exception | None = None
        self.midway: Exception | None = None
        self.closed = 0
        self.writes: list[Any] = []

    def tell(self, context: Any, *, body: Wish) -> Generator[str | Done]:
        self.calls += 1
        if self.before:
            raise self.before
        return self._tell(context, body)

    def _tell(self, context: Any, body: Wish) -> Generator[str | Done]:
        try:
            yield "Once "
            yield "upon"
            if self.midway:
                raise self.midway
            done = Done(echo=body.text, request_id=context.request_id)
            self.writes = context.completion_writes(done)
            for write in self.writes:
                self.table.update_item(**write["Update"])
            yield done
        finally:
            self.closed += 1


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def api(teller: Teller) -> Api:
    return Api(ROUTES, teller, settings(), IdempotencyStore("table", teller.table))


def ask(api: Api, key: str | None = None, body: Any = None) -> tuple[int, dict[str, str], str]:
    headers = {"idempotency-key": key} if key else {}
    answer = api(event("POST", "/things/stream", body or {"text": "a"}, headers=headers), LambdaContext())
    return answer["statusCode"], answer["headers"], answer["body"]


def events(body: str) -> list[tuple[str, Any]]:
    """(name, data) of each event; fails on anything that is no event."""
    found = []
    for block in body.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_pieces_and_then_the_answer(api: Api) -> None:
    status, headers, body = ask(api)
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
    api: Api, teller: Teller, failure: Exception, status: int
) -> None:
    teller.before = failure
    got, headers, body = ask(api, "k")
    assert (got, headers["Content-Type"]) == (status, "application/json; charset=utf-8")
    assert json.loads(body)["error"]["requestId"] == "request-1"
    assert (headers.get("Retry-After") == "7") == (status == 429)


@pytest.mark.parametrize(("failure", "code"), [(Refused("no"), "refused"), (RuntimeError("secret"), "internal")])
def test_a_failure_midway_is_the_last_event(api: Api, teller: Teller, failure: Exception, code: str) -> None:
    teller.midway = failure
    status, _, body = ask(api)
    name, data = events(body)[-1]
    assert (status, name, data["error"]["code"]) == (200, "error", code)
    assert "secret" not in body
    assert teller.closed == 1


@pytest.mark.parametrize("where", ["before", "midway"])
def test_a_failed_stream_gives_its_key_back(api: Api, teller: Teller, where: str) -> None:
    setattr(teller, where, ApiError("x"))
    ask(api, "k")
    setattr(teller, where, None)
    assert events(ask(api, "k")[2])[-1][0] == "done"
    assert teller.calls == 2


def test_a_replay_has_the_text_in_one_piece(api: Api, teller: Teller) -> None:
    first = ask(api, "k")
    status, headers, body = ask(api, "k")
    assert (status, headers["Idempotency-Replayed"]) == (200, "true")
    assert headers["Content-Type"] == first[1]["Content-Type"]
    assert events(body) == [("delta", {"text": "Once upon"}), events(first[2])[-1]]
    assert teller.calls == 1
    (write,) = teller.writes
    assert write["Update"]["ConditionExpression"] == "#owner = :owner"


def test_there_is_nothing_to_write_without_a_key(api: Api, teller: Teller) -> None:
    ask(api)
    assert teller.writes == []


def test_who_stops_reading_ends_the_work_and_frees_the_key(api: Api, teller: Teller) -> None:
    request = event("POST", "/things/stream", {"text": "a"}, headers={"idempotency-key": "k"})
    opened = api.respond(request, LambdaContext())
    next(opened.pieces)
    opened.pieces.close()
    assert teller.closed == 1
    assert events(ask(api, "k")[2])[-1][0] == "done"


def test_the_log_tells_of_a_stream_when_it_has_ended(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr("lambda_src.shared.http.log_request", lambda context, **fields: lines.append(fields))
    opened = api.respond(event("POST", "/things/stream", {"text": "a"}), LambdaContext())
    assert lines == []
    next(opened.pieces)
    opened.pieces.close()
    assert lines[0]["client_gone"] is True
    ask(api)
    assert "client_gone" not in lines[1]
