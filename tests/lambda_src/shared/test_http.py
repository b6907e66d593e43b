"""The gateway's event in, its response out."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.shared.errors import ApiError, Refused, Throttled
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import RequestModel, ResponseModel
from tests.fakes import CALLER, OTHER, FakeTable, LambdaContext, event, identity, settings

ID = "00000000-0000-7000-8000-000000000000"


class CreateThing(RequestModel):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    count: int = 1


class Page(RequestModel):
    limit: Annotated[int, msgspec.Meta(ge=1, le=9)] = 5


class Thing(ResponseModel):
    echo: str
    request_id: str


class Service:
    def __init__(self) -> None:
        self.calls = 0
        self.failure: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def create(self, context: Any, *, body: CreateThing) -> Thing:
        self.gate.wait(5)
        self.calls += 1
        if self.failure:
            raise self.failure
        return Thing(echo=body.text, request_id=context.request_id)

    def show(self, context: Any, *, id: str, query: Page) -> Thing:
        return Thing(echo=f"{id} {query.limit} {context.caller}", request_id=context.request_id)

    def delete(self, context: Any, *, id: str) -> None:
        return None


ROUTES = (
    Route(
        method="POST",
        path="/things",
        operation="create",
        summary="",
        status=201,
        request=CreateThing,
        response=Thing,
        idempotent=True,
        max_body_bytes=100,
    ),
    Route(method="GET", path="/things/{id}", operation="show", summary="", query=Page, response=Thing),
    Route(method="DELETE", path="/things/{id}", operation="delete", summary="", status=204),
)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def api(service: Service) -> Api:
    return Api(ROUTES, service, settings(cors_origins=("https://ui.example",)), IdempotencyStore("table", FakeTable()))


def call(api: Api, request: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    response = api(request, LambdaContext())
    return response["statusCode"], json.loads(response["body"]) if response["body"] else None, response["headers"]


def test_a_response_has_the_routes_status_and_camel_case(api: Api) -> None:
    status, body, headers = call(api, event("POST", "/things", {"text": "hé"}))
    assert (status, body) == (201, {"echo": "hé", "requestId": "request-1"})
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_path_and_query_parameters_reach_the_service(api: Api) -> None:
    status, body, _ = call(api, event("GET", "/things/{id}", path={"id": ID}, query={"limit": "7"}))
    assert (status, body["echo"]) == (200, f"{ID} 7 {CALLER}")


def test_an_empty_response_has_no_body(api: Api) -> None:
    assert call(api, event("DELETE", "/things/{id}", path={"id": ID}))[:2] == (204, None)


WEIRD_IDS = [
    "",
    " ",
    "a",
    "/",
    "../x",
    "%2F",
    "a/b",
    "é" * 36,
    "\0",
    "\n",
    ID + "\n",
    ID.replace("0", "٠"),
    ID.upper()[:-1] + "F",
]


@pytest.mark.parametrize("path", [{"id": id} for id in [*WEIRD_IDS, "a" * 1_025, "é" * 50_000]] + [{}, None])
def test_what_cannot_be_an_id_is_not_found_before_the_service_is_called(api: Api, path: dict[str, str] | None) -> None:
    """DynamoDB refuses empty keys, and keys of more than 1,024 bytes."""
    for method in ("GET", "DELETE"):
        status, body, _ = call(api, event(method, "/things/{id}", path=path))
        assert (status, body["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("limit", ["5.0", "1e0", "05", "+5", " 5", "5 ", "5_0", "٥", "", "0x5", "null", "true", "five"])
def test_only_plain_integers_are_numbers_in_a_query(api: Api, limit: str) -> None:
    status, body, _ = call(api, event("GET", "/things/{id}", path={"id": ID}, query={"limit": limit}))
    assert (status, body["error"]["details"][0]["path"]) == (400, "query.limit")


PLAIN_TEXT = event("POST", "/things", {"text": "a"}, headers={"Content-Type": "text/plain"})
LONG_KEY = event("POST", "/things", {"text": "a"}, headers={"Idempotency-Key": "k" * 65})


@pytest.mark.parametrize(
    ("request_event", "status", "code", "path"),
    [
        (event("POST", "/things", {"text": ""}), 400, "invalid_request", "body.text"),
        (event("POST", "/things", {}), 400, "invalid_request", "body.text"),
        (event("POST", "/things", {"text": "a", "color": "red"}), 400, "invalid_request", "body.color"),
        (event("POST", "/things", {"text": 1}), 400, "invalid_request", "body.text"),
        (event("POST", "/things", "{"), 400, "invalid_request", "body"),
        (event("POST", "/things", None), 400, "invalid_request", "body"),
        (PLAIN_TEXT, 400, "invalid_request", "headers.Content-Type"),
        (event("POST", "/things", "!", isBase64Encoded=True), 400, "invalid_request", "body"),
        (event("GET", "/things/{id}", path={"id": ID}, query={"limit": "10"}), 400, "invalid_request", "query.limit"),
        (event("GET", "/things/{id}", path={"id": ID}, query={"x": "1"}), 400, "invalid_request", "query.x"),
        (LONG_KEY, 400, "invalid_request", "headers.Idempotency-Key"),
        (event("POST", "/things", {"text": "a" * 200}), 413, "too_large", None),
        (event("GET", "/unknown"), 404, "not_found", None),
        (event("DELETE", "/things"), 404, "not_found", None),
        (event("POST", "/things", {"text": "a"}, requestContext={"requestId": "r"}), 401, "unauthorized", None),
    ],
)  # fmt: skip
def test_invalid_input_is_refused_with_its_path(
    api: Api, request_event: Any, status: int, code: str, path: str | None
) -> None:
    actual_status, body, _ = call(api, request_event)
    assert (actual_status, body["error"]["code"]) == (status, code)
    assert body["error"]["requestId"]
    assert [detail["path"] for detail in body["error"].get("details", [])] == ([path] if path else [])


def test_a_bug_reveals_no_details(api: Api, service: Service) -> None:
    service.failure = RuntimeError("secret")
    status, body, _ = call(api, event("POST", "/things", {"text": "a"}))
    assert (status, body["error"]["code"]) == (500, "internal")
    assert "secret" not in json.dumps(body)


def test_throttling_has_retry_after(api: Api, service: Service) -> None:
    service.failure = Throttled("later", retry_after=7)
    status, _, headers = call(api, event("POST", "/things", {"text": "a"}))
    assert (status, headers["Retry-After"]) == (429, "7")


def test_only_configured_origins_get_cors_headers(api: Api) -> None:
    allowed = event("POST", "/things", {"text": "a"}, headers={"origin": "https://ui.example"})
    assert call(api, allowed)[2]["Access-Control-Allow-Origin"] == "https://ui.example"
    foreign = event("POST", "/things", {"text": "a"}, headers={"origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in call(api, foreign)[2]


def keyed(body: Any, key: str = "k1", **changes: Any) -> dict[str, Any]:
    return event("POST", "/things", body, headers={"idempotency-key": key}, **changes)


def test_a_replay_has_the_first_body(api: Api, service: Service) -> None:
    first = call(api, keyed({"text": "a"}))
    again = call(api, keyed('{ "text":"a" }'))
    assert again[:2] == first[:2]
    assert again[2]["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first[2]
    assert service.calls == 1


def test_a_key_with_another_body_is_refused(api: Api) -> None:
    call(api, keyed({"text": "a"}))
    status, body, _ = call(api, keyed({"text": "b"}))
    assert (status, body["error"]["code"]) == (422, "idempotency_key_reused")


def test_two_callers_may_use_the_same_key(api: Api, service: Service) -> None:
    call(api, keyed({"text": "a"}))
    other = {"requestId": "r", "identity": identity(OTHER)}
    assert call(api, keyed({"text": "b"}, requestContext=other))[0] == 201
    assert service.calls == 2


def test_twenty_concurrent_requests_with_one_key_are_one_call(api: Api, service: Service) -> None:
    service.gate.clear()
    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(call, api, keyed({"text": "a"})) for _ in range(20)]
        while sum(future.done() for future in futures) < 19:
            pass
        service.gate.set()
        statuses = sorted(future.result()[0] for future in futures)
    assert statuses == [201] + [409] * 19
    assert service.calls == 1


@pytest.mark.parametrize("failure", [Refused("no"), ApiError("x"), RuntimeError("bug")])
def test_a_failed_request_releases_its_key(api: Api, service: Service, failure: Exception) -> None:
    service.failure = failure
    assert call(api, keyed({"text": "a"}))[0] >= 400
    service.failure = None
    assert call(api, keyed({"text": "a"}))[0] == 201


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_arbitrary_bodies_never_cause_500(raw: bytes | str) -> None:
    api = Api(ROUTES, Service(), settings())
    text = raw if isinstance(raw, str) else raw.decode("latin-1")
    assert call(api, event("POST", "/things", text))[0] in (201, 400, 413)
