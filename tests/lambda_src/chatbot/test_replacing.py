"""A turn that replaces an earlier one and all after it: nothing of them is left, and nothing is lost if it fails."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_src.chatbot.message_item import StoredPhoto
from lambda_src.chatbot.models import Answer, ChangeConversation, SendMessage
from lambda_src.chatbot.photo_store import photo_key
from lambda_src.chatbot.turns import PURGE_SECONDS
from lambda_src.shared.errors import Conflict, InvalidRequest, ModelFailed, Unavailable
from lambda_src.shared.photos import Photo
from lambda_src.shared.schemas import ListQuery
from tests.fakes import CALLER, client_error, converse_answer, png
from tests.lambda_src.chatbot.test_kills import assert_gone
from tests.lambda_src.chatbot.test_two_writers import Turnstile
from tests.lambda_src.chatbot.world import ChatContext, Killer, World, chat_settings

PHOTO = Photo(content_type="image/png", data=png(2, 3))
OTHER_PHOTO = Photo(content_type="image/png", data=png(3, 2))


def started(*turns: str, title: str | None = "Pumps", **changes: Any) -> tuple[World, str]:
    """A conversation of turns `a` -> `A`."""
    world = World(**changes)
    conversation = world.create(title=title)
    for text in turns:
        world.send(conversation, text, text.upper())
    world.sqs.messages.clear()
    return world, conversation


def replace(world: World, conversation: str, replaced: str, text: str | None, answer: Any = "New.", **more: Any) -> Any:
    world.model.queue.append(converse_answer(answer) if isinstance(answer, str) else answer)
    body = SendMessage(text=text, replaces=replaced, **more)
    return world.service().send_message(ChatContext(), id=conversation, body=body)


def texts(world: World, conversation: str) -> list[str]:
    """What a caller sees, oldest first, in pages."""
    listed: list[str] = []
    cursor = None
    while True:
        query = ListQuery(limit=2, cursor=cursor)
        page = world.service().list_messages(ChatContext(), id=conversation, query=query)
        listed += [message.text for message in page.items]
        if page.next_cursor is msgspec.UNSET:
            return listed[::-1]
        cursor = str(page.next_cursor)


def sent_texts(world: World) -> list[str]:
    request = world.model.requests[-1]
    return [block["text"] for message in request["messages"] for block in message["content"] if "text" in block]


def stored_numbers(world: World, conversation: str) -> list[int]:
    partition = f"messages#{CALLER}#{conversation}"
    return sorted(int(sk) for pk, sk in world.table.items if pk == partition)


@pytest.mark.parametrize("by", ["question", "answer"])
def test_an_edited_message_takes_the_place_of_its_turn_and_all_after_it(by: str) -> None:
    world, conversation = started("a", "b", "c")
    replaced = world.messages(conversation)[2 if by == "question" else 3].id

    answer = replace(world, conversation, replaced, "x")

    assert sent_texts(world) == ["a", "A", "x"]
    assert texts(world, conversation) == ["a", "A", "x", "New."]
    assert answer.message.text == "New."
    assert world.conversation(conversation).message_count == 4
    world.send(conversation, "y", "Y")
    assert sent_texts(world) == ["a", "A", "x", "New.", "y"]
    world.run()
    assert stored_numbers(world, conversation) == [1, 2, 7, 8, 9, 10]
    assert texts(world, conversation) == ["a", "A", "x", "New.", "y", "Y"]
    assert world.conversation(conversation).removed == []


def test_an_answer_is_written_again_from_the_same_message_and_photos() -> None:
    world, conversation = started("a")
    world.model.queue.append(converse_answer("A pump."))
    body = SendMessage(text="What is this?", photos=[PHOTO, OTHER_PHOTO])
    first = world.service().send_message(ChatContext(), id=conversation, body=body)
    asked = world.model.requests[-1]["messages"]

    replace(world, conversation, first.message.id, None, "A seal.")

    assert world.model.requests[-1]["messages"] == asked
    assert texts(world, conversation) == ["a", "A", "What is this?", "A seal."]
    world.run()
    stored = [photo for message in world.messages(conversation) for photo in message.photos]
    assert set(world.bucket.objects) == {photo_key(conversation, photo) for photo in stored}
    assert len(stored) == 2


def test_a_page_has_the_messages_of_one_moment() -> None:
    world, conversation = started("a", "b")

    def interruption() -> None:
        world.killer = Killer()
        replace(world, conversation, world.messages(conversation)[2].id, "x")

    # Between reading the conversation and reading its messages.
    world.killer = Killer(2, interruption=interruption)
    page = world.service().list_messages(ChatContext(), id=conversation, query=ListQuery())
    assert [message.text for message in page.items] == ["B", "b", "A", "a"]


def test_photos_of_removed_messages_are_deleted_and_no_others() -> None:
    world, conversation = started()
    for photos in ([PHOTO], [PHOTO, OTHER_PHOTO]):
        world.model.queue.append(converse_answer("Yes."))
        world.service().send_message(ChatContext(), id=conversation, body=SendMessage(text="This?", photos=photos))

    replace(world, conversation, world.messages(conversation)[2].id, "Nothing.")

    world.run()
    assert list(world.bucket.objects) == [f"photos/{conversation}/1/{photo_digest(world, conversation)}"]


def photo_digest(world: World, conversation: str) -> str:
    return world.messages(conversation)[0].photos[0].digest


def test_photos_from_before_replacing_are_kept_while_another_message_has_them() -> None:
    world, conversation = started("a", "b")
    shared, own = (StoredPhoto(name * 64, "image/png", 1) for name in "ef")
    for number, photos in ((1, [shared]), (3, [shared, own])):
        key = f"messages#{CALLER}#{conversation}", f"{number:08}"
        record = msgspec.json.decode(world.table.items[key]["record"]["B"])
        record["photos"] = msgspec.to_builtins(photos)
        world.table.items[key]["record"] = {"B": msgspec.json.encode(record)}
    for photo in (shared, own):
        world.bucket.objects[photo_key(conversation, photo)] = png()

    replace(world, conversation, world.messages(conversation)[2].id, "x")

    world.run()
    assert list(world.bucket.objects) == [photo_key(conversation, shared)]


def test_a_failed_call_leaves_the_conversation_as_it_was() -> None:
    world, conversation = started("a", "b")
    before, messages = world.conversation(conversation), world.messages(conversation)
    with pytest.raises(ModelFailed):
        replace(world, conversation, messages[0].id, None, client_error("ModelErrorException"))
    world.run()
    assert world.conversation(conversation) == before
    assert world.messages(conversation) == messages


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "body.text"),
        ({"photos": [PHOTO]}, "body.text"),
        ({"replaces": "x", "photos": [PHOTO]}, "body.text"),
    ],
)
def test_a_message_needs_a_text_or_one_to_replace(body: dict[str, Any], path: str) -> None:
    world, conversation = started("a")
    with pytest.raises(InvalidRequest) as error:
        world.service().send_message(ChatContext(), id=conversation, body=SendMessage(**body))
    assert [detail["path"] for detail in error.value.details or []] == [path]


def test_a_message_that_was_replaced_already_is_a_conflict() -> None:
    world, conversation = started("a", "b")
    replaced = world.messages(conversation)[3].id
    replace(world, conversation, replaced, None)
    calls = len(world.model.requests)
    for _ in range(2):
        # Before and after its deletion.
        with pytest.raises(Conflict):
            replace(world, conversation, replaced, None)
        world.run()
    assert len(world.model.requests) == calls


def test_without_the_queue_nothing_is_replaced() -> None:
    world, conversation = started("a")
    calls, world.sqs.fail = len(world.model.requests), client_error("ServiceUnavailable")
    with pytest.raises(Unavailable):
        replace(world, conversation, world.messages(conversation)[0].id, None)
    assert len(world.model.requests) == calls


def test_what_is_replaced_is_deleted_even_if_the_function_dies_right_after() -> None:
    world, conversation = started("a")
    # The last call is the message to the worker.
    world.killer = killer = Killer()
    replace(world, conversation, world.messages(conversation)[0].id, "x")
    world.sqs.messages = [message for message in world.sqs.messages if message["visible"] > world.now]
    assert [message["visible"] - world.now for message in world.sqs.messages] == [PURGE_SECONDS]
    assert killer.calls > 5
    world.run()
    assert stored_numbers(world, conversation) == [3, 4]


def summarized() -> tuple[World, str]:
    """Six turns, of which a summary has the first ones."""
    world, conversation = started(window_tokens=400)
    for number in range(6):
        world.model.queue.append(converse_answer(f"{number} " + "word " * 40))
        body = SendMessage(text=f"{number}? " + "word " * 40)
        world.service().send_message(ChatContext(), id=conversation, body=body)
    world.model.queue[:] = [converse_answer("The old summary.")] * 9
    world.run()
    world.model.queue.clear()
    assert 4 <= world.conversation(conversation).summarized_through < 12
    return world, conversation


def test_a_summary_of_earlier_messages_is_kept() -> None:
    world, conversation = summarized()
    before = world.conversation(conversation)
    replace(world, conversation, world.messages(conversation)[-1].id, "x")
    after = world.conversation(conversation)
    assert (after.summary, after.summarized_through) == ("The old summary.", before.summarized_through)
    assert "The old summary." in world.model.requests[-1]["system"][0]["text"]


def test_a_summary_of_removed_messages_is_dropped() -> None:
    world, conversation = summarized()
    replace(world, conversation, world.messages(conversation)[2].id, "x")
    after = world.conversation(conversation)
    assert (after.summary, after.summarized_through, after.message_count) == (None, 0, 4)
    assert "The old summary." not in str(world.model.requests[-1])
    assert [text[:2] for text in sent_texts(world)] == ["0?", "0 ", "x"]


def test_a_long_conversation_before_the_cut_is_summarized_anew() -> None:
    world, conversation = started("a" * 300, "b" * 300, "c" * 300, "d", "e")
    world.settings = chat_settings(window_tokens=150)
    world.conversations.save_summary(CALLER, world.conversation(conversation), "The old summary.", 8)
    world.model.queue.append(converse_answer("The new summary."))

    replace(world, conversation, world.messages(conversation)[6].id, "x")

    after = world.conversation(conversation)
    assert (after.summary, after.summarized_through, after.message_count) == ("The new summary.", 4, 8)
    assert "The new summary." in world.model.requests[-1]["system"][0]["text"]
    assert sent_texts(world) == ["c" * 300, "C" * 300, "x"]
    assert "The old summary." not in str(world.model.requests[-2:])


def test_a_summary_that_is_written_while_the_model_answers_does_not_bring_removed_messages_back() -> None:
    world, conversation = started("a", "b", "c", "d")
    replaced = world.messages(conversation)[2].id

    def summarize_first(request: Any) -> Any:
        world.conversations.save_summary(CALLER, world.conversation(conversation), "All of a, b and c.", 6)
        return converse_answer("New.")

    replace(world, conversation, replaced, "x", summarize_first)
    after = world.conversation(conversation)
    assert (after.summary, after.summarized_through) == (None, 0)
    assert texts(world, conversation) == ["a", "A", "x", "New."]


def test_a_summary_that_is_written_while_the_model_answers_is_kept_if_it_ends_before_the_cut() -> None:
    world, conversation = started("a", "b", "c", "d")
    replaced = world.messages(conversation)[6].id

    def summarize_first(request: Any) -> Any:
        world.conversations.save_summary(CALLER, world.conversation(conversation), "a and b.", 4)
        return converse_answer("New.")

    replace(world, conversation, replaced, "x", summarize_first)
    after = world.conversation(conversation)
    assert (after.summary, after.summarized_through) == ("a and b.", 4)
    world.send(conversation, "y")
    assert sent_texts(world) == ["c", "C", "x", "New.", "y"]


def test_a_workers_title_of_removed_messages_is_not_stored() -> None:
    world, conversation = started("a", title=None, window_tokens=500)
    world.stores()[2].request_maintenance(CALLER, conversation)

    def replaced_first(request: Any) -> Any:
        replace(world, conversation, world.messages(conversation)[0].id, "x", "New.")
        return converse_answer("All about a")

    world.model.queue[:] = [replaced_first]
    world.deliver(world.sqs.messages.pop())
    assert world.conversation(conversation).title is None
    assert world.conversation(conversation).preview == "x"


def test_a_workers_summary_of_removed_messages_is_not_stored() -> None:
    world, conversation = started("a" * 800, "b" * 800, "c")
    world.settings = chat_settings(window_tokens=300)
    world.stores()[2].request_maintenance(CALLER, conversation)

    def replaced_first(request: Any) -> Any:
        replace(world, conversation, world.messages(conversation)[0].id, "x", "New.")
        return converse_answer("All about a")

    world.model.queue[:] = [replaced_first]
    world.deliver(world.sqs.messages.pop())
    after = world.conversation(conversation)
    assert (after.summary, after.summarized_through) == (None, 0)


def test_messages_that_are_replaced_while_others_are_deleted_are_deleted_next() -> None:
    world, conversation = started("a", "b")
    replace(world, conversation, world.messages(conversation)[3].id, "x")
    (purge,) = [message for message in world.sqs.messages if message["visible"] <= world.now]
    delete = world.table.batch_write_item

    def replaced_first(**request: Any) -> Any:
        world.table.batch_write_item = delete  # type: ignore[method-assign]
        replace(world, conversation, world.messages(conversation)[0].id, "y")
        return delete(**request)

    world.table.batch_write_item = replaced_first  # type: ignore[method-assign]
    world.deliver(purge)
    assert world.conversation(conversation).removed == [(1, 6)]
    world.run()
    assert stored_numbers(world, conversation) == [7, 8]


def test_a_summary_that_overtakes_the_cut_before_the_model_answers_is_a_conflict() -> None:
    world, conversation = started("a" * 800, "b" * 800, "c" * 800, "d")
    world.settings = chat_settings(window_tokens=300)
    replaced = world.messages(conversation)[4].id

    def overtaken(request: Any) -> Any:
        world.conversations.save_summary(CALLER, world.conversation(conversation), "a, b and c.", 6)
        return converse_answer("a and b.")

    world.model.queue[:] = [overtaken]
    with pytest.raises(Conflict):
        replace(world, conversation, replaced, "x")
    assert len(world.messages(conversation)) == 8


def test_a_generated_title_follows_a_replaced_first_message() -> None:
    world, conversation = started("a", "b", title=None)
    world.stores()[2].request_maintenance(CALLER, conversation)
    world.model.queue[:] = [converse_answer("All about a")]
    world.run()
    assert world.conversation(conversation).title == "All about a"
    replace(world, conversation, world.messages(conversation)[2].id, "c")
    world.run()
    assert world.conversation(conversation).title == "All about a"

    replace(world, conversation, world.messages(conversation)[0].id, "x")
    shown = world.service().get_conversation(ChatContext(), id=conversation)
    assert (shown.title, shown.message_count) == ("x", 2)
    world.model.queue[:] = [converse_answer("All about x")]
    world.run()
    assert world.conversation(conversation).title == "All about x"


def test_a_callers_title_stays() -> None:
    world, conversation = started("a", title=None)
    world.service().change_conversation(ChatContext(), id=conversation, body=ChangeConversation(title="Mine"))
    replace(world, conversation, world.messages(conversation)[0].id, "x")
    assert world.conversation(conversation).title == "Mine"


@pytest.mark.parametrize("operation", ["send_message", "stream_message"])
def test_requests_with_one_key_replace_once_and_replaced_answers_are_not_replayed(operation: str) -> None:
    world, conversation = started()
    world.model.queue[:] = [converse_answer("First."), converse_answer("Second.")]
    original = world.request("original", operation, SendMessage(text="Why?"), conversation)
    body = SendMessage(replaces=original[1]["message"]["id"])
    first = world.request("again", operation, body, conversation)
    assert first[1]["message"]["text"] == "Second."
    assert world.request("again", operation, body, conversation) == first
    world.run()
    assert world.request("again", operation, body, conversation) == first
    status, answer = world.request("original", operation, SendMessage(text="Why?"), conversation)
    assert (status, answer["error"]["code"]) == (422, "idempotency_key_reused")
    assert texts(world, conversation) == ["Why?", "Second."]


def test_a_reused_count_does_not_hide_a_replacement() -> None:
    """The count of messages is the same after an answer was replaced."""
    world, conversation = started("a", "b")

    def replaced_twice_and_purged(request: Any) -> Any:
        for _ in range(2):
            replace(world, conversation, world.messages(conversation)[3].id, None)
        world.run()
        return converse_answer("Too late.")

    with pytest.raises(Conflict):
        world.send(conversation, "c", replaced_twice_and_purged)
    assert texts(world, conversation) == ["a", "A", "b", "New."]


def replace_with(killer: Killer, operation: str) -> int:
    world, conversation = started("a", "b", "c")
    world.model.queue.append(converse_answer("A pump."))
    body = SendMessage(text="What is this?", photos=[PHOTO, OTHER_PHOTO])
    shown = world.service().send_message(ChatContext(), id=conversation, body=body)
    world.model.queue[:] = [converse_answer("New.")] * 3
    world.killer = killer
    body = SendMessage(replaces=shown.message.id)

    status, answer = world.request_with_retry("key", operation, body, conversation)
    calls = killer.calls
    world.killer = Killer()

    assert (status, answer["message"]["text"]) == (200, "New.")
    assert texts(world, conversation) == ["a", "A", "b", "B", "c", "C", "What is this?", "New."]
    world.run()
    assert texts(world, conversation) == ["a", "A", "b", "B", "c", "C", "What is this?", "New."]
    assert len(stored_numbers(world, conversation)) == 8
    assert len(world.bucket.objects) == 2
    world.service().delete_conversation(ChatContext(), id=conversation)
    world.run()
    assert_gone(world, conversation)
    return calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", ["send_message", "stream_message"])
def test_a_killed_and_retried_replacement_is_one(operation: str, after: bool) -> None:
    calls = replace_with(Killer(), operation)
    for at in range(1, calls + 1):
        replace_with(Killer(at, after=after), operation)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_killed_worker_leaves_nothing_of_what_was_replaced(after: bool) -> None:
    at = 0
    while True:
        at += 1
        world, conversation = started("a")
        world.model.queue.append(converse_answer("A pump."))
        body = SendMessage(text="What is this?", photos=[PHOTO])
        world.service().send_message(ChatContext(), id=conversation, body=body)
        replace(world, conversation, world.messages(conversation)[2].id, "x")
        world.killer = killer = Killer(at, after=after)
        world.run()
        assert stored_numbers(world, conversation) == [1, 2, 5, 6]
        assert not world.bucket.objects
        assert world.conversation(conversation).removed == []
        if killer.calls < at:
            return


@given(st.lists(st.booleans(), min_size=4, max_size=30), st.booleans(), st.integers(0, 3), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_replacement_and_another_turn_are_serialized_or_conflict(
    order: list[bool], streamed: bool, replaced: int, both: bool
) -> None:
    world, conversation = started("a", "b")
    messages = world.messages(conversation)
    turnstile = Turnstile(order)
    world.killer = turnstile  # type: ignore[assignment]
    world.model.queue[:] = [converse_answer("New.")] * 2
    done: list[str] = []

    def turn(body: SendMessage, name: str) -> Any:
        def send() -> None:
            service = world.service()
            try:
                if streamed:
                    *_, answer = service.stream_message(ChatContext(), id=conversation, body=body)
                    assert isinstance(answer, Answer)
                else:
                    service.send_message(ChatContext(), id=conversation, body=body)
                done.append(name)
            except Conflict:
                done.append("conflict")

        return send

    replacement = SendMessage(text="x", replaces=messages[replaced].id)
    other = SendMessage(text="y", replaces=messages[2].id if both else None)
    turnstile.run(turn(replacement, "x"), turn(other, "y"))
    world.killer = Killer()

    first = [message.text for message in messages[: replaced - replaced % 2]]
    kept = [message.text for message in messages[: 2 if both else 4]]
    possible = {
        ("conflict", "x"): [[*first, "x", "New."]],
        ("conflict", "y"): [[*kept, "y", "New."]],
        # With both, the second finds its message only if that is before the first one's.
        ("x", "y"): [[*first, "x", "New."]] + ([] if both else [[*first, "x", "New.", "y", "New."]]),
    }
    shown = texts(world, conversation)
    assert shown in possible[tuple(sorted(done))]  # type: ignore[index]
    world.run()
    assert texts(world, conversation) == shown
    assert len(stored_numbers(world, conversation)) == world.conversation(conversation).message_count == len(shown)
