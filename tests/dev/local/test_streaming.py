"""Streams through the emulator: piece by piece, for those who may, and no further than a guardrail lets them."""

import http.client
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from dev.local import eventstream
from dev.local.eventstream import Message
from dev.local.streaming import Blocked, HeldText, Intervention, guarded
from tests.dev.local.conftest import LOCAL_PYTHON, StandIn
from tests.dev.local.search.conftest import Emulator

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


def _judged(text: str) -> dict[str, Any]:
    """A guardrail that blocks a word and masks addresses."""
    masked = re.sub(r"\S+@\S+\w", "{EMAIL}", text).replace("John Smith", "{NAME}")
    return {"blocked": "tinfoil hat" in text, "masked_text": masked}


def _released(*pieces: str) -> list[str]:
    held = HeldText(_judged)
    return [*(held.add(piece) for piece in pieces), held.rest()]


def test_text_waits_for_the_end_of_its_sentence() -> None:
    assert _released("The seal", " is new.", " ", "It holds") == ["", "", "The seal is new. ", "", "It holds"]


def test_text_without_sentences_does_not_wait_for_ever() -> None:
    assert _released("x" * 601, "y") == ["x" * 601, "", "y"]


def test_what_is_masked_never_leaves_in_part() -> None:
    assert "".join(_released("Write to jo", "hn@example", ".org now. Thank", "s.")) == "Write to {EMAIL} now. Thanks."


def test_a_mask_over_a_border_leaves_what_was_sent() -> None:
    # given a name whose first half was sent as a sentence's end
    said = _released("I am John\nSmith. ", "Then John Smith. ")
    # then later names are masked, and nothing is sent twice
    assert "".join(said) == "I am John\nSmith. Then {NAME}. "


def test_a_text_is_judged_with_what_went_before() -> None:
    held = HeldText(_judged)
    assert held.add("It is of tinfoil\n") == "It is of tinfoil\n"
    held = HeldText(lambda text: {**_judged(text), "blocked": "tinfoil\nhat" in text})
    held.add("It is of tinfoil\n")
    with pytest.raises(Blocked):
        held.add("hat. ")


def _messages(*pieces: str, end: bool = True) -> Iterator[Message]:
    def message(kind: str, content: dict[str, Any]) -> Message:
        return next(eventstream.messages(_reader(eventstream.event(kind, content))))

    yield message("messageStart", {"role": "assistant"})
    for piece in pieces:
        yield message("contentBlockDelta", {"delta": {"text": piece}, "contentBlockIndex": 0})
    if not end:
        raise http.client.IncompleteRead(b"")
    yield message("contentBlockStop", {"contentBlockIndex": 0})
    yield message("messageStop", {"stopReason": "end_turn"})
    yield message("metadata", {"usage": {"inputTokens": 3}})


def _reader(data: bytes) -> Callable[[int], bytes]:
    return io.BytesIO(data).read


