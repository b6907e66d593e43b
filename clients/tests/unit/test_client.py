"""Requests, retries, streams, pages and files; with the sync and the async client alike."""

import asyncio
import json
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bedrock_endpoints import AsyncClient, Client, Event, errors, find_stage
from clients.tests.fake import FakeApis, Response, error, event, lose_response, respond_late

SEARCH = {"query": "who", "limit": 1}
MESSAGE = {"messages": [{"role": "user", "text": "What is a pump?"}]}

Run = Callable[..., Awaitable[Any]]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, apis: FakeApis) -> Run:
    """`run(method, *arguments, **options)`: calls a method of a new client; streams and pages as lists."""

    async def call(method: str, *arguments: Any, base_url: str | None = None, **options: Any) -> Any:
        client_options = {
            name: options.pop(name) for name in ("timeout", "max_retries", "in_progress_timeout") if name in options
        }
        base_urls = {name: base_url or apis.url(name) for name in ("playground", "hr-qa", "chatbot")}
        stage = find_stage(base_urls=base_urls, region="us-west-2")
        client_options.setdefault("timeout", 5)
        if request.param == "async":
            async with AsyncClient(stage, **client_options) as async_client:
                result = getattr(async_client, method)(*arguments, **options)
                if method in ("stream", "pages"):
                    return [item async for item in result]
                return await result
        with Client(stage, **client_options) as client:
            result = getattr(client, method)(*arguments, **options)
            return list(result) if method in ("stream", "pages") else result

    return call


@pytest.fixture
def search(run: Run) -> Run:
    """Sends a search."""

    async def send(body: Any = SEARCH, **options: Any) -> Any:
        return await run("request", "hr-qa", "POST", "/searches", body, **options)

    return send


class TestRetries:
    @pytest.mark.parametrize(("status", "code"), [(429, "throttled"), (503, "unavailable")])
    async def test_temporary_errors_are_retried(
        self, apis: FakeApis, search: Run, delays: list[float], status: int, code: str
    ) -> None:
        apis.planned += [error(status, code, retry_after=4), error(status, code)]

        assert (await search())["items"]

        assert delays[0] == 4
        assert 1 <= delays[1] <= 1.5
        assert len({request.headers["Idempotency-Key"] for request in apis.received}) == 1
        assert len(apis.received) == 3

    async def test_retries_are_limited(self, apis: FakeApis, search: Run, delays: list[float]) -> None:
        apis.planned += [error(429, "throttled", retry_after=1)] * 9

        with pytest.raises(errors.Throttled) as raised:
            await search(max_retries=3)

        assert raised.value.retry_after == 1
        assert len(apis.received) == 4
        assert len(delays) == 3

    async def test_a_long_retry_after_is_not_waited_for(self, apis: FakeApis, search: Run, delays: list[float]) -> None:
        apis.planned.append(error(503, "unavailable", retry_after=31))

        with pytest.raises(errors.Unavailable):
            await search()
        assert delays == []

    async def test_a_budget_is_waited_for_if_its_next_window_starts_soon(
        self, apis: FakeApis, search: Run, delays: list[float]
    ) -> None:
        apis.planned.append(error(429, "budget_exhausted", retry_after=20))

        assert (await search())["items"]

        assert delays == [20]

    @pytest.mark.parametrize("retry_after", [31, 86_400, None])
    async def test_a_budget_that_is_used_up_for_long_is_not_asked_again(
        self, apis: FakeApis, search: Run, delays: list[float], retry_after: int | None
    ) -> None:
        apis.planned.append(error(429, "budget_exhausted", retry_after=retry_after))

        with pytest.raises(errors.BudgetExhausted) as raised:
            await search()

        assert raised.value.retry_after == retry_after
        assert (len(apis.received), delays) == (1, [])

    async def test_a_lost_response_is_not_paid_twice(self, apis: FakeApis, search: Run, delays: list[float]) -> None:
        apis.planned += [lose_response, lose_response]

        assert (await search())["items"]

        assert len(apis.received) == 3
        assert apis.executed == 1

    async def test_a_late_response_is_not_paid_twice(self, apis: FakeApis, search: Run, delays: list[float]) -> None:
        apis.planned.append(respond_late)

        assert (await search(timeout=0.2))["items"]

        assert len(apis.received) == 2
        assert apis.executed == 1

    async def test_an_attempt_that_still_runs_is_waited_for(
        self, apis: FakeApis, search: Run, delays: list[float]
    ) -> None:
        apis.planned += [lose_response, *[error(409, "in_progress", retry_after=1)] * 5]

        assert (await search())["items"]

        assert delays[1:] == [1] * 5
        assert apis.executed == 1

    @pytest.mark.parametrize("options", [{"timeout": 0.1}, {"timeout": 60, "in_progress_timeout": 0.1}])
    async def test_but_not_forever(
        self, apis: FakeApis, search: Run, delays: list[float], options: dict[str, float]
    ) -> None:
        apis.planned += [error(409, "in_progress", retry_after=1)] * 1000

        with pytest.raises(errors.InProgress):
            await search(**options)

    async def test_connections_are_retried(self, search: Run, delays: list[float]) -> None:
        with pytest.raises(errors.ConnectionFailed):
            await search(base_url="http://127.0.0.1:9/")
        assert len(delays) == 2

    async def test_a_timeout_has_its_own_class(self, apis: FakeApis, search: Run) -> None:
        apis.planned.append(respond_late)

        with pytest.raises(errors.TimedOut):
            await search(timeout=0.1, max_retries=0)


