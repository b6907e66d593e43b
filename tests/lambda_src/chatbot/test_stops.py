"""Answers that their caller stops."""

from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.chatbot.models import Answer, SendMessage
from lambda_src.chatbot.stops import POLL_SECONDS
from lambda_src.shared.errors import ApiError, NotFound, Refused, Stopped
from tests.fakes import CALLER, OTHER, FakeStream, client_error, stream_events
from tests.lambda_src.chatbot.world import HAIKU, MICRO, NOVA, ChatContext, Killer, World

BODY = SendMessage(text="Tell me a story.")


def stop(world: World, conversation: str) -> None:
    world.service().stop_answer(ChatContext(), id=conversation)


def streaming(world: World, *events: Any) -> None:
    """The model's next answer: texts, and functions that are called between them."""
    start, *_ = stream_events()
    end = stream_events()[1:]
    pieces = [stream_events(each)[1] if isinstance(each, str) else each for each in events]

    def converse_stream(**request: Any) -> Any:
        world.model.requests.append(request)
        world.model.streams.append(FakeStream([start, *pieces, *end]))
        return {"stream": world.model.streams[-1]}

    world.model.converse_stream = converse_stream  # type: ignore[method-assign]


def later(world: World, seconds: float = POLL_SECONDS, then: Callable[[], None] | None = None) -> Callable[[], None]:
    def pass_time() -> None:
        if then:
            then()
        world.now += seconds

    return pass_time


def stream(world: World, conversation: str, context: ChatContext | None = None) -> list[Any]:
    return list(world.service().stream_message(context or ChatContext(), id=conversation, body=BODY))


def test_a_stopped_answer_is_stored_as_far_as_it_was_sent() -> None:
    world = World()
    conversation = world.create(title="a", instructions="Be brief. " * 10)
    streaming(world, "Once ", "upon ", later(world, then=lambda: stop(world, conversation)), "a ", "time.")
    context = ChatContext()

    *pieces, answer = stream(world, conversation, context)

    assert pieces == ["Once ", "upon "]
    assert isinstance(answer, Answer)
    assert (answer.message.text, answer.stop_reason, answer.message.stop_reason) == ("Once upon ", "stopped", "stopped")
    assert world.model.streams[0].closed
    world.assert_complete(conversation, 1)
    assert world.messages(conversation)[1].stop_reason == "stopped"
    # Estimated, and counted for budgets and reports.
    (use,) = context.uses.values()
    assert (use.calls, use.counted) == (1, 1)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (use.input_tokens, use.output_tokens) == (34, 3)
    world.send(conversation, "Go on.", "And so on.")
    assert [message["content"][0]["text"] for message in world.model.requests[-1]["messages"]][:2] == [
        BODY.text,
        "Once upon ",
    ]


def test_a_stop_before_the_first_text_stores_nothing() -> None:
    world = World()
    conversation = world.create()
    streaming(world, later(world, then=lambda: stop(world, conversation)), "Once ")
    context = ChatContext()
    with pytest.raises(Stopped):
        stream(world, conversation, context)
    assert world.model.streams[0].closed
    world.assert_complete(conversation, 0)
    assert context.used(world.settings.model(context, None)).input_tokens > 0


def test_an_idle_conversation_may_be_stopped_and_the_next_answer_is_complete() -> None:
    world = World()
    conversation = world.create()
    stop(world, conversation)
    stop(world, conversation)
    world.now += 0.01
    streaming(world, "Once ", later(world, 5), "upon ", later(world, 5), "a time.")
    *_, answer = stream(world, conversation)
    assert (answer.message.text, answer.stop_reason) == ("Once upon a time.", "end_turn")


def test_a_stop_after_the_answers_end_does_not_lose_its_use() -> None:
    """Only the count of tokens is still to come."""
    world = World()
    conversation = world.create()
    streaming(world, "Once.")
    opened = world.model.converse_stream

    def with_a_late_stop(**request: Any) -> Any:
        answer = opened(**request)
        *events, metadata = answer["stream"]
        last = later(world, then=lambda: stop(world, conversation))
        return {"stream": FakeStream([*events, last, metadata])}

    world.model.converse_stream = with_a_late_stop  # type: ignore[method-assign]
    *_, answer = stream(world, conversation)
    assert (answer.stop_reason, answer.usage.output_tokens) == ("end_turn", 5)


def test_the_table_is_read_once_a_second_while_an_answer_is_streamed_and_not_for_short_ones() -> None:
    world = World()
    conversation = world.create(title="a")

    def calls(*events: Any) -> int:
        streaming(world, *events)
        world.killer = killer = Killer()
        stream(world, conversation)
        world.killer = Killer()
        return killer.calls

    short = calls("a", later(world, 0.4), "b", later(world, 0.4), "c")
    assert calls(*["a", later(world, 0.25)] * 40) == short + 10


