"""Calls within the deadline, and Bedrock's errors in the contract's terms."""

from typing import Any

import pytest
import urllib3
from botocore.exceptions import EndpointConnectionError, EventStreamError, ReadTimeoutError

from lambda_src.shared import errors
from lambda_src.shared.bedrock import ATTEMPTS, AnswerStream, Bedrock
from lambda_src.shared.catalogue import resolve
from lambda_src.shared.context import Deadline
from tests.fakes import FakeModel, FakeStream, client_error, context, converse_answer, settings, stream_events

HAIKU = resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0")
GUARDED = {"guardrail_id": "g", "guardrail_version": "1"}


def bedrock(model: FakeModel, **changes: Any) -> Bedrock:
    return Bedrock(settings(**changes), model, sleep=lambda seconds: None)


@pytest.mark.parametrize(
    ("failure", "expected", "calls"),
    [
        (client_error("ThrottlingException"), errors.Throttled, ATTEMPTS),
        (client_error("ServiceUnavailableException"), errors.Unavailable, ATTEMPTS),
        (client_error("InternalServerException"), errors.Unavailable, ATTEMPTS),
        (EndpointConnectionError(endpoint_url="https://x"), errors.Unavailable, ATTEMPTS),
        (ReadTimeoutError(endpoint_url="https://x"), errors.DeadlineExceeded, 1),
        (client_error("ModelTimeoutException"), errors.DeadlineExceeded, 1),
        (client_error("ModelErrorException"), errors.ModelFailed, 1),
        (client_error("ValidationException", "maxTokens"), errors.InvalidRequest, 1),
        (client_error("ValidationException", "blocked by our content filters"), errors.Refused, 1),
        (client_error("AccessDeniedException"), errors.Unavailable, 1),
        (client_error("ResourceNotFoundException"), errors.Unavailable, 1),
    ],
)
def test_failures_are_told_in_the_contracts_terms(failure: Exception, expected: type, calls: int) -> None:
    model = FakeModel(*[failure] * calls)
    with pytest.raises(expected) as raised:
        bedrock(model).converse(context(), HAIKU, {})
    assert type(raised.value) is expected
    assert len(model.requests) == calls


def test_a_passing_fault_is_not_seen_by_the_caller() -> None:
    model = FakeModel(client_error("ThrottlingException"), converse_answer("good"))
    used = context()
    answer = bedrock(model).converse(used, HAIKU, {})
    assert answer["output"]["message"]["content"] == [{"text": "good"}]
    assert (used.used(HAIKU).input_tokens, used.used(HAIKU).output_tokens) == (10, 5)


@pytest.mark.parametrize(("left", "timeout"), [(28, 26), (21, 20), (11.5, 10), (2, 1)])
def test_a_call_ends_before_the_deadline(left: float, timeout: int) -> None:
    model = FakeModel(converse_answer("good"))
    bedrock(model).converse(context(left), HAIKU, {})
    assert model.timeouts == [timeout]


def test_no_call_is_begun_when_no_time_is_left() -> None:
    model = FakeModel()
    with pytest.raises(errors.DeadlineExceeded):
        bedrock(model).converse(context(1.0), HAIKU, {})
    assert model.requests == []


def test_no_retry_is_begun_that_could_not_end() -> None:
    model = FakeModel(client_error("ThrottlingException"))
    with pytest.raises(errors.Throttled):
        bedrock(model).converse(context(2.0), HAIKU, {})


@pytest.mark.parametrize("reason", ["guardrail_intervened", "content_filtered"])
def test_an_intervention_is_a_refusal(reason: str) -> None:
    with pytest.raises(errors.Refused):
        bedrock(FakeModel(converse_answer("blocked", reason)), **GUARDED).converse(context(), HAIKU, {})


def test_the_guardrail_goes_with_every_call() -> None:
    model = FakeModel(converse_answer("good"))
    bedrock(model, **GUARDED).converse(context(), HAIKU, {})
    assert model.requests[0]["guardrailConfig"] == {"guardrailIdentifier": "g", "guardrailVersion": "1"}


