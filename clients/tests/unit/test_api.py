"""Requests that fail, and how often they are sent; by threads and by coroutines alike."""

import json
from typing import Any

import pytest
from fake import Answer, FakeApis, cut, error, late

from langchain_bedrock_endpoints import errors
from langchain_bedrock_endpoints._api import Api, Request
from langchain_bedrock_endpoints._connection import Endpoint

SEARCH = {"query": "who", "limit": 1}


@pytest.fixture(params=["thread", "coroutine"])
def call(request: pytest.FixtureRequest, options: Any) -> Any:
    """Sends a request, with the endpoint's options changed by name."""

    async def sent(one: Request | None = None, **changes: Any) -> Any:
        api = Api(Endpoint(**{**options("hr-qa"), **changes}), "hr-qa")
        one = one or Request("POST", "/searches", SEARCH)
        return api.call(one) if request.param == "thread" else await api.acall(one)

    return sent


@pytest.mark.parametrize(("status", "code"), [(429, "throttled"), (503, "unavailable")])
async def test_what_passes_is_waited_for(
    apis: FakeApis, call: Any, pauses: list[float], status: int, code: str
) -> None:
    apis.planned += [error(status, code, retry_after=4), error(status, code)]

    assert (await call())["items"]

    assert pauses[0] == 4
    assert 1 <= pauses[1] <= 1.5
    assert len({request.headers["Idempotency-Key"] for request in apis.received}) == 1
    assert len(apis.received) == 3


async def test_not_for_ever(apis: FakeApis, call: Any, pauses: list[float]) -> None:
    apis.planned += [error(429, "throttled", retry_after=1)] * 9

    with pytest.raises(errors.Throttled) as raised:
        await call(max_retries=3)

    assert raised.value.retry_after == 1
    assert len(apis.received) == 4
    assert len(pauses) == 3


async def test_not_when_the_wait_is_long(apis: FakeApis, call: Any, pauses: list[float]) -> None:
    apis.planned.append(error(503, "unavailable", retry_after=31))

    with pytest.raises(errors.Unavailable):
        await call()
    assert pauses == []


async def test_a_lost_answer_is_not_paid_twice(apis: FakeApis, call: Any, pauses: list[float]) -> None:
    apis.planned += [cut, cut]

    assert (await call())["items"]

    assert len(apis.received) == 3
    assert apis.work == 1


async def test_nor_is_one_that_comes_too_late(apis: FakeApis, call: Any, pauses: list[float]) -> None:
    apis.planned.append(late)

    assert (await call(timeout=0.2))["items"]

    assert len(apis.received) == 2
    assert apis.work == 1


async def test_a_try_that_still_runs_is_waited_for(apis: FakeApis, call: Any, pauses: list[float]) -> None:
    apis.planned += [cut, *[error(409, "in_progress", retry_after=1)] * 5]

    assert (await call())["items"]

    assert pauses[1:] == [1] * 5
    assert apis.work == 1


async def test_as_long_as_an_answer_is(apis: FakeApis, call: Any, pauses: list[float]) -> None:
    apis.planned += [error(409, "in_progress", retry_after=1)] * 1000

    with pytest.raises(errors.InProgress):
        await call(timeout=0.1)


async def test_an_api_that_is_not_there(call: Any, pauses: list[float]) -> None:
    with pytest.raises(errors.ConnectionFailed):
        await call(base_url="http://127.0.0.1:9/")
    assert len(pauses) == 2


@pytest.mark.parametrize(("code", "kind"), errors.CODES.items())
async def test_each_code_has_its_class(apis: FakeApis, call: Any, pauses: list[float], code: str, kind: Any) -> None:
    details = [{"path": "body.query", "message": "is blank"}]
    # What still runs is waited for, but not as long as this.
    apis.planned += [error(418, code, details=details)] * 1000

    with pytest.raises(kind, match=rf"It is {code}\. \(request r-error\)") as raised:
        await call(max_retries=0, timeout=0.2)

    assert type(raised.value) is kind
    assert (raised.value.code, raised.value.status) == (code, 418)
    assert (raised.value.request_id, raised.value.details) == ("r-error", details)


async def test_a_code_to_come_is_an_error_still(apis: FakeApis, call: Any) -> None:
    apis.planned.append(error(418, "teapot"))

    with pytest.raises(errors.EndpointError, match="teapot"):
        await call()


@pytest.mark.parametrize("body", ["<html>", [], {"message": "Forbidden"}])
async def test_an_answer_of_someone_else(apis: FakeApis, call: Any, body: Any) -> None:
    apis.planned.append(Answer(403, body))

    with pytest.raises(errors.UnexpectedAnswer, match="403"):
        await call()


async def test_what_is_sent_is_json_in_utf8_with_a_fresh_key(apis: FakeApis, call: Any) -> None:
    for _ in range(2):
        await call(Request("POST", "/searches", {"query": "Überstunden \u2028?", "limit": 1}))

    assert apis.bodies()[0]["query"] == "Überstunden \u2028?"
    assert apis.received[0].headers["Content-Type"] == "application/json"
    assert apis.received[0].headers["User-Agent"].startswith("langchain-bedrock-endpoints/")
    first, second = [request.headers["Idempotency-Key"] for request in apis.received]
    assert first != second
    assert len(first) == 32


async def test_a_query_survives_the_way(apis: FakeApis, call: Any) -> None:
    with pytest.raises(errors.NotFound):
        await call(Request("GET", "/nothing", query={"cursor": "a b+/=&"}))

    assert apis.received[0].query == {"cursor": "a b+/=&"}
    assert "Idempotency-Key" not in apis.received[0].headers


def test_errors_keep_what_they_know_when_they_are_sent_on() -> None:
    import pickle

    made = errors.from_answer(429, {"Retry-After": "3"}, json.dumps({"error": {"code": "throttled"}}).encode())
    copied = pickle.loads(pickle.dumps(made))  # noqa: S301 (its own)

    assert isinstance(copied, errors.Throttled)
    assert copied.retry_after == 3
