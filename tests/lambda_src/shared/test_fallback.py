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
from tests.fakes import FakeModel, client_error, context, converse_answer, settings, stream_events

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


def timing_out(stage: Stage, clock: Clock) -> Any:
    """An answer that does not come before the call's timeout."""

    def wait(_request: dict[str, Any]) -> Any:
        clock.now += stage.model.timeouts[-1]
        raise TIMEOUT

    return wait


@pytest.mark.parametrize(
    ("left", "timeouts"),
    [
        # Ten seconds are left for the fallback, or half.
        (27.5, [15, 10]),
        (12, [5, 5]),
        (290, [60, 60]),
    ],
)
def test_a_model_with_fallbacks_leaves_them_time(left: float, timeouts: list[int]) -> None:
    clock = Clock()
    stage = Stage(chain=CHAIN[:2])
    stage.model.queue = [timing_out(stage, clock), GOOD]

    request_context = context()
    request_context.deadline = Deadline(left, clock)
    assert stage.ask(request_context) == ("good", NOVA.id)
    assert stage.model.timeouts == timeouts


def test_without_time_left_no_fallback_is_called() -> None:
    clock = Clock()
    stage = Stage()
    stage.model.queue = [timing_out(stage, clock)] * 2
    request_context = context()
    request_context.deadline = Deadline(7, clock)
    with pytest.raises(errors.DeadlineExceeded):
        stage.ask(request_context)
    assert stage.called == [HAIKU.id, NOVA.id]


def test_a_request_without_time_is_no_failure_of_the_model() -> None:
    stage = Stage(GOOD)
    for _ in range(FAILURES):
        with pytest.raises(errors.DeadlineExceeded):
            stage.ask(context(1))
    assert stage.called == []
    assert stage.ask() == ("good", HAIKU.id)


def test_a_key_is_for_its_models_only() -> None:
    stage = Stage(ENDED, GOOD)
    request_context = context()
    request_context.grant = Grant(by_token=True, models=frozenset({HAIKU.model.id, MICRO.model.id}))
    assert stage.ask(request_context) == ("good", MICRO.id)

    alone = Stage(*[client_error("ThrottlingException")] * ATTEMPTS)
    request_context.grant = Grant(by_token=True, models=frozenset({HAIKU.model.id}))
    with pytest.raises(errors.Throttled):
        alone.ask(request_context)
    assert alone.called == [HAIKU.id] * ATTEMPTS


def test_each_model_s_use_is_counted() -> None:
    stage = Stage(*THROTTLED, GOOD)
    request_context = context()
    stage.ask(request_context)

    uses = {use.invocation.id: (use.calls, use.input_tokens, use.counted) for use in request_context.uses.values()}
    # Nothing is billed for the throttled call: budgets count no estimate for it, and its price is known.
    assert request_context.used(HAIKU).estimated_cost == 0
    assert uses == {HAIKU.id: (1, 0, 1), NOVA.id: (1, 10, 1)}


def test_a_call_without_an_answer_may_be_billed() -> None:
    stage = Stage(TIMEOUT, GOOD)
    request_context = context()
    stage.ask(request_context)
    assert not request_context.used(HAIKU).counted