class TestErrors:
    @pytest.mark.parametrize(("code", "error_class"), errors.CODES.items())
    async def test_each_code_has_a_class(
        self, apis: FakeApis, search: Run, delays: list[float], code: str, error_class: Any
    ) -> None:
        details = [{"path": "body.query", "message": "must not be blank"}]
        # `in_progress` is retried until the timeout.
        apis.planned += [error(418, code, details=details)] * 1000

        with pytest.raises(error_class, match=rf"It is {code}\. \(request r-error\)") as raised:
            await search(max_retries=0, timeout=0.2)

        assert type(raised.value) is error_class
        assert (raised.value.code, raised.value.status) == (code, 418)
        assert (raised.value.request_id, raised.value.details) == ("r-error", details)

    async def test_an_unknown_code_is_an_endpoint_error(self, apis: FakeApis, search: Run) -> None:
        apis.planned.append(error(418, "teapot"))

        with pytest.raises(errors.EndpointError, match="teapot"):
            await search()

    @pytest.mark.parametrize("body", ["<html>", [], {"message": "Forbidden"}])
    async def test_a_response_that_is_not_the_apis(self, apis: FakeApis, search: Run, body: Any) -> None:
        apis.planned.append(Response(403, body, {"x-amzn-requestid": "r-gateway"}))

        with pytest.raises(errors.UnexpectedResponse, match="403") as raised:
            await search()
        assert (raised.value.status, raised.value.request_id) == (403, "r-gateway")

    @pytest.mark.parametrize("retry_after", ["Wed, 21 Oct 2026 07:28:00 GMT", "\u00b2", "-1", ""])
    def test_a_retry_after_that_is_not_seconds_is_ignored(self, retry_after: str) -> None:
        body = json.dumps({"error": {"code": "throttled"}}).encode()

        assert errors.from_response(429, {"Retry-After": retry_after}, body).retry_after is None

    def test_pickling_keeps_their_attributes(self) -> None:
        throttled = errors.from_response(
            429, {"Retry-After": "3"}, json.dumps({"error": {"code": "throttled"}}).encode()
        )
        copied = pickle.loads(pickle.dumps(throttled))  # noqa: S301 (our own data)

        assert isinstance(copied, errors.Throttled)
        assert copied.retry_after == 3


