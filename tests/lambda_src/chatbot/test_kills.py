"""A process is killed before or after any of its calls to AWS, and the request is retried with its key."""

from collections.abc import Callable

import pytest

from lambda_src.chatbot.models import ChangeConversation, ConversationQuery, CreateConversation, SendMessage
from lambda_src.shared.photos import Photo
from tests.fakes import OTHER, converse_answer, png
from tests.lambda_src.chatbot.world import ChatContext, Killed, Killer, World

PHOTOS = [Photo(content_type="image/png", data=png(2, height)) for height in (2, 3)]


def prepared() -> tuple[World, str]:
    """A conversation of two turns, one with photos, long enough to be summarized."""
    world = World(window_tokens=400)
    conversation = world.create()
    world.model.queue.append(converse_answer("Because."))
    body = SendMessage(text="x" * 1_000, photos=PHOTOS)
    world.service().send_message(ChatContext(), id=conversation, body=body)
    world.send(conversation)
    world.sqs.messages.clear()
    return world, conversation


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", ["send_message", "stream_message"])
def test_a_killed_and_retried_turn_is_one_turn(operation: str, after: bool) -> None:
    calls = send_with(operation, Killer())
    assert calls > 9, "every store, the model and the queue are called"
    for at in range(1, calls + 1):
        send_with(operation, Killer(at, after=after))


def send_with(operation: str, killer: Killer) -> int:
    world, conversation = prepared()
    body = SendMessage(text="What is this?", photos=PHOTOS)
    world.killer = killer
    # A summary and an answer, and both again for the retry.
    world.model.queue[:] = [
        converse_answer("Summary."),
        converse_answer("A pump."),
        converse_answer("Another pump."),
        converse_answer("A third pump."),
    ]

    status, answer = world.request_with_retry("key", operation, body, conversation)
    calls = killer.calls
    world.killer = Killer()

    assert status == 200
    world.assert_complete(conversation, 3)
    assert answer["message"]["text"] == world.messages(conversation)[-1].text
    assert answer["message"]["id"] == world.messages(conversation)[-1].id
    assert world.request("key", operation, body, conversation) == (200, answer)
    world.assert_complete(conversation, 3)
    stored = world.conversation(conversation)
    assert (stored.summary is None) == (stored.summarized_through == 0)
    # Those of two messages.
    assert len(world.bucket.objects) == 4
    world.service().delete_conversation(ChatContext(), id=conversation)
    world.run()
    assert_gone(world, conversation)
    return calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_killed_turn_is_written_completely_or_not_at_all(after: bool) -> None:
    calls = send_with("send_message", Killer())
    for at in range(1, calls + 1):
        world, conversation = prepared()
        world.killer = Killer(at, after=after)
        world.model.queue[:] = [converse_answer("Summary."), converse_answer("A pump.")]
        body = SendMessage(text="What is this?", photos=PHOTOS)
        try:
            world.service().send_message(ChatContext(), id=conversation, body=body)
        except Killed:
            assert world.killer.calls == at
        world.killer = Killer()
        world.assert_complete(conversation, world.conversation(conversation).message_count // 2)
        world.service().delete_conversation(ChatContext(), id=conversation)
        world.run()
        assert_gone(world, conversation)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_killed_and_retried_creation_is_one_conversation(after: bool) -> None:
    calls = create_with(Killer())
    assert calls == 2, "the key's claim, and one transaction"
    for at in range(1, calls + 1):
        create_with(Killer(at, after=after))


def create_with(killer: Killer) -> int:
    world = World()
    world.killer = killer

    status, created = world.request_with_retry("key", "create_conversation", CreateConversation(title="a"))
    assert status == 201
    calls = killer.calls
    world.killer = Killer()
    listed = world.service().list_conversations(ChatContext(), query=ConversationQuery())
    assert [item.id for item in listed.items] == [created["id"]]
    return calls


def change(world: World, conversation: str) -> None:
    world.service().change_conversation(ChatContext(), id=conversation, body=ChangeConversation(title="b"))


def delete(world: World, conversation: str) -> None:
    world.service().delete_conversation(ChatContext(), id=conversation)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", [change, delete])
def test_a_killed_change_or_deletion_succeeds_when_retried(
    operation: Callable[[World, str], None], after: bool
) -> None:
    killer = Killer()
    for at in range(30):
        world, conversation = prepared()
        world.killer = killer = Killer(at or None, after=after)
        try:
            operation(world, conversation)
        except Killed:
            world.killer = Killer()
            operation(world, conversation)
        if operation is change:
            assert world.conversation(conversation).title == "b"
            world.assert_complete(conversation, 2)
        else:
            world.run()
            assert_gone(world, conversation)
        if at and killer.calls < at:
            return
    raise AssertionError("the operation has more calls than the test kills")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("deleted", [False, True], ids=["existing", "deleted"])
def test_a_killed_worker_reaches_the_same_result(deleted: bool, after: bool) -> None:
    calls = memory_with(Killer(), deleted)
    assert calls > 5
    for at in range(1, calls + 1):
        memory_with(Killer(at, after=after), deleted)


def memory_with(killer: Killer, deleted: bool) -> int:
    world, conversation = prepared()
    other = world.create(OTHER, title="c")
    world.send(other, caller=OTHER)
    world.sqs.messages.clear()
    before = world.messages(conversation)
    if deleted:
        delete(world, conversation)
    else:
        world.stores()[2].request_maintenance(ChatContext().caller, conversation)
    world.killer = killer
    answers = {"memory": "Summary.", "name": "Pumps"}
    world.model.queue[:] = [
        lambda request: converse_answer(answers["memory" if "memory" in request["system"][0]["text"] else "name"])
    ] * 6

    world.run()

    assert not world.sqs.dead
    world.assert_complete(other, 1, OTHER)
    if deleted:
        assert_gone(world, conversation)
    else:
        stored = world.conversation(conversation)
        assert (stored.title, stored.summary, stored.summarized_through) == ("Pumps", "Summary.", 2)
        assert world.messages(conversation) == before
    return killer.calls


def assert_gone(world: World, conversation: str) -> None:
    assert not [key for key in world.table.items if conversation in "".join(key)]
    assert not [key for key in world.bucket.objects if conversation in key]