def _read(sent: Iterator[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    for piece in sent:
        for message in eventstream.messages(_reader(piece)):
            yield message.kind, message.content


_INTERVENTION = Intervention(_judged, "No.")


def test_a_stream_is_masked_and_keeps_its_order() -> None:
    events = list(_read(guarded(_messages("I am a@b.org. ", "You", " too?"), _INTERVENTION)))
    assert [kind for kind, _ in events] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[1][1]["delta"] == {"text": "I am {EMAIL}. "}
    assert events[2][1]["delta"] == {"text": "You too?"}


def test_a_blocked_stream_ends_with_the_guardrails_message_and_the_tokens() -> None:
    events = list(_read(guarded(_messages("First. ", "A tinfoil hat. ", "Last."), _INTERVENTION)))
    texts = [content["delta"]["text"] for kind, content in events if kind == "contentBlockDelta"]
    assert texts == ["First. ", "No."]
    assert [kind for kind, _ in events[-3:]] == ["contentBlockStop", "messageStop", "metadata"]
    assert events[-2][1]["stopReason"] == "guardrail_intervened"
    assert events[-1][1]["usage"] == {"inputTokens": 3}


def test_a_broken_stream_says_what_it_held_and_breaks() -> None:
    events = _read(guarded(_messages("First. ", "Second", end=False), _INTERVENTION))
    assert [next(events)[0], next(events)[1]["delta"]["text"]] == ["messageStart", "First. "]
    assert next(events)[1]["delta"]["text"] == "Second"
    with pytest.raises(http.client.IncompleteRead):
        next(events)


@pytest.fixture(scope="module")
def emulator(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    if not LOCAL_PYTHON.exists():
        pytest.skip("`make setup-local` was not run")
    emulator = Emulator(tmp_path_factory.mktemp("emulator"), 2, stand_in.url)
    try:
        yield emulator
    finally:
        emulator.process.kill()
        emulator.process.wait(10)


@pytest.fixture(scope="module")
def bedrock(emulator: Emulator) -> Any:
    """As a caller who may stream and nothing else."""
    allowed = {"Action": ["bedrock:InvokeModelWithResponseStream", "bedrock:ApplyGuardrail"], "Resource": "*"}
    return emulator.client("bedrock-runtime", emulator.role("streamer", allowed))


@pytest.fixture(scope="module")
def guardrail(emulator: Emulator) -> dict[str, str]:
    made = emulator.client("bedrock").create_guardrail(
        name="streams",
        blockedInputMessaging="Not that.",
        blockedOutputsMessaging="Not this.",
        wordPolicyConfig={"wordsConfig": [{"text": "tinfoil"}]},
    )
    return {"guardrailIdentifier": made["guardrailId"], "guardrailVersion": "DRAFT"}


def _asked(text: str, tokens: int = 20, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": [{"text": text}]}]
    return {"modelId": HAIKU, "messages": messages, "inferenceConfig": {"maxTokens": tokens}, **more}


def test_pieces_pass_as_they_come(bedrock: Any) -> None:
    begun = time.monotonic()
    answer = bedrock.converse_stream(**_asked("Tell me about pumps. [[simulate:slow-stream:0.4]]"))
    arrived = [(next(iter(event)), time.monotonic() - begun) for event in answer["stream"]]
    pieces = [at for kind, at in arrived if kind == "contentBlockDelta"]
    assert [kind for kind, _ in arrived[-2:]] == ["messageStop", "metadata"]
    assert pieces[0] >= 0.4
    assert 0.3 < pieces[1] - pieces[0] < 0.9
    assert 0.3 < pieces[2] - pieces[1] < 0.9


def test_only_those_stream_who_may(emulator: Emulator, bedrock: Any) -> None:
    # given callers who may not stream, and who may use the profile but not its models
    whole = emulator.role("whole", {"Action": "bedrock:InvokeModel", "Resource": "*"})
    profile = {"Action": "bedrock:*", "Resource": "arn:aws:bedrock:*:*:inference-profile/*"}
    for who in (whole, emulator.role("profile-only", profile)):
        client = emulator.client("bedrock-runtime", who)
        with pytest.raises(client.exceptions.AccessDeniedException, match="InvokeModelWithResponseStream"):
            client.converse_stream(**_asked("Hello"))
    # then errors are answers, not streams
    with pytest.raises(bedrock.exceptions.ThrottlingException):
        bedrock.converse_stream(**_asked("[[simulate:ThrottlingException]]"))


def test_a_cut_reaches_the_caller(bedrock: Any) -> None:
    answer = bedrock.converse_stream(**_asked("Tell me about pumps. [[simulate:cut]]"))
    events: list[Any] = []
    with pytest.raises(urllib3.exceptions.ProtocolError):
        events.extend(answer["stream"])
    answer["stream"].close()
    assert sum("contentBlockDelta" in event for event in events) == 3


def test_a_caller_that_goes_ends_the_writing_behind(bedrock: Any, stand_in: StandIn) -> None:
    # given a long answer, waiting for its next piece
    answer = bedrock.converse_stream(**_asked("Write a story, behind. [[simulate:slow-stream:0.5]]", 400))
    stream = iter(answer["stream"])
    next(stream)
    # when
    answer["stream"].close()
    # then
    until = time.monotonic() + 4
    while not (calls := stand_in.calls("behind")["calls"]):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert calls[0]["error"] == "callerGone"


def test_a_blocked_input_calls_no_model(bedrock: Any, guardrail: dict[str, str], stand_in: StandIn) -> None:
    answer = bedrock.converse_stream(**_asked("A tinfoil cap?", guardrailConfig=guardrail))
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
    assert stand_in.calls("tinfoil")["count"] == 0


def test_an_output_is_blocked_on_its_way(bedrock: Any, guardrail: dict[str, str]) -> None:
    # given a structured answer that repeats what the guardrail was not shown
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