class TestRequests:
    async def test_a_post_is_json_in_utf8_with_a_new_idempotency_key(self, apis: FakeApis, search: Run) -> None:
        for _ in range(2):
            await search({"query": "Überstunden \u2028?", "limit": 1})

        assert apis.bodies()[0]["query"] == "Überstunden \u2028?"
        assert apis.received[0].headers["Content-Type"] == "application/json"
        assert apis.received[0].headers["User-Agent"].startswith("bedrock-endpoints-client/")
        first, second = [request.headers["Idempotency-Key"] for request in apis.received]
        assert first != second
        assert len(first) == 32

    async def test_the_callers_idempotency_key_is_sent(self, apis: FakeApis, search: Run) -> None:
        first, second = [await search(idempotency_key="mine") for _ in range(2)]

        assert first == second
        assert [request.headers["Idempotency-Key"] for request in apis.received] == ["mine"] * 2
        assert apis.executed == 1

    async def test_a_query_is_encoded(self, apis: FakeApis, run: Run) -> None:
        with pytest.raises(errors.NotFound):
            await run("request", "hr-qa", "GET", "/nothing", query={"cursor": "a b+/=&"})

        assert apis.received[0].query == {"cursor": "a b+/=&"}
        assert "Idempotency-Key" not in apis.received[0].headers

    async def test_an_empty_response_is_none(self, apis: FakeApis, run: Run) -> None:
        apis.conversations["c-1"] = []

        assert await run("request", "chatbot", "DELETE", "/conversations/c-1") is None


class TestStreams:
    async def test_its_events_with_the_whole_answer_last(self, apis: FakeApis, run: Run) -> None:
        *deltas, last = await run("stream", "playground", "/completions/stream", MESSAGE)

        assert deltas == [Event("delta", {"text": text}) for text in apis.deltas]
        assert (last.name, last.data["text"]) == ("completion", "Water is lifted by it.")

    async def test_an_error_event_is_raised(self, apis: FakeApis, run: Run) -> None:
        failure = event("error", {"error": {"code": "model_error", "message": "It stopped."}})
        apis.planned.append(Response(200, headers={"x-amzn-requestid": "r-gateway"}, events=[failure]))

        with pytest.raises(errors.ModelError, match="It stopped") as raised:
            await run("stream", "playground", "/completions/stream", MESSAGE)
        assert raised.value.request_id == "r-gateway"

    async def test_events_that_are_not_json(self, apis: FakeApis, run: Run) -> None:
        apis.planned.append(Response(200, events=[b"data: {no json\n\n"]))

        with pytest.raises(errors.UnexpectedResponse):
            await run("stream", "playground", "/completions/stream", MESSAGE)

    @pytest.mark.parametrize("chunks", [[], [event("delta", {"text": "Water"})]])
    async def test_a_missing_last_event_is_an_interruption(self, apis: FakeApis, run: Run, chunks: list[bytes]) -> None:
        apis.planned.append(Response(200, events=chunks))

        with pytest.raises(errors.StreamInterrupted):
            await run("stream", "playground", "/completions/stream", MESSAGE)

    async def test_a_lost_connection_is_an_interruption(self, apis: FakeApis, run: Run) -> None:
        chunks = [event("delta", {"text": "Water"})]
        headers = {"Content-Length": "1000", "x-amzn-requestid": "r-gateway"}
        apis.planned.append(Response(200, headers=headers, events=chunks))

        with pytest.raises(errors.StreamInterrupted) as raised:
            await run("stream", "playground", "/completions/stream", MESSAGE)
        assert raised.value.request_id == "r-gateway"

    async def test_a_first_attempt_that_still_runs_is_waited_for(
        self, apis: FakeApis, run: Run, delays: list[float]
    ) -> None:
        apis.planned.append(error(409, "in_progress", retry_after=0))

        events = await run("stream", "playground", "/completions/stream", MESSAGE, idempotency_key="mine")

        assert events[-1].name == "completion"
        assert delays == [0.2]
        assert [request.headers["Idempotency-Key"] for request in apis.received] == ["mine"] * 2