def test_a_plain_answer_is_not_stopped_and_does_not_look() -> None:
    world = World()
    conversation = world.create(title="a")

    def stopped_meanwhile(request: Any) -> Any:
        world.now += 5
        stop(world, conversation)
        return {**world_answer, "stopReason": "end_turn"}

    world_answer = {"output": {"message": {"role": "assistant", "content": [{"text": "Yes."}]}}, "usage": {}}
    assert world.send(conversation, "Why?", stopped_meanwhile).message.text == "Yes."


def test_a_store_that_does_not_answer_stops_nothing() -> None:
    world = World()
    conversation = world.create(title="a")

    def unreachable() -> None:
        world.table.fail["get_item"] = client_error("InternalServerError")

    streaming(world, "Once ", later(world, then=unreachable), "upon ", lambda: world.table.fail.clear(), "a time.")
    *_, answer = stream(world, conversation)
    assert answer.message.text == "Once upon a time."


def test_only_the_conversations_caller_stops_it() -> None:
    world = World()
    conversation, other = world.create(title="a"), world.create(OTHER, title="b")

    def stop_others() -> None:
        with pytest.raises(NotFound):
            world.service().stop_answer(ChatContext(OTHER), id=conversation)
        world.service().stop_answer(ChatContext(OTHER), id=other)

    streaming(world, "Once ", later(world, then=stop_others), "upon a time.")
    *_, answer = stream(world, conversation)
    assert answer.stop_reason == "end_turn"


def test_a_stopped_answer_is_replayed_for_its_key() -> None:
    world = World()
    conversation = world.create(title="a")
    streaming(world, "Once ", later(world, then=lambda: stop(world, conversation)), "upon a time.")
    first = world.request("key", "stream_message", BODY, conversation)
    assert first[1]["stopReason"] == "stopped"
    assert world.request("key", "stream_message", BODY, conversation) == first
    world.assert_complete(conversation, 1)


def test_an_answer_that_was_stopped_before_its_first_text_frees_its_key() -> None:
    world = World()
    conversation = world.create(title="a")
    streaming(world, later(world, then=lambda: stop(world, conversation)), "Once ")
    assert world.request("key", "stream_message", BODY, conversation)[1]["error"]["code"] == "stopped"
    world.now += 0.01
    streaming(world, "Once.")
    assert world.request("key", "stream_message", BODY, conversation)[1]["message"]["text"] == "Once."


def test_the_message_of_a_stopped_answer_is_screened_because_its_trace_is_unknown() -> None:
    outputs = [{"text": "Mail {EMAIL}."}]
    masked = {
        "action": "GUARDRAIL_INTERVENED", "outputs": outputs,
        "assessments": [{"piiEntities": [{"action": "ANONYMIZED"}]}],
    }  # fmt: skip
    world = World(masked, guardrail_id="g", guardrail_version="1")
    conversation = world.create()
    streaming(world, "Once ", later(world, then=lambda: stop(world, conversation)), "upon ")
    stream(world, conversation)
    assert world.messages(conversation)[0].text == "Mail {EMAIL}."


def test_a_message_that_the_guardrail_blocks_is_not_stored_by_stopping_its_answer() -> None:
    blocked = {"action": "GUARDRAIL_INTERVENED", "assessments": [{"wordPolicy": {"action": "BLOCKED"}}], "outputs": []}
    world = World(blocked, guardrail_id="g", guardrail_version="1")
    conversation = world.create()
    streaming(world, "Once ", later(world, then=lambda: stop(world, conversation)), "upon ")
    with pytest.raises(Refused):
        stream(world, conversation)
    world.assert_complete(conversation, 0)


def test_a_stop_while_a_fallbacks_first_text_is_awaited_is_no_failure_of_the_model() -> None:
    world = World(fallbacks=((NOVA, MICRO),))
    conversation = world.create(model=NOVA)
    streaming(world, later(world, then=lambda: stop(world, conversation)), "Once ")
    with pytest.raises(ApiError) as error:
        stream(world, conversation)
    assert error.value.code == "stopped"
    assert [request["modelId"] for request in world.model.requests] == [NOVA]


def test_a_deleted_conversation_leaves_no_stop() -> None:
    world = World()
    conversation = world.create(title="a", model=HAIKU)
    stop(world, conversation)
    assert (f"stop#{CALLER}#{conversation}", "stop") in world.table.items
    world.service().delete_conversation(ChatContext(), id=conversation)
    world.run()
    assert not [key for key in world.table.items if conversation in "".join(key)]
