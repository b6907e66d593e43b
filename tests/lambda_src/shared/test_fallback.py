"""Fallback models: when another one answers, within which time, and for whom."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EventStreamError, ReadTimeoutError

from lambda_src.shared import errors
from lambda_src.shared.bedrock import ATTEMPTS, ATTEMPTS_BEFORE_FALLBACK, Bedrock
from lambda_src.shared.callers import Grant
from lambda_src.shared.catalog import Invocation, resolve
from lambda_src.shared.context import Context, Deadline
from lambda_src.shared.fallback import FAILURES, SKIP_SECONDS, CircuitBreaker, Fallbacks
from tests.fakes import CALLER, FakeModel, client_error, context, converse_answer, settings, stream_events

ROOT = Path(__file__).parents[3]
HAIKU = resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0")
NOVA = resolve("us.amazon.nova-lite-v1:0")
MICRO = resolve("us.amazon.nova-micro-v1:0")
CHAIN = (HAIKU.id, NOVA.id, MICRO.id)
THROTTLED = [client_error("ThrottlingException")] * ATTEMPTS_BEFORE_FALLBACK
ENDED = client_error("ResourceNotFoundException", "This model version has reached the end of its life.")
TIMEOUT = ReadTimeoutError(endpoint_url="https://x")
GOOD = converse_answer("good")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """A function's process: `ask` sends one request, and returns the text and the model that has answered."""

    def __init__(self, *answers: Any, chain: tuple[str, ...] = CHAIN) -> None:
        self.model = FakeModel(*answers)
        self.clock = Clock()
        self.bedrock = Bedrock(settings(fallbacks=(chain,)), self.model, sleep=lambda seconds: None)
        self.bedrock._fallbacks = Fallbacks((chain,), CircuitBreaker(self.clock))

    @property
    def called(self) -> list[str]:
        return [request["modelId"] for request in self.model.requests]

    def ask(self, request_context: Context | None = None, primary: Invocation = HAIKU) -> tuple[str, str]:
        answer, used = self.bedrock.answer(
            request_context or context(),
            primary,
            lambda limited, model: self.bedrock.converse(limited, model, {}),
        )
        return answer["output"]["message"]["content"][0]["text"], used.id

    def stream(self, request_context: Context | None = None) -> Any:
        return self.bedrock.answer_stream(
            request_context or context(),
            HAIKU,
            lambda limited, model: self.bedrock.converse_stream(limited, model, {}),
        )


@pytest.mark.parametrize(
    "failures",
    [
        THROTTLED,
        [client_error("ServiceUnavailableException")] * ATTEMPTS_BEFORE_FALLBACK,
        [TIMEOUT],
        [client_error("ModelTimeoutException")],
        [ENDED],
        [client_error("AccessDeniedException")],
    ],
)
def test_the_next_model_answers(failures: list[Exception]) -> None:
    stage = Stage(*failures, GOOD)

    assert stage.ask() == ("good", NOVA.id)
    assert stage.called == [HAIKU.id] * len(failures) + [NOVA.id]


def test_the_last_model_answers_with_all_its_retries() -> None:
    stage = Stage(*THROTTLED, ENDED, *[client_error("ThrottlingException")] * (ATTEMPTS - 1), GOOD)

    assert stage.ask() == ("good", MICRO.id)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (client_error("ModelErrorException"), errors.ModelFailed),
        (client_error("ValidationException", "maxTokens"), errors.InvalidRequest),
        (converse_answer("no", "guardrail_intervened"), errors.Refused),
    ],
)
def test_other_errors_are_the_answer(failure: Any, error: type[Exception]) -> None:
    stage = Stage(failure)
    with pytest.raises(error):
        stage.ask()
    assert stage.called == [HAIKU.id]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (client_error("ModelErrorException"), errors.ModelFailed),
        (converse_answer("no", "guardrail_intervened"), errors.Refused),
    ],
)
def test_what_a_fallback_refuses_no_other_model_is_asked(failure: Any, error: type[Exception]) -> None:
    stage = Stage(ENDED, failure)
    with pytest.raises(error):
        stage.ask()
    assert stage.called == [HAIKU.id, NOVA.id]


def test_a_fallback_that_does_not_take_the_request_is_left_out() -> None:
    stage = Stage(ENDED, client_error("ValidationException", "too many tokens"), GOOD)

    assert stage.ask() == ("good", MICRO.id)


def test_when_no_model_answers_the_error_is_the_first_ones() -> None:
    stage = Stage(*THROTTLED, ENDED, TIMEOUT)
    with pytest.raises(errors.Throttled):
        stage.ask()
    assert stage.called == [HAIKU.id, HAIKU.id, NOVA.id, MICRO.id]


def test_a_model_without_fallbacks_has_none() -> None:
    stage = Stage(*[client_error("ThrottlingException")] * ATTEMPTS)
    with pytest.raises(errors.Throttled):
        stage.ask(primary=NOVA)
    assert stage.called == [NOVA.id] * ATTEMPTS


@pytest.mark.parametrize(
    ("left", "timeouts"),
    [
        # Ten seconds are left for the others, which share what there is.
        (27.5, [15, 10]),
        (290, [60, 60]),
        # Half.
        (12, [5, 10]),
    ],
)
def test_a_model_with_fallbacks_leaves_them_time(left: float, timeouts: list[int]) -> None:
    """The fake model fails at once, so the time of the second is what is left of the request's."""
    stage = Stage(TIMEOUT, GOOD, chain=CHAIN[:2])
    clock = Clock()
    request_context = context()
    request_context.deadline = Deadline(left, clock)

    def timed(limited: Context, model: Invocation) -> Any:
        used = stage.bedrock.converse(limited, model, {})
        return used

    def elapse(*_: Any) -> None:
        raise TIMEOUT

    stage.model.queue[0] = elapse
    stage.bedrock.answer(request_context, HAIKU, timed)
    assert stage.model.timeouts[0] == timeouts[0]