class TestPages:
    async def test_a_list_is_read_to_its_end(self, apis: FakeApis, run: Run) -> None:
        apis.conversations["c-1"] = [{"id": f"m-{number}"} for number in range(5)]

        pages = await run("pages", "chatbot", "/conversations/c-1/messages", limit=2)

        assert [item["id"] for page in pages for item in page["items"]] == ["m-4", "m-3", "m-2", "m-1", "m-0"]
        assert [request.query for request in apis.received] == [
            {"limit": "2"},
            {"limit": "2", "cursor": "2"},
            {"limit": "2", "cursor": "4"},
        ]

    async def test_each_page_has_the_querys_further_parameters(self, run: Run, apis: FakeApis) -> None:
        apis.conversations["c-1"] = [{"id": f"m-{number}"} for number in range(3)]

        await run("pages", "chatbot", "/conversations/c-1/messages", limit=2, query={"space": "handbooks"})

        assert [request.query for request in apis.received] == [
            {"limit": "2", "space": "handbooks"},
            {"limit": "2", "space": "handbooks", "cursor": "2"},
        ]


class TestFiles:
    async def test_an_upload_is_a_form_whose_last_part_is_the_file(self, apis: FakeApis, run: Run) -> None:
        form = {"url": f"{apis.address}/files", "fields": {"key": "documents/1", "policy": "p"}}

        await run("upload", form, b"%PDF", "rules.pdf")

        (request,) = apis.received
        parts = request.body.split(b"--")
        assert [name in part for name, part in zip((b'"key"', b'"policy"', b'"file"'), parts[1:4], strict=True)] == [
            True
        ] * 3
        assert b'filename="rules.pdf"' in parts[3]
        assert parts[3].rstrip().endswith(b"%PDF")
        assert "Authorization" not in request.headers

    async def test_a_rejected_upload(self, apis: FakeApis, run: Run) -> None:
        apis.planned.append(Response(403, "AccessDenied"))

        with pytest.raises(errors.UnexpectedResponse) as raised:
            await run("upload", {"url": f"{apis.address}/files", "fields": {}}, b"%PDF")
        assert raised.value.status == 403

    async def test_a_download_is_not_signed(self, apis: FakeApis, run: Run) -> None:
        apis.files["/files/1"] = b"\x89PNG"

        assert await run("download", f"{apis.address}/files/1") == b"\x89PNG"

        assert "Authorization" not in apis.received[0].headers


class TestLeavingAStream:
    """The connection does not stay open after the caller has left."""

    @pytest.fixture(autouse=True)
    def _endless(self, apis: FakeApis) -> None:
        apis.planned.append(Response(200, events=(event("delta", {"text": "on and on"}) for _ in range(10_000_000))))

    @pytest.fixture(autouse=True)
    def closed(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Calls that close a response: garbage collection would do so only later."""
        calls: list[str] = []
        close, aclose = httpx.Response.close, httpx.Response.aclose

        def record_close(response: httpx.Response) -> None:
            calls.append("close")
            close(response)

        async def record_aclose(response: httpx.Response) -> None:
            calls.append("aclose")
            await aclose(response)

        monkeypatch.setattr(httpx.Response, "close", record_close)
        monkeypatch.setattr(httpx.Response, "aclose", record_aclose)
        return calls

    def test_sync(self, apis: FakeApis, closed: list[str]) -> None:
        with Client(find_stage(base_urls={"playground": apis.url("playground")}, region="us-west-2")) as client:
            events = client.stream("playground", "/completions/stream", MESSAGE)
            next(events)
            events.close()

            assert closed == ["close"]
            assert apis.disconnected.wait(5)

    async def test_async(self, apis: FakeApis, closed: list[str]) -> None:
        stage = find_stage(base_urls={"playground": apis.url("playground")}, region="us-west-2")
        async with AsyncClient(stage) as client:
            events = client.stream("playground", "/completions/stream", MESSAGE)
            await anext(events)
            await events.aclose()

            assert closed == ["aclose"]
            assert await asyncio.to_thread(apis.disconnected.wait, 5)
