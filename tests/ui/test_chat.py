"""The chat's state: what a reload in the middle of an answer leaves of it."""

import threading
from collections.abc import Callable

import pytest

from tests.ui.browser import BrowserSession
from tests.ui.fake_api import FakeApi
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
    page.get_by_text("21 input tokens").wait_for()
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