def guarded(action: str) -> dict[str, Any]:
    assessment = {"sensitiveInformationPolicy": {"piiEntities": [{"action": action, "type": "EMAIL", "match": "a@b"}]}}
    return {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "masked"}], "assessments": [assessment]}


def test_screening_masks_or_refuses() -> None:
    assert bedrock(FakeModel(guarded("ANONYMIZED")), **GUARDED).screen(context(), "mail a@b") == "masked"
    with pytest.raises(errors.Refused):
        bedrock(FakeModel(guarded("BLOCKED")), **GUARDED).screen(context(), "mail a@b")
    assert bedrock(FakeModel()).screen(context(), "as it is") == "as it is"


CUT = urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead")


def stream_error(code: str) -> EventStreamError:
    return EventStreamError({"Error": {"Code": code, "Message": "it failed"}}, "ConverseStream")


def test_a_stream_is_text_in_pieces_and_then_known_whole() -> None:
    asked = context()
    stream = bedrock(FakeModel(stream_events("Hello", " you"))).converse_stream(asked, HAIKU, {})
    assert stream.stop_reason is None
    assert list(stream) == ["Hello", " you"]
    assert stream.stop_reason == "end_turn"
    assert (asked.used(HAIKU).input_tokens, asked.used(HAIKU).output_tokens, asked.used(HAIKU).calls) == (10, 5, 1)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([*stream_events("Hel")[:2], CUT], errors.Unavailable),
        ([*stream_events("Hel")[:2], ConnectionResetError()], errors.Unavailable),
        # It ends well and in order, but the model never said that it was done.
        (stream_events("Hel")[:3], errors.Unavailable),
        ([*stream_events("Hel")[:2], urllib3.exceptions.ReadTimeoutError(None, "", "")], errors.DeadlineExceeded),
        ([*stream_events("Hel")[:2], stream_error("modelStreamErrorException")], errors.ModelFailed),
        ([*stream_events("Hel")[:2], stream_error("throttlingException")], errors.Throttled),
        (stream_events("Hel", stop="guardrail_intervened"), errors.Refused),
    ],
)
def test_a_stream_that_fails_says_so_after_its_pieces(events: list[Any], expected: type[Exception]) -> None:
    stream = bedrock(FakeModel(events)).converse_stream(context(), HAIKU, {})
    pieces = iter(stream)
    assert next(pieces) == "Hel"
    with pytest.raises(expected):
        next(pieces)


def test_what_fails_before_the_first_piece_is_repeated() -> None:
    model = FakeModel(client_error("ThrottlingException"), stream_events("Hello"))
    assert list(bedrock(model).converse_stream(context(), HAIKU, {})) == ["Hello"]


def test_a_stream_that_is_past_its_deadline_ends() -> None:
    asked = context()
    stream = bedrock(FakeModel(stream_events("Hello", " you"))).converse_stream(asked, HAIKU, {})
    pieces = iter(stream)
    next(pieces)
    asked.deadline = Deadline(-1)
    with pytest.raises(errors.DeadlineExceeded):
        next(pieces)


def test_who_stops_reading_hangs_up() -> None:
    events = FakeStream(stream_events("Hello", " you"))
    pieces = iter(AnswerStream(context(), HAIKU, events, 0.0))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert events.closed


def test_a_model_may_think_longer_between_pieces_than_a_plain_request_may_last() -> None:
    model = FakeModel(stream_events("Hello"))
    bedrock(model).converse_stream(context(290), HAIKU, {})
    assert model.timeouts == [60]


def test_tokens_from_the_prompt_cache_are_input_too() -> None:
    asked, answer = context(), converse_answer("good")
    answer["usage"] = {"inputTokens": 3, "outputTokens": 5, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 20}
    bedrock(FakeModel(answer)).converse(asked, HAIKU, {})
    assert (asked.used(HAIKU).input_tokens, asked.used(HAIKU).cached_tokens) == (123, 100)
