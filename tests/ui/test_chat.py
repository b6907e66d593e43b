"""The chat's state: what a reload in the middle of an answer leaves of it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import Chatbot, ErrorResponse, FakeApi
from tests.ui.test_chatbot import send, texts
from ui import chat
from ui.api_request import Call
from ui.chat import OpenConversation, PendingMessage
from ui.client import Failure


@pytest.mark.parametrize("regenerated", [False, True])
def test_an_answer_that_arrived_while_the_page_was_closed_is_shown_once(
    new_session: Callable[..., BrowserSession], api: FakeApi, regenerated: bool
) -> None:
    chat = api.services["chatbot"]
    closed = threading.Event()
    chat.streams.append(["It begins", closed, " and ends."])
    session = new_session()
    page = session.open("chatbot", conversation=chat.add("A talk", turns=1))
    if regenerated:
        page.get_by_role("button", name="New answer").click()
    else:
        send(page, "Go on")
    page.get_by_text("It begins", exact=True).wait_for()
    url = page.url
    page.goto("about:blank")
    closed.set()
    session.wait_for(lambda: chat.messages["conversation-0"][-1]["text"] == "It begins and ends.")
    page.goto(url)
    # With its tokens, unless the run of the closed page was the first to see that it had ended.
    page.get_by_text("It begins and ends.").first.wait_for()
    session.wait_until_idle()
    earlier = [] if regenerated else ["Question 0", "Answer 0"]
    assert texts(page) == [*earlier, "Question 0" if regenerated else "Go on", "It begins and ends."]


def test_two_runs_notice_that_a_message_was_stopped_before_its_answer_began() -> None:
    call = Call("chatbot", "/conversations/c/messages", {}, "key", stream=True)
    call.response.set_exception(Failure("stopped"))
    message = PendingMessage("Hello", call=call, stopped_text="")
    conversation = OpenConversation({"id": "c", "title": ""}, [], None)
    assert chat.finish(conversation, message)
    assert message.failure is not None
    assert message.failure.code == "stopped"
    assert chat.finish(conversation, message)


REFUSED = ErrorResponse(400, "invalid_request", "The document is empty.")


@pytest.fixture
def chatbot(api: FakeApi) -> Chatbot:
    service: Chatbot = api.services["chatbot"]
    return service


def test_a_refused_first_message_leaves_no_conversation_and_can_be_sent_again(
    app: Callable[..., AppTest], api: FakeApi, chatbot: Chatbot
) -> None:
    chatbot.streams += [[REFUSED], [REFUSED]]
    page = click(app("chatbot"), "Explain something")
    message = page.text_area(key=next(each.key for each in page.text_area if each.label == "Your message"))
    assert message.value.startswith("Explain how")
    assert chatbot.conversations == []
    assert "The document is empty." in "".join(element.proto.body for element in page.get("html"))

    click(page, "Try again")
    assert chatbot.conversations == []
    click(page, "Try again")
    assert [each["messageCount"] for each in chatbot.conversations] == [2]
    assert len(api.posts("/conversations")) == 3
    assert "Try again" not in [button.label for button in page.button]


def test_a_conversation_in_which_an_interrupted_answer_may_be_stored_is_kept(
    app: Callable[..., AppTest], chatbot: Chatbot
) -> None:
    chatbot.streams += [["Half", None], [REFUSED]]
    page = click(app("chatbot"), "Explain something")
    click(page, "Try again")
    assert len(chatbot.conversations) == 1
    click(page, "Try again")
    assert [each["messageCount"] for each in chatbot.conversations] == [2]


def test_a_conversation_in_which_another_tab_has_sent_a_message_is_kept(
    app: Callable[..., AppTest], chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(id: str, body: Any) -> Any:
        chatbot.add_turn(id, "From another tab", "Answer")
        raise REFUSED

    monkeypatch.setattr(chatbot, "stream_message", refuse)
    page = click(app("chatbot"), "Explain something")
    assert [each["messageCount"] for each in chatbot.conversations] == [2]
    assert "Try again" in [button.label for button in page.button]


def test_a_refused_message_in_a_conversation_that_has_messages_deletes_nothing(
    app: Callable[..., AppTest], api: FakeApi, chatbot: Chatbot
) -> None:
    page = click(app("chatbot"), "Explain something")
    chatbot.streams.append([REFUSED])
    click(page, "New answer")
    assert [each["messageCount"] for each in chatbot.conversations] == [2]
    assert [call.method for call in api.calls if call.method == "DELETE"] == []


def test_a_refused_message_stays_in_its_conversation_while_another_first_message_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused, other = (
        PendingMessage("Hello", failure=Failure("invalid_request"), owns_conversation=True) for _ in range(2)
    )
    waiting = {"": other, "c": refused}
    monkeypatch.setattr(chat, "pending_messages", lambda: waiting)
    monkeypatch.setattr(chat, "client", lambda: pytest.fail("Nothing is deleted."))
    assert not chat.take_back(OpenConversation({"id": "c", "title": ""}, [], None), refused)
    assert waiting == {"": other, "c": refused}
