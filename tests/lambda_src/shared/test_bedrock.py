"""Calls within the deadline, and Bedrock's errors as API errors."""

import traceback
from typing import Any

import pytest
import urllib3
from botocore.exceptions import EndpointConnectionError, EventStreamError, ReadTimeoutError

from lambda_src.shared import errors
from lambda_src.shared.bedrock import ATTEMPTS, SCREENED_PICTURE_BYTES, THINKING_TOKENS, AnswerStream, Bedrock
from lambda_src.shared.catalog import resolve
from lambda_src.shared.context import Deadline
from tests.fakes import FakeModel, FakeStream, client_error, context, converse_answer, settings, stream_events

HAIKU = resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0")
GUARDED = {"guardrail_id": "g", "guardrail_version": "1"}


def bedrock(model: FakeModel, **changes: Any) -> Bedrock:
    return Bedrock(settings(**changes), model, sleep=lambda seconds: None)


ON_DEMAND = (
    "Invocation of model ID amazon.nova-2-lite-v1:0 with on-demand throughput isn\u2019t supported. Retry your request "
    "with the ID or ARN of an inference profile that contains this model."
)


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
        (client_error("AccessDeniedException"), errors.ModelUnavailable, 1),
        (client_error("ResourceNotFoundException"), errors.ModelUnavailable, 1),
        (
            client_error("ValidationException", "The provided model identifier is invalid."),
            errors.ModelUnavailable,
            1,
        ),
        (client_error("ValidationException", ON_DEMAND), errors.ModelUnavailable, 1),
        (
            client_error("ValidationException", "The provided model doesn't support on-demand throughput."),
            errors.ModelUnavailable,
            1,
        ),
        (
            client_error(
                "ValidationException",
                "The guardrail identifier or version provided in the request does not exist.",
            ),
            errors.ModelUnavailable,
            1,
        ),
        # Callers cannot make their own mistake look like the operator's.
        (
            client_error("ValidationException", f"Malformed input request, value: '{ON_DEMAND}'"),
            errors.InvalidRequest,
            1,
        ),
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
    assert model.requests[0]["guardrailConfig"] == {
        "guardrailIdentifier": "g",
        "guardrailVersion": "1",
        "trace": "enabled",
    }


UNKNOWN = {"newPolicy": {"matches": [{"action": "REDIRECTED"}]}}


def guarded(action: str) -> dict[str, Any]:
    assessment = {"sensitiveInformationPolicy": {"piiEntities": [{"action": action, "type": "EMAIL", "match": "a@b"}]}}
    return {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "masked"}], "assessments": [assessment]}


def test_screening_masks_or_refuses_the_text() -> None:
    assert bedrock(FakeModel(guarded("ANONYMIZED")), **GUARDED).screen(context(), "mail a@b") == ["masked"]
    with pytest.raises(errors.Refused):
        bedrock(FakeModel(guarded("BLOCKED")), **GUARDED).screen(context(), "mail a@b")


@pytest.mark.parametrize(
    "change", [{"assessments": []}, {"assessments": [UNKNOWN]}, {"outputs": []}, {"outputs": [{"text": ""}]}], ids=str
)
def test_an_intervention_that_shows_no_masked_text_refuses_the_text(change: dict[str, Any]) -> None:
    with pytest.raises(errors.Refused):
        bedrock(FakeModel({**guarded("ANONYMIZED"), **change}), **GUARDED).screen(context(), "mail a@b")


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
    stream = AnswerStream(request_context, HAIKU, {}, events, 0.0)
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


MASKED = {"sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL", "action": "ANONYMIZED"}]}}
BLOCKED = {"contentPolicy": {"filters": [{"type": "HATE", "action": "BLOCKED"}]}}


def trace(*assessments: dict[str, Any]) -> dict[str, Any]:
    return {"guardrail": {"outputAssessments": {"g": list(assessments)}}}


