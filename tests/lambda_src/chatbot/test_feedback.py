"""What callers think of answers."""

from typing import Any

import msgspec
import pytest

from lambda_src.chatbot.models import Feedback, SendMessage
from lambda_src.shared.errors import NotFound
from lambda_src.shared.schemas import ListQuery
from tests.fakes import CALLER, OTHER, converse_answer
from tests.lambda_src.chatbot.world import ChatContext, World

UNKNOWN = "00000000-0000-7000-8000-000000000000"


def rate(world: World, conversation: str, message: str, caller: str = CALLER, **body: Any) -> Any:
    return world.service().give_feedback(ChatContext(caller), id=conversation, message=message, body=Feedback(**body))


def shown(world: World, conversation: str) -> list[Any]:
    page = world.service().list_messages(ChatContext(), id=conversation, query=ListQuery())
    return [msgspec.to_builtins(message.feedback) for message in page.items if message.feedback is not msgspec.UNSET]


def test_a_rating_is_stored_with_its_answer_and_a_second_one_replaces_it() -> None:
    world = World()
    conversation = world.create(title="a")
    answer = world.send(conversation).message.id
    world.send(conversation)

    given = rate(world, conversation, answer, helpful=False, comment="Too long.")

    assert (given.id, given.helpful) == (answer, False)
    assert shown(world, conversation) == [{"helpful": False, "comment": "Too long."}]
    rate(world, conversation, answer, helpful=True)
    assert shown(world, conversation) == [{"helpful": True}]
    assert "Too long." not in str(world.table.items)
    # It is no part of what the model reads, and no turn.
    world.send(conversation, "And?")
    assert "helpful" not in str(world.model.requests[-1])
    world.assert_complete(conversation, 3)


def test_only_answers_of_ones_own_are_rated() -> None:
    world = World()
    conversation = world.create(title="a")
    answer = world.send(conversation).message.id
    question = world.messages(conversation)[0].id
    for message, caller in ((question, CALLER), (UNKNOWN, CALLER), (answer, OTHER)):
        with pytest.raises(NotFound):
            rate(world, conversation, message, caller, helpful=True)
    world.model.queue.append(converse_answer("New."))
    world.service().send_message(ChatContext(), id=conversation, body=SendMessage(replaces=answer))
    with pytest.raises(NotFound):
        rate(world, conversation, answer, helpful=True)
    assert shown(world, conversation) == []


def test_a_deletion_erases_the_ratings() -> None:
    world = World()
    conversation = world.create(title="a")
    rate(world, conversation, world.send(conversation).message.id, helpful=False, comment="Too long.")
    world.service().delete_conversation(ChatContext(), id=conversation)
    world.run()
    assert "Too long." not in str(world.table.items)
