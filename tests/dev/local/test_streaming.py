"""Streams through the emulator are incremental, authorized by IAM, and filtered by guardrails."""

import http.client
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from dev.local import eventstream
from dev.local.eventstream import Message
from dev.local.streaming import Blocked, HeldText, Intervention, guarded
from tests.dev.local.conftest import LOCAL_PYTHON, LocalModels
from tests.dev.local.search.conftest import Emulator

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


def _evaluate(text: str) -> dict[str, Any]:
    """A guardrail that blocks a word and masks addresses."""
    masked = re.sub(r"\S+@\S+\w", "{EMAIL}", text).replace("John Smith", "{NAME}")
    return {"blocked": "tinfoil hat" in text, "masked_text": masked}


def _released(*pieces: str) -> list[str]:
    held = HeldText(_evaluate)
    return [*(held.add(piece) for piece in pieces), held.flush()]


def test_text_is_held_until_the_end_of_its_sentence() -> None:
    assert _released("The seal", " is new.", " ", "It holds") == ["", "", "The seal is new. ", "", "It holds"]


def test_text_without_sentences_is_held_up_to_a_limit() -> None:
    assert _released("x" * 601, "y") == ["x" * 601, "", "y"]


def test_masked_text_is_never_sent_in_part() -> None:
    assert "".join(_released("Write to jo", "hn@example", ".org now. Thank", "s.")) == "Write to {EMAIL} now. Thanks."


def test_a_mask_that_starts_in_sent_text_repeats_nothing() -> None:
    # given a name whose first half was sent at the end of a line
    released = _released("I am John\nSmith. ", "Then John Smith. ")
    # then later names are masked, and nothing is sent twice
    assert "".join(released) == "I am John\nSmith. Then {NAME}. "


def test_text_is_evaluated_with_everything_before_it() -> None:
    held = HeldText(_evaluate)
    assert held.add("It is of tinfoil\n") == "It is of tinfoil\n"
    held = HeldText(lambda text: {**_evaluate(text), "blocked": "tinfoil\nhat" in text})
    held.add("It is of tinfoil\n")
    with pytest.raises(Blocked):
        held.add("hat. ")


def _messages(*pieces: str, end: bool = True) -> Iterator[Message]:
    def message(event_type: str, content: dict[str, Any]) -> Message:
        return next(eventstream.messages([eventstream.event(event_type, content)]))

    yield message("messageStart", {"role": "assistant"})
    for piece in pieces:
        yield message("contentBlockDelta", {"delta": {"text": piece}, "contentBlockIndex": 0})
    if not end:
        raise http.client.IncompleteRead(b"")
    yield message("contentBlockStop", {"contentBlockIndex": 0})
    yield message("messageStop", {"stopReason": "end_turn"})
    yield message("metadata", {"usage": {"inputTokens": 3}})