def test_a_masked_answer_is_not_refused() -> None:
    """Bedrock reports an intervention for it, as for a blocked one: only the trace tells them apart."""
    answer = {**converse_answer("Write to {EMAIL}.", "guardrail_intervened"), "trace": trace(MASKED)}

    converse = bedrock(FakeModel(answer), **GUARDED).converse(context(), HAIKU, {})

    assert converse["output"]["message"]["content"] == [{"text": "Write to {EMAIL}."}]
    assert converse["stopReason"] == "end_turn"


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"trace": {}},
        {"trace": trace(BLOCKED)},
        {"trace": trace(MASKED, BLOCKED)},
        {"trace": trace(MASKED, UNKNOWN)},
        {"trace": trace(UNKNOWN)},
        {"trace": trace({"invocationMetrics": {"guardrailProcessingLatency": 5}})},
        {"trace": {"guardrail": {"modelOutput": ["Withheld."], "actionReason": "Guardrail blocked."}}},
        {"trace": {"guardrail": {**trace(MASKED)["guardrail"], "inputAssessment": {"g": BLOCKED}}}},
    ],
    ids=str,
)
def test_an_answer_that_was_not_only_masked_is_refused(extra: dict[str, Any]) -> None:
    answer = {**converse_answer("Withheld.", "guardrail_intervened"), **extra}

    with pytest.raises(errors.Refused):
        bedrock(FakeModel(answer), **GUARDED).converse(context(), HAIKU, {})


@pytest.mark.parametrize(("assessment", "refused"), [(MASKED, False), (BLOCKED, True)])
def test_a_stream_s_trace_comes_after_its_stop_reason(assessment: dict[str, Any], refused: bool) -> None:
    events = stream_events("Write to ", "{EMAIL}.", stop="guardrail_intervened")
    events[-1]["metadata"]["trace"] = trace(assessment)
    stream = bedrock(FakeModel(events), **GUARDED).converse_stream(context(), HAIKU, {})

    if refused:
        with pytest.raises(errors.Refused):
            list(stream)
    else:
        assert "".join(stream) == "Write to {EMAIL}."
        assert stream.stop_reason == "end_turn"


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_a_broken_answer_is_a_failure_of_the_model(reason: str) -> None:
    with pytest.raises(errors.ModelFailed):
        bedrock(FakeModel(converse_answer("{", reason))).converse(context(), HAIKU, {})
    with pytest.raises(errors.ModelFailed):
        list(bedrock(FakeModel(stream_events("{", stop=reason))).converse_stream(context(), HAIKU, {}))


def test_an_answer_that_fills_the_context_window_is_kept() -> None:
    answer = bedrock(FakeModel(converse_answer("Long", "model_context_window_exceeded"))).converse(context(), HAIKU, {})

    assert answer["stopReason"] == "model_context_window_exceeded"