def test_a_fallback_is_logged_and_counted(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(*THROTTLED, GOOD)
    with caplog.at_level("INFO"):
        stage.ask()

    (record,) = (vars(record) for record in caplog.records if record.message == "fallback answered")
    assert (record["model"], record["fallback"], record["reason"]) == (HAIKU.id, NOVA.id, "throttled")
    (metric,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "ModelFallbacks" in line)
    assert (metric["model"], metric["ModelFallbacks"]) == (HAIKU.id, [1.0])


def test_after_failures_in_a_row_a_model_is_skipped_then_probed() -> None:
    stage = Stage(*[*THROTTLED, GOOD] * FAILURES, GOOD)
    for _ in range(FAILURES):
        stage.ask()
    stage.model.requests.clear()
    stage.ask()
    assert stage.called == [NOVA.id]

    # The probe fails, and the next requests skip the model again.
    stage.clock.now += SKIP_SECONDS
    stage.model.queue = [*THROTTLED, GOOD, GOOD]
    stage.model.requests.clear()
    assert [stage.ask()[1], stage.ask()[1]] == [NOVA.id, NOVA.id]
    assert stage.called == [HAIKU.id, HAIKU.id, NOVA.id, NOVA.id]

    # It succeeds.
    stage.clock.now += SKIP_SECONDS
    stage.model.queue = [GOOD, *THROTTLED, GOOD, GOOD]
    assert [stage.ask()[1], stage.ask()[1], stage.ask()[1]] == [HAIKU.id, NOVA.id, HAIKU.id]


def test_failures_that_are_not_in_a_row_do_not_skip_a_model() -> None:
    stage = Stage(*[*THROTTLED, GOOD, GOOD] * FAILURES, GOOD)
    assert [stage.ask()[1] for _ in range(2 * FAILURES + 1)] == [NOVA.id, HAIKU.id] * FAILURES + [HAIKU.id]


def test_an_ended_model_is_skipped_at_once() -> None:
    stage = Stage(ENDED, GOOD, GOOD)
    assert [stage.ask()[1], stage.ask()[1]] == [NOVA.id, NOVA.id]
    assert stage.called == [HAIKU.id, NOVA.id, NOVA.id]


def test_during_a_probe_other_requests_skip_the_model() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    breaker.failed(HAIKU.id, errors.ModelUnavailable("ended"))
    clock.now += SKIP_SECONDS
    assert [breaker.admits(HAIKU.id), breaker.admits(HAIKU.id)] == [True, False]


def test_when_all_models_are_skipped_the_first_is_called() -> None:
    stage = Stage(ENDED, ENDED, ENDED, GOOD)
    with pytest.raises(errors.ModelUnavailable):
        stage.ask()
    assert stage.ask() == ("good", HAIKU.id)


def test_when_all_models_are_skipped_and_the_first_fails_a_fallback_answers() -> None:
    stage = Stage(ENDED, ENDED, ENDED, *THROTTLED, GOOD)
    with pytest.raises(errors.ModelUnavailable):
        stage.ask()
    assert stage.ask() == ("good", NOVA.id)


def test_when_the_first_is_skipped_and_no_other_answers_the_error_is_its_own() -> None:
    stage = Stage(ENDED, GOOD)
    stage.ask()
    stage.model.queue = [*THROTTLED, TIMEOUT, ENDED]
    with pytest.raises(errors.ModelUnavailable):
        stage.ask()
    assert stage.called[-1] == HAIKU.id


def test_a_failing_guardrail_is_no_failure_of_the_model() -> None:
    changes = {"guardrail_id": "g", "guardrail_version": "1", "fallbacks": (CHAIN,)}
    model = FakeModel(*[client_error("ThrottlingException")] * ATTEMPTS_BEFORE_FALLBACK)
    bedrock = Bedrock(settings(**changes), model, sleep=lambda seconds: None)
    with pytest.raises(errors.Throttled):
        bedrock.answer(context(), HAIKU, lambda limited, used: bedrock.screen(limited, "text"))


@pytest.mark.parametrize(
    "broken",
    [
        THROTTLED,
        [[{"messageStart": {"role": "assistant"}}]],
        [[EventStreamError({"Error": {"Code": "throttlingException"}}, "ConverseStream")]],
    ],
)
def test_a_stream_without_a_text_is_replaced(broken: list[Any]) -> None:
    stage = Stage(*broken, stream_events("go", "od"))
    request_context = context()
    stream, used = stage.stream(request_context)

    assert (list(stream), stream.stop_reason, used) == (["go", "od"], "end_turn", NOVA)
    assert request_context.used(NOVA).output_tokens == 5
    # A stream that was opened may be billed.
    uses = {use.invocation.id: (use.calls, use.counted) for use in request_context.uses.values()}
    assert uses == {NOVA.id: (1, 1), **({} if broken is THROTTLED else {HAIKU.id: (1, 0)})}


def test_a_stream_with_a_text_is_not_replaced() -> None:
    stage = Stage(stream_events("go")[:2])
    stream, used = stage.stream()
    assert used is HAIKU
    with pytest.raises(errors.Unavailable):
        list(stream)
    assert stage.called == [HAIKU.id]


def test_an_empty_stream_is_an_answer() -> None:
    stage = Stage(stream_events())
    stream, used = stage.stream()
    assert (list(stream), stream.stop_reason, used) == ([], "end_turn", HAIKU)


def test_a_stream_s_first_text_may_not_take_long_but_the_rest_may() -> None:
    clock = Clock()
    events = stream_events("go", "od")

    def pause() -> None:
        clock.now += 30

    late = [events[0], pause, *events[1:]]
    stage = Stage(late, [*events[:2], pause, *events[2:]])
    request_context = context()
    request_context.deadline = Deadline(290, clock)
    stream, used = stage.stream(request_context)
    assert (list(stream), used) == (["go", "od"], NOVA)
    assert stage.model.timeouts == [20, 20]


@pytest.mark.parametrize("read", [0, 1])
def test_closing_a_stream_with_fallbacks_counts_its_call(read: int) -> None:
    stage = Stage(stream_events("go", "od"))
    request_context = context()
    stream, _ = stage.stream(request_context)
    for _ in range(read):
        next(stream)
    stream.close()
    assert request_context.used(HAIKU).calls == 1


@pytest.mark.parametrize("fallbacks", ["", json.dumps([CHAIN])])
def test_only_a_stage_with_fallbacks_starts_with_them(fallbacks: str) -> None:
    code = "import sys, lambda_src.summarization.handler\n"
    code += "print('lambda_src.shared.fallback' in sys.modules)"
    environment = {
        "PATH": os.environ["PATH"],
        "STAGE": "test",
        "USE_CASE": "summarization",
        "TABLE_NAME": "table",
        "MODELS": HAIKU.id,
        "AWS_DEFAULT_REGION": "us-west-2",
        **({"FALLBACKS": fallbacks} if fallbacks else {}),
    }
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout.split() == [str(bool(fallbacks))]