def _decoded(sent: Iterator[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    for message in eventstream.messages(sent):
        yield message.event_type, message.content


_INTERVENTION = Intervention(_evaluate, "No.")


def test_a_stream_is_masked_and_keeps_its_order() -> None:
    events = list(_decoded(guarded(_messages("I am a@b.org. ", "You", " too?"), _INTERVENTION)))
    assert [event_type for event_type, _ in events] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[1][1]["delta"] == {"text": "I am {EMAIL}. "}
    assert events[2][1]["delta"] == {"text": "You too?"}


def test_a_masked_stream_ends_like_a_blocked_one_and_only_its_trace_differs() -> None:
    def evaluate(text: str) -> dict[str, Any]:
        evaluation = _evaluate(text)
        action = "BLOCKED" if evaluation["blocked"] else "ANONYMIZED"
        return {**evaluation, "assessment": {"wordPolicy": {"action": action}}}

    for pieces, action in ((("I am a@b.org.",), "ANONYMIZED"), (("A tinfoil hat. ",), "BLOCKED")):
        events = list(_decoded(guarded(_messages(*pieces), Intervention(evaluate, "No.", "g"))))
        assert events[-2][1] == {"stopReason": "guardrail_intervened"}
        trace = events[-1][1]["trace"]["guardrail"]["outputAssessments"]
        assert trace == {"g": [{"wordPolicy": {"action": action}}]}


def test_a_masked_input_is_in_the_trace() -> None:
    assessment = {"sensitiveInformationPolicy": {"piiEntities": [{"action": "ANONYMIZED"}]}}
    intervention = Intervention(_evaluate, "No.", "g", assessment)

    events = list(_decoded(guarded(_messages("All well."), intervention)))

    assert events[-2][1] == {"stopReason": "end_turn"}
    assert events[-1][1]["trace"] == {"guardrail": {"inputAssessment": {"g": assessment}}}


def test_an_unmasked_stream_ends_with_the_models_reason() -> None:
    events = list(_decoded(guarded(_messages("All well."), Intervention(_evaluate, "No.", "g"))))

    assert events[-2][1] == {"stopReason": "end_turn"}
    assert "trace" not in events[-1][1]


def test_a_blocked_stream_ends_with_the_guardrails_message_and_the_tokens() -> None:
    events = list(_decoded(guarded(_messages("First. ", "A tinfoil hat. ", "Last."), _INTERVENTION)))
    texts = [content["delta"]["text"] for event_type, content in events if event_type == "contentBlockDelta"]
    assert texts == ["First. ", "No."]
    assert [event_type for event_type, _ in events[-3:]] == ["contentBlockStop", "messageStop", "metadata"]
    assert events[-2][1]["stopReason"] == "guardrail_intervened"
    assert events[-1][1]["usage"] == {"inputTokens": 3}


def test_a_broken_stream_releases_the_held_text_and_breaks() -> None:
    events = _decoded(guarded(_messages("First. ", "Second", end=False), _INTERVENTION))
    assert [next(events)[0], next(events)[1]["delta"]["text"]] == ["messageStart", "First. "]
    assert next(events)[1]["delta"]["text"] == "Second"
    with pytest.raises(http.client.IncompleteRead):
        next(events)


@pytest.fixture(scope="module")
def emulator(local_models: LocalModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    if not LOCAL_PYTHON.exists():
        pytest.skip("needs `make setup-local`")
    emulator = Emulator(tmp_path_factory.mktemp("emulator"), 2, local_models.url)
    try:
        yield emulator
    finally:
        emulator.process.kill()
        emulator.process.wait(10)


@pytest.fixture(scope="module")
def bedrock(emulator: Emulator) -> Any:
    """A client whose role allows streaming only."""
    allowed = {"Action": ["bedrock:InvokeModelWithResponseStream", "bedrock:ApplyGuardrail"], "Resource": "*"}
    return emulator.client("bedrock-runtime", emulator.role("streamer", allowed))


@pytest.fixture(scope="module")
def guardrail(emulator: Emulator) -> dict[str, str]:
    guardrail = emulator.client("bedrock").create_guardrail(
        name="streams",
        blockedInputMessaging="Not that.",
        blockedOutputsMessaging="Not this.",
        wordPolicyConfig={"wordsConfig": [{"text": "tinfoil"}]},
    )
    return {"guardrailIdentifier": guardrail["guardrailId"], "guardrailVersion": "DRAFT"}


def _request(text: str, tokens: int = 20, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": [{"text": text}]}]
    return {"modelId": HAIKU, "messages": messages, "inferenceConfig": {"maxTokens": tokens}, **more}


def test_pieces_are_relayed_as_they_arrive(bedrock: Any) -> None:
    started = time.monotonic()
    answer = bedrock.converse_stream(**_request("Tell me about pumps. [[simulate:slow-stream:0.4]]"))
    arrived = [(next(iter(event)), time.monotonic() - started) for event in answer["stream"]]
    pieces = [at for event_type, at in arrived if event_type == "contentBlockDelta"]
    assert [event_type for event_type, _ in arrived[-2:]] == ["messageStop", "metadata"]
    assert pieces[0] >= 0.4
    assert 0.3 < pieces[1] - pieces[0] < 0.9
    assert 0.3 < pieces[2] - pieces[1] < 0.9


def test_streaming_needs_its_own_permission(emulator: Emulator, bedrock: Any) -> None:
    # given a role without the streaming action, and a role for the profile but not its models
    invoke = emulator.role("invoke", {"Action": "bedrock:InvokeModel", "Resource": "*"})
    profile = {"Action": "bedrock:*", "Resource": "arn:aws:bedrock:*:*:inference-profile/*"}
    for role in (invoke, emulator.role("profile-only", profile)):
        client = emulator.client("bedrock-runtime", role)
        with pytest.raises(client.exceptions.AccessDeniedException, match="InvokeModelWithResponseStream"):
            client.converse_stream(**_request("Hello"))
    # and errors are responses, not streams
    with pytest.raises(bedrock.exceptions.ThrottlingException):
        bedrock.converse_stream(**_request("[[simulate:ThrottlingException]]"))


def test_a_cut_stream_is_broken_for_the_caller(bedrock: Any) -> None:
    answer = bedrock.converse_stream(**_request("Tell me about pumps. [[simulate:cut]]"))
    events: list[Any] = []
    with pytest.raises(urllib3.exceptions.ProtocolError):
        events.extend(answer["stream"])
    answer["stream"].close()
    assert sum("contentBlockDelta" in event for event in events) == 3


def test_a_disconnect_stops_the_model(bedrock: Any, local_models: LocalModels) -> None:
    # given a long answer between two pieces
    answer = bedrock.converse_stream(**_request("Write a story, behind. [[simulate:slow-stream:0.5]]", 400))
    stream = iter(answer["stream"])
    next(stream)
    # when
    answer["stream"].close()
    # then
    deadline = time.monotonic() + 4
    while not (calls := local_models.calls("behind")["calls"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert calls[0]["error"] == "callerGone"


def test_a_blocked_input_calls_no_model(bedrock: Any, guardrail: dict[str, str], local_models: LocalModels) -> None:
    answer = bedrock.converse_stream(**_request("A tinfoil cap?", guardrailConfig=guardrail))
    assert list(answer["stream"]) == [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "Not that."}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "guardrail_intervened"}},
        {
            "metadata": {
                "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0},
                "metrics": {"latencyMs": 1},
            }
        },
    ]
    assert local_models.calls("tinfoil")["count"] == 0


def test_an_output_is_blocked_while_it_streams(bedrock: Any, guardrail: dict[str, str]) -> None:
    # given a structured answer that repeats text the input check did not cover
    schema = {"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"]}
    form = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}
    blocks = [{"text": "The hat is of tinfoil."}, {"guardContent": {"text": {"text": "What is it?"}}}]
    # when
    answer = bedrock.converse_stream(
        modelId=HAIKU,
        messages=[{"role": "user", "content": blocks}],
        outputConfig={"textFormat": form},
        guardrailConfig=guardrail,
    )
    events = list(answer["stream"])
    # then
    texts = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert texts == ["Not this."]
    assert events[-2] == {"messageStop": {"stopReason": "guardrail_intervened"}}
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0