@pytest.mark.parametrize(
    ("model", "fields", "max_tokens"),
    [
        ("us.anthropic.claude-haiku-5-5", {"thinking": {"type": "disabled"}}, 100),
        ("us.anthropic.claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}, 100),
        (
            "us.anthropic.claude-opus-5-5",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            100 + THINKING_TOKENS,
        ),
        ("openai.gpt-oss-20b-1:0", {"reasoning_effort": "low"}, 100 + THINKING_TOKENS),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", None, 100),
        ("us.amazon.nova-2-lite-v1:0", None, 100),
    ],
)
def test_models_think_as_little_as_they_can(model: str, fields: dict[str, Any] | None, max_tokens: int) -> None:
    """Thoughts count against the limit: with a short one, there would be no answer."""
    fake = FakeModel(converse_answer("Yes."), stream_events("Yes."))
    request = {"inferenceConfig": {"maxTokens": 100}}
    bedrock(fake).converse(context(), resolve(model), request)
    list(bedrock(fake).converse_stream(context(), resolve(model), request))

    for sent in fake.requests:
        assert sent.get("additionalModelRequestFields") == fields
        assert sent["inferenceConfig"] == {"maxTokens": max_tokens}
    assert request == {"inferenceConfig": {"maxTokens": 100}}


def test_room_for_thoughts_stays_within_the_models_limit() -> None:
    fake = FakeModel(converse_answer("Yes."))
    model = resolve("openai.gpt-oss-20b-1:0")
    limit = model.model.parameters["maxTokens"].max

    bedrock(fake).converse(context(), model, {"inferenceConfig": {"maxTokens": limit - 1}})

    assert fake.requests[0]["inferenceConfig"] == {"maxTokens": limit}


def test_an_application_inference_profile_is_called_by_its_arn() -> None:
    arn = "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc"
    fake = FakeModel(converse_answer("Yes."))
    bedrock(fake).converse(context(), resolve(f"us.amazon.nova-lite-v1:0={arn}"), {})

    assert fake.requests[0]["modelId"] == arn


def test_callers_do_not_see_arns() -> None:
    arn = "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc"
    failure = client_error("ValidationException", f"Value '{arn}' at 'modelId' failed to satisfy constraint")
    with pytest.raises(errors.InvalidRequest) as raised:
        bedrock(FakeModel(failure)).converse(context(), HAIKU, {})

    assert raised.value.message.endswith("Value '(ARN)' at 'modelId' failed to satisfy constraint")
    assert "1111" not in str(raised.value.body("r"))


def test_a_model_that_cannot_be_used_tells_the_operator_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("ERROR"), pytest.raises(errors.ModelUnavailable) as raised:
        bedrock(FakeModel(client_error("AccessDeniedException"))).converse(context(), HAIKU, {})

    assert raised.value.retry_after is None
    (record,) = (vars(record) for record in caplog.records if record.message == "model not usable")
    assert "make doctor" in record["advice"]


def test_the_guardrail_is_applied_in_its_own_region() -> None:
    regions: list[str | None] = []
    fake = FakeModel({"action": "NONE", "outputs": [], "assessments": []}, converse_answer("Yes."))

    def client_for(_seconds: int, region: str | None) -> FakeModel:
        regions.append(region)
        return fake

    stage = settings(**GUARDED, model_region="us-west-2", guardrail_region="eu-west-1")
    calls = Bedrock(stage, client_for)
    calls.screen(context(), "a poster")
    calls.converse(context(), HAIKU, {})

    assert regions == ["eu-west-1", "us-west-2"]


PICTURES = {**GUARDED, "guardrail_pictures": True}


def test_pictures_are_screened_by_a_guardrail_with_filters_for_them() -> None:
    fake = FakeModel({"action": "NONE", "outputs": [], "assessments": []})

    bedrock(fake, **PICTURES).screen_pictures(context(), [b"one", b"two"])

    (request,) = fake.requests
    assert request["source"] == "OUTPUT"
    assert [block["image"]["source"]["bytes"] for block in request["content"]] == [b"one", b"two"]


def test_a_blocked_picture_is_refused() -> None:
    fake = FakeModel({"action": "GUARDRAIL_INTERVENED", "outputs": [], "assessments": [BLOCKED]})

    with pytest.raises(errors.Refused):
        bedrock(fake, **PICTURES).screen_pictures(context(), [b"one"])


@pytest.mark.parametrize("changes", [{}, GUARDED, {"guardrail_pictures": True}])
def test_other_stages_screen_no_pictures(changes: dict[str, Any]) -> None:
    bedrock(FakeModel(), **changes).screen_pictures(context(), [b"one"])


def test_a_picture_that_cannot_be_screened_is_not_delivered() -> None:
    with pytest.raises(errors.ModelFailed):
        bedrock(FakeModel(), **PICTURES).screen_pictures(context(), [bytes(SCREENED_PICTURE_BYTES + 1)])


@pytest.mark.parametrize(("limit", "reason"), [(5, "max_tokens"), (6, "end_turn")])
def test_a_masked_answer_that_was_cut_says_so(limit: int, reason: str) -> None:
    request = {"inferenceConfig": {"maxTokens": limit}}
    answer = {**converse_answer("Write to {EMAIL}", "guardrail_intervened"), "trace": trace(MASKED)}
    events = stream_events("Write to {EMAIL}", stop="guardrail_intervened")
    events[-1]["metadata"]["trace"] = trace(MASKED)
    calls = bedrock(FakeModel(answer, events), **GUARDED)

    assert calls.converse(context(), HAIKU, request)["stopReason"] == reason
    stream = calls.converse_stream(context(), HAIKU, request)
    list(stream)
    assert stream.stop_reason == reason
