"""Requests that are refused for the moment, and those that fail."""

from typing import Any

import pytest

from dev.evaluation.client import Client, RequestFailed
from tests.hr_stage import FakeStage, error


def ask(*answers: Any, waits: list[float] | None = None) -> tuple[Client, Any]:
    stage = FakeStage(searches={"?": answers})
    client = Client(stage, sleep=(waits if waits is not None else []).append)
    return client, lambda: client.send("POST", "/searches", {"query": "?"})


def test_what_is_refused_for_the_moment_is_sent_again_when_the_answer_says() -> None:
    waits: list[float] = []
    client, send = ask(error(429, "throttled", retry_after="7"), error(503, "unavailable"), {"items": []}, waits=waits)
    assert send().body == {"items": []}
    assert waits == [7, 2]
    assert client.repeated == {"429": 1, "503": 1}


def test_patience_ends() -> None:
    waits: list[float] = []
    _, send = ask(error(429, "throttled", Retry_After="3600"), waits=waits)
    with pytest.raises(RequestFailed, match="429 throttled, 10 times"):
        send()
    assert waits == [30] * 9


def test_the_time_is_that_of_the_attempt_that_was_answered() -> None:
    ticks = iter([0.0, 100.0, 200.0, 200.25])
    client = Client(
        FakeStage(searches={"?": [error(429, "throttled"), {"items": []}]}),
        sleep=lambda _: None,
        clock=lambda: next(ticks),
    )
    assert client.send("POST", "/searches", {"query": "?"}).milliseconds == 250


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error(502, "model_error"), "502 model_error"),
        (ConnectionResetError("gone"), "no answer: gone"),
        (TimeoutError("timed out"), "no answer: timed out"),
    ],
)
def test_other_failures_are_not_repeated(answer: Any, why: str) -> None:
    client, send = ask(answer, {"items": []})
    with pytest.raises(RequestFailed, match=why):
        send()
    assert not client.repeated


def test_a_failure_before_the_api_has_no_code() -> None:
    answer = error(504, "")
    answer.raw = b"<html>"
    with pytest.raises(RequestFailed, match=r"^504$"):
        ask(answer)[1]()
