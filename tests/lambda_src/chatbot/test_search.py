"""Conversations found by the texts of their titles and messages."""

from unittest.mock import patch

import msgspec

from lambda_src.chatbot import search as module
from lambda_src.chatbot.models import ConversationQuery, SendMessage
from tests.fakes import OTHER, converse_answer
from tests.lambda_src.chatbot.world import ChatContext, World


def search(world: World, text: str, limit: int = 20) -> list[list[str]]:
    """The titles on each page."""
    pages: list[list[str]] = []
    cursor = None
    while True:
        query = ConversationQuery(search=text, limit=limit, cursor=cursor)
        page = world.service().list_conversations(ChatContext(), query=query)
        pages.append([item.title for item in page.items])
        if page.next_cursor is msgspec.UNSET:
            return pages
        cursor = str(page.next_cursor)


def test_titles_and_messages_are_searched_whatever_their_case_and_white_space() -> None:
    world = World()
    world.create(title="Pump Seals")
    leak = world.create(title="Leaks")
    world.send(leak, "Why does it leak?", "The PUMP\nSEALS are worn. Straße.")
    world.create(title="Others")
    world.send(world.create(OTHER, title="Pump seals of another caller"), "pump seals", caller=OTHER)

    assert search(world, "pump seals") == [["Leaks", "Pump Seals"]]
    assert search(world, "STRASSE") == [["Leaks"]]
    assert search(world, "does it") == [["Leaks"]]
    assert search(world, "nothing") == [[]]


def test_removed_messages_and_deleted_conversations_are_not_found() -> None:
    world = World()
    edited, deleted = world.create(title="a"), world.create(title="secret")
    world.send(edited, "A secret", "Noted.")
    world.model.queue.append(converse_answer("Yes."))
    body = SendMessage(text="Hello", replaces=world.messages(edited)[0].id)
    world.service().send_message(ChatContext(), id=edited, body=body)
    world.service().delete_conversation(ChatContext(), id=deleted)
    assert search(world, "secret") == [[]]


def test_pages_of_a_search_continue_where_the_last_one_ended() -> None:
    world = World()
    for number in range(50):
        world.create(title=f"{'Pump' if number % 2 else 'Seal'} {number}")
    expected = [f"Pump {number}" for number in range(49, 0, -2)]
    pages = search(world, "pump", limit=7)
    assert [title for page in pages for title in page] == expected
    assert [len(page) for page in pages] == [7, 7, 7, 4]


def test_a_request_examines_a_limited_number() -> None:
    world = World()
    for number in range(45):
        world.create(title="Pump" if number == 0 else "Seal")
    with patch.object(module, "MAX_EXAMINED", 20):
        assert search(world, "pump") == [[], [], ["Pump"]]
    with patch.object(module, "LEAST_SECONDS", 1_000.0):
        assert search(world, "pump") == [[], [], ["Pump"]]
