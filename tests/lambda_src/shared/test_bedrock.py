"""Calls within the deadline, and Bedrock's errors as API errors."""

import traceback
from typing import Any

import pytest
import urllib3
from botocore.exceptions import EndpointConnectionError, EventStreamError, ReadTimeoutError

from lambda_src.shared import errors
from lambda_src.shared.bedrock import ATTEMPTS, AnswerStream, Bedrock
from lambda_src.shared.catalog import resolve
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
def test_bedrock_errors_become_api_errors(failure: Exception, expected: type, calls: int) -> None:
    model = FakeModel(*[failure] * calls)
    with pytest.raises(expected) as raised:
        bedrock(model).converse(context(), HAIKU, {})
    assert type(raised.value) is expected
    assert len(model.requests) == calls


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "ModelErrorException"])
def test_what_a_model_says_of_a_failed_call_is_not_logged(code: str, caplog: pytest.LogCaptureFixture) -> None:
    """Bedrock's messages may quote the caller's text."""
    failure = client_error(code, "invalid text: my secret")
    failure.response["ResponseMetadata"] = {"RequestId": "r-9", "HTTPStatusCode": 400}
    with caplog.at_level("INFO"), pytest.raises(errors.ApiError) as raised:
        bedrock(FakeModel(failure)).converse(context(), HAIKU, {})

    assert "secret" not in str([vars(record) for record in caplog.records])
    # `logger.exception` formats an error like this, in workers and for bugs.
    assert "secret" not in "".join(traceback.format_exception(raised.value))
    (record,) = (vars(record) for record in caplog.records if record.message == "model call failed")
    assert (record["error"], record["operation"], record["aws_request_id"]) == (code, "Converse", "r-9")
    assert ("secret" in raised.value.message) == (code == "ValidationException")


def test_a_transient_error_is_retried() -> None:
    model = FakeModel(client_error("ThrottlingException"), converse_answer("good"))
    request_context = context()
    answer = bedrock(model).converse(request_context, HAIKU, {})
    assert answer["output"]["message"]["content"] == [{"text": "good"}]
    assert (request_context.used(HAIKU).input_tokens, request_context.used(HAIKU).output_tokens) == (10, 5)


@pytest.mark.parametrize(("left", "timeout"), [(28, 26), (21, 20), (11.5, 10), (2, 1)])
def test_a_call_ends_before_the_deadline(left: float, timeout: int) -> None:
    model = FakeModel(converse_answer("good"))
    bedrock(model).converse(context(left), HAIKU, {})
    assert model.timeouts == [timeout]


def test_without_time_left_no_call_starts() -> None:
    model = FakeModel()
    with pytest.raises(errors.DeadlineExceeded):
        bedrock(model).converse(context(1.0), HAIKU, {})
    assert model.requests == []


def test_without_time_for_a_retry_the_error_is_raised() -> None:
    model = FakeModel(client_error("ThrottlingException"))
    with pytest.raises(errors.Throttled):
        bedrock(model).converse(context(2.0), HAIKU, {})


@pytest.mark.parametrize("reason", ["guardrail_intervened", "content_filtered"])
def test_a_guardrail_intervention_is_refused(reason: str) -> None:
    with pytest.raises(errors.Refused):
        bedrock(FakeModel(converse_answer("blocked", reason)), **GUARDED).converse(context(), HAIKU, {})


def test_every_call_has_the_guardrail() -> None:
    model = FakeModel(converse_answer("good"))
    bedrock(model, **GUARDED).converse(context(), HAIKU, {})
    assert model.requests[0]["guardrailConfig"] == {"guardrailIdentifier": "g", "guardrailVersion": "1"}


def guarded(action: str) -> dict[str, Any]:
    assessment = {"sensitiveInformationPolicy": {"piiEntities": [{"action": action, "type": "EMAIL", "match": "a@b"}]}}
    return {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "masked"}], "assessments": [assessment]}


def test_screening_masks_or_refuses_the_text() -> None:
    assert bedrock(FakeModel(guarded("ANONYMIZED")), **GUARDED).screen(context(), "mail a@b") == ["masked"]
    with pytest.raises(errors.Refused):
        bedrock(FakeModel(guarded("BLOCKED")), **GUARDED).screen(context(), "mail a@b")


def test_without_a_guardrail_texts_are_not_screened() -> None:
    plain = bedrock(FakeModel())
    assert plain.screen(context(), "as it is", "this too") == ["as it is", "this too"]
    assert plain.text_block("Be brief.") == {"text": "Be brief."}


