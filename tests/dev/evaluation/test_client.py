"""Requests that are retried, and those that fail."""

from typing import Any

import pytest

from bedrock_endpoints.errors import ConnectionFailed, TimedOut
from dev.evaluation.client import Client, RequestFailed
from tests.hr_stage import FakeStage, error


def ask(*answers: Any, waits: list[float] | None = None) -> tuple[Client, Any]:
    stage = FakeStage(searches={"?": answers})
    client = Client(stage, sleep=(waits if waits is not None else []).append)
    return client, lambda: client.send("POST", "/searches", {"query": "?"})


def test_temporary_errors_are_retried_after_their_delay() -> None:
    waits: list[float] = []
    client, send = ask(error(429, "throttled", retry_after="7"), error(503, "unavailable"), {"items": []}, waits=waits)
    assert send().body == {"items": []}
    assert waits == [7, 2]
    assert client.retries == {"429": 1, "503": 1}


def test_retries_are_limited() -> None:
    waits: list[float] = []
    _, send = ask(error(429, "throttled", retry_after="3600"), waits=waits)
    with pytest.raises(RequestFailed, match="429 throttled, 10 times"):
        send()
    assert waits == [30] * 9


def test_the_duration_is_that_of_the_successful_attempt() -> None:
    ticks = iter([0.0, 200.0, 200.25])
    client = Client(
        FakeStage(searches={"?": [error(429, "throttled"), {"items": []}]}),
        sleep=lambda _: None,
        clock=lambda: next(ticks),
    )
    assert client.send("POST", "/searches", {"query": "?"}).milliseconds == 250


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (error(502, "model_error"), "502 model_error"),
        (ConnectionFailed("gone"), "no response: gone"),
        (TimedOut("timed out"), "no response: timed out"),
    ],
)
def test_other_errors_are_not_retried(answer: Any, message: str) -> None:
    client, send = ask(answer, {"items": []})
    with pytest.raises(RequestFailed, match=message):
        send()
    assert not client.retries


def test_an_error_without_the_apis_format_has_no_code() -> None:
    with pytest.raises(RequestFailed, match=r"^504$"):
        ask(error(504, "", body=b"<html>"))[1]()