def test_texts_are_screened_together() -> None:
    model = FakeModel({**guarded("ANONYMIZED"), "outputs": [{"text": "one"}, {"text": "two"}]})
    assert bedrock(model, **GUARDED).screen(context(), "1", "", "2") == ["one", "", "two"]
    assert model.requests[0]["content"] == [{"text": {"text": "1"}}, {"text": {"text": "2"}}]
    assert model.requests[0]["source"] == "INPUT"


def test_a_refused_text_among_many_calls_refuses_them_all() -> None:
    model = FakeModel({"action": "NONE"}, guarded("BLOCKED"), {"action": "NONE"})
    with pytest.raises(errors.Refused):
        bedrock(model, **GUARDED).screen(context(), *["x" * 25_000] * 3)


def test_masked_outputs_that_cannot_be_assigned_are_asked_for_one_by_one() -> None:
    together = {**guarded("ANONYMIZED"), "outputs": [{"text": "one two"}]}
    model = FakeModel(together, {"action": "NONE"}, guarded("ANONYMIZED"))
    assert bedrock(model, **GUARDED).screen(context(), "1", "2") == ["1", "masked"]


CUT = urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead")


def stream_error(code: str) -> EventStreamError:
    return EventStreamError({"Error": {"Code": code, "Message": "it failed"}}, "ConverseStream")


def test_a_stream_yields_pieces_and_then_has_a_stop_reason() -> None:
    request_context = context()
    stream = bedrock(FakeModel(stream_events("Hello", " you"))).converse_stream(request_context, HAIKU, {})
    assert stream.stop_reason is None
    assert list(stream) == ["Hello", " you"]
    assert stream.stop_reason == "end_turn"
    assert (
        request_context.used(HAIKU).input_tokens,
        request_context.used(HAIKU).output_tokens,
        request_context.used(HAIKU).calls,
    ) == (10, 5, 1)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([*stream_events("Hel")[:2], CUT], errors.Unavailable),
        ([*stream_events("Hel")[:2], ConnectionResetError()], errors.Unavailable),
        # Ends regularly, but without a stop reason.
        (stream_events("Hel")[:3], errors.Unavailable),
        ([*stream_events("Hel")[:2], urllib3.exceptions.ReadTimeoutError(None, "", "")], errors.DeadlineExceeded),
        ([*stream_events("Hel")[:2], stream_error("modelStreamErrorException")], errors.ModelFailed),
        ([*stream_events("Hel")[:2], stream_error("throttlingException")], errors.Throttled),
        (stream_events("Hel", stop="guardrail_intervened"), errors.Refused),
    ],
)
def test_a_failing_stream_raises_after_its_pieces(events: list[Any], expected: type[Exception]) -> None:
    stream = bedrock(FakeModel(events)).converse_stream(context(), HAIKU, {})
    assert next(stream) == "Hel"
    with pytest.raises(expected):
        next(stream)


def test_an_error_before_the_first_piece_is_retried() -> None:
    model = FakeModel(client_error("ThrottlingException"), stream_events("Hello"))
    assert list(bedrock(model).converse_stream(context(), HAIKU, {})) == ["Hello"]


def test_a_stream_ends_at_the_deadline() -> None:
    request_context = context()
    stream = bedrock(FakeModel(stream_events("Hello", " you"))).converse_stream(request_context, HAIKU, {})
    next(stream)
    request_context.deadline = Deadline(-1)
    with pytest.raises(errors.DeadlineExceeded):
        next(stream)


@pytest.mark.parametrize("read", [0, 1])
def test_closing_a_stream_closes_the_connection_and_counts_the_call_once(read: int) -> None:
    events = FakeStream(stream_events("Hello", " you"))
    request_context = context()
    stream = AnswerStream(request_context, HAIKU, events, 0.0)
    for _ in range(read):
        next(stream)
    stream.close()
    stream.close()
    assert events.closed
    assert request_context.used(HAIKU).calls == 1


def test_a_stream_has_a_longer_read_timeout_than_a_plain_request() -> None:
    model = FakeModel(stream_events("Hello"))
    bedrock(model).converse_stream(context(290), HAIKU, {})
    assert model.timeouts == [60]


def test_cached_tokens_count_as_input() -> None:
    request_context, answer = context(), converse_answer("good")
    answer["usage"] = {"inputTokens": 3, "outputTokens": 5, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 20}
    bedrock(FakeModel(answer)).converse(request_context, HAIKU, {})
    assert (request_context.used(HAIKU).input_tokens, request_context.used(HAIKU).cached_tokens) == (123, 100)
