"""The chatbot's page."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.browser import Visit
from tests.ui.fake_api import HOSTILE, Call, Cut, FakeApi, Refusal, png

PATH = "chatbot"
SENT = "/conversations/conversation-0/messages/stream"
FOCUSED = "document.activeElement.dataset.testid === 'stChatInputTextArea'"
PHOTO = {"name": "pump.png", "mimeType": "image/png", "buffer": png(40, 40, "#24516b")}


def _say(page: Any, text: str) -> None:
    page.get_by_test_id("stChatInputTextArea").fill(text)
    # Waits until the button can be clicked: nothing is sent while a photo is on its way.
    page.get_by_test_id("stChatInputSubmitButton").click()


def _texts(page: Any) -> list[str]:
    return [one.inner_text() for one in page.locator("p.model-text").all()]


def _sent(api: FakeApi) -> list[Call]:
    return [call for call in api.calls if call.method == "POST" and call.path.endswith("/stream")]


def test_a_first_message_begins_a_conversation_that_a_reload_keeps(visit: Callable[..., Visit], api: FakeApi) -> None:
    api.services[PATH].name = "Greetings among **friends**"
    looking = visit()
    page = looking.open(PATH)
    assert looking.barriers() == []
    _say(page, "Hello there")
    page.get_by_text("You said: Hello there").wait_for()
    looking.settle()
    assert _texts(page) == ["Hello there", "You said: Hello there"]
    assert page.get_by_text("21 tokens in").count() == 1
    page.wait_for_function(FOCUSED)
    page.get_by_role("heading", level=1, name="Greetings among **friends**").wait_for()
    page.keyboard.type("And again")
    page.keyboard.press("Enter")
    page.get_by_text("You said: And again").wait_for()
    looking.settle()
    page.wait_for_function(FOCUSED)
    assert looking.barriers() == []
    page.reload()
    page.get_by_text("You said: And again").wait_for()
    looking.settle()
    assert len(_texts(page)) == 4
    assert len(api.posts("/conversations")) == 1
    assert len({call.key for call in _sent(api)}) == 2


def test_an_answer_is_shown_as_it_comes(visit: Callable[..., Visit], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.streams.append(["It begins", 0.2, " and goes on", 4.0, " and ends."])
    looking = visit()
    page = looking.open(PATH, conversation=chat.add("A talk"))
    _say(page, "Go")
    page.get_by_text("It begins and goes on", exact=True).wait_for()
    page.get_by_text("Answering").wait_for()
    assert page.get_by_test_id("stChatInputTextArea").is_disabled()
    assert chat.messages["conversation-0"] == []
    page.get_by_text("It begins and goes on and ends.", exact=True).wait_for()


def test_photos_in_portuguese_at_400_pixels(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit(width=400, language="pt", scheme="dark")
    page = looking.open(PATH)
    page.locator("input[type=file]").set_input_files([PHOTO])
    page.get_by_text("pump.png").first.wait_for()
    _say(page, "O que é isto?")
    page.get_by_text("You said: O que é isto?").wait_for()
    looking.settle()
    assert base64.b64decode(_sent(api)[0].body["photos"][0]["data"]) == PHOTO["buffer"]
    page.reload()
    page.get_by_role("img", name="Foto 1").wait_for()
    looking.settle()
    assert looking.overflow() <= 0
    assert looking.barriers() == []


def test_an_error_keeps_text_and_photos_and_is_tried_again_with_the_same_key(
    visit: Callable[..., Visit], api: FakeApi
) -> None:
    looking = visit()
    page = looking.open(PATH, conversation=api.services[PATH].add("A talk"))
    api.refusals.append(Refusal(429, "throttled", "Too many requests.", retry_after=30))
    page.locator("input[type=file]").set_input_files([PHOTO])
    page.get_by_text("pump.png").first.wait_for()
    _say(page, "What is this?")
    page.get_by_text("Too many requests at the moment.").wait_for()
    page.get_by_text("You can try again in 2").wait_for()
    looking.settle()
    assert page.get_by_label("Your message").input_value() == "What is this?"
    assert page.get_by_role("img", name="Photo 1").count() == 1
    assert looking.barriers() == []
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("You said: What is this?").wait_for()
    first, second = _sent(api)
    assert first.key == second.key
    assert first.body == second.body
    assert len(second.body["photos"]) == 1


@pytest.mark.parametrize("end", [None, Cut()], ids=["ended", "broken"])
def test_a_cut_answer_is_told_and_not_doubled(visit: Callable[..., Visit], api: FakeApi, end: Cut | None) -> None:
    chat = api.services[PATH]
    chat.streams.append(["Once upon", end])
    looking = visit()
    page = looking.open(PATH, conversation=chat.add("A talk"))
    _say(page, "Tell me a story")
    page.get_by_text("The connection ended before the answer did.").wait_for()
    page.get_by_text("Once upon", exact=True).wait_for()
    page.get_by_text("Not kept", exact=True).wait_for()
    chat.streams.append(["Long ago", 2.0, " it was."])
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("Long ago", exact=True).wait_for()
    assert not page.get_by_label("Your message").is_visible()
    # For a moment both the streamed text and the message that takes its place are there.
    page.get_by_text("Long ago it was.", exact=True).first.wait_for()
    looking.settle()
    assert page.get_by_text("Long ago it was.", exact=True).count() == 1
    assert page.get_by_text("Not kept", exact=True).count() == 0
    assert len({call.key for call in _sent(api)}) == 1
    assert len(chat.messages["conversation-0"]) == 2


def test_a_hostile_answer_is_text(visit: Callable[..., Visit], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.turn(chat.add(HOSTILE, instructions=HOSTILE), HOSTILE, HOSTILE)
    chat.streams.append([HOSTILE[:30], 0.3, HOSTILE[30:]])
    looking = visit()
    page = looking.open(PATH, conversation="conversation-0")
    _say(page, "Go")
    page.get_by_text("21 tokens in").wait_for()
    looking.settle()
    page.get_by_role("button", name="Change").click()
    page.get_by_text("The model was told:").wait_for()
    assert _texts(page).count(HOSTILE) == 4
    assert page.get_by_role("heading", level=1, name=HOSTILE).count() == 1
    page.get_by_role("button", name="Conversations").click()
    page.get_by_role("button", name="<script>").wait_for()
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0


def test_renaming_and_deleting(visit: Callable[..., Visit], api: FakeApi) -> None:
    chat = api.services[PATH]
    looking = visit()
    page = looking.open(PATH, conversation=chat.add("A talk", turns=1))
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Title").fill("Another name")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", level=1, name="Another name").wait_for()
    looking.settle()
    if not page.get_by_role("button", name="Delete").is_visible():
        page.get_by_role("button", name="Change").click()
    page.get_by_role("button", name="Delete").click()
    # What the button is in, is a dialog, too.
    asking = page.get_by_test_id("stDialog")
    asking.get_by_text("cannot be brought back").wait_for()
    assert len(chat.conversations) == 1
    asking.get_by_role("button", name="Delete").click()
    page.get_by_text("Conversations that you begin are kept here.").wait_for()
    assert chat.conversations == []
    assert "conversation=" not in page.url


def test_another_conversation_is_a_click_away(visit: Callable[..., Visit], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.add("The first", turns=1)
    chat.add("The second", turns=2)
    looking = visit(width=400)
    page = looking.open(PATH)
    page.get_by_role("button", name="The first").click()
    page.get_by_role("heading", level=1, name="The first").wait_for()
    looking.settle()
    assert "conversation=conversation-0" in page.url
    page.get_by_role("button", name="Conversations").click()
    page.get_by_role("button", name="The second").click()
    page.get_by_role("heading", level=1, name="The second").wait_for()
    looking.settle()
    assert len(_texts(page)) == 4
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("heading", level=1, name="Chat").wait_for()


def test_a_double_click_says_it_once(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    page.get_by_role("button", name="Explain something").dblclick()
    page.get_by_text("You said: Explain how").wait_for()
    looking.settle()
    assert len(api.services[PATH].conversations) == 1
    assert len(api.services[PATH].messages["conversation-0"]) == 2


def test_a_click_meanwhile_begins_the_answer_again(visit: Callable[..., Visit], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.streams.append(["Half an answer", 0.3, ",", 3.0, Cut()])
    looking = visit()
    page = looking.open(PATH, conversation=chat.add("A talk"))
    _say(page, "Go")
    page.get_by_text("Half an answer").wait_for()
    page.get_by_text("Português", exact=True).click()
    page.get_by_text("You said: Go").wait_for()
    looking.settle()
    assert _texts(page) == ["Go", "You said: Go"]
    assert len({call.key for call in _sent(api)}) == 1


def _open(app: Callable[..., AppTest], conversation: str, language: str = "en") -> AppTest:
    page = app(PATH)
    page.session_state["lang"] = language
    page.query_params["conversation"] = conversation
    return page.run()


def _said(page: AppTest) -> list[str]:
    return [one.proto.body for one in page.get("html") if '<p class="model-text"' in one.proto.body]


def _press(page: AppTest, label: str) -> AppTest:
    return next(one for one in page.button if one.label == label).click().run()


def test_instructions_and_model_go_into_a_new_conversation(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app(PATH)
    page.session_state["chat.models"] = ["amazon.nova-lite-v1:0"]
    page.run()
    page.text_area[0].set_value("Answer in rhymes.")
    page.selectbox[0].set_value("amazon.nova-lite-v1:0")
    page.chat_input[0].set_value("Hello").run()
    assert api.posts("/conversations")[0].body == {
        "instructions": "Answer in rhymes.",
        "model": "amazon.nova-lite-v1:0",
    }
    assert api.posts("/conversations")[0].key
    assert _sent(api)[0].body == {"text": "Hello"}
    assert page.query_params["conversation"] == "conversation-0"


def test_a_conversation_that_cannot_begin_keeps_the_message(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app(PATH)
    api.refusals.append(Refusal(503, "unavailable"))
    page.chat_input[0].set_value("Hello").run()
    assert [one.value for one in page.text_area if one.label == "Your message"] == ["Hello"]
    _press(page, "Try again")
    assert len({call.key for call in api.posts("/conversations")}) == 1
    assert len(_said(page)) == 2


def test_what_was_written_meanwhile_is_shown_and_the_text_stays(app: Callable[..., AppTest], api: FakeApi) -> None:
    chat = api.services[PATH]
    page = _open(app, chat.add("A talk"))
    chat.turn("conversation-0", "From another window", "Seen")
    api.refusals.append(Refusal(409, "conflict", "Another message was written meanwhile."))
    page.chat_input[0].set_value("Mine").run()
    assert "From another window" in _said(page)[0]
    assert [one.value for one in page.text_area] == ["Mine"]
    assert page.warning[0].value.startswith("Something else was written")
    _press(page, "Try again")
    assert "You said: Mine" in _said(page)[-1]


def test_a_changed_message_has_another_key(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    api.refusals.append(Refusal(422, "refused"))
    page.chat_input[0].set_value("Something bad").run()
    page.text_area[0].set_value("Something good")
    _press(page, "Try again")
    assert [call.body["text"] for call in _sent(api)] == ["Something bad", "Something good"]
    assert len({call.key for call in _sent(api)}) == 2


def test_a_dropped_message_is_gone(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    api.refusals.append(Refusal(500, "internal"))
    page.chat_input[0].set_value("Hello").run()
    assert page.chat_input[0].disabled
    _press(page, "Drop this message")
    assert not page.chat_input[0].disabled
    assert not page.error
    assert _said(page) == []


def test_too_many_photos_are_told_before_they_are_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"), "pt")
    for number in range(6):
        page.chat_input[0].upload(f"{number}.png", PHOTO["buffer"])
    page.chat_input[0].set_value("Veja").run()
    assert page.warning[0].value.startswith("No máximo cinco fotos")
    _press(page, "Retirar a foto 2")
    _press(page, "Tentar de novo")
    assert [len(call.body["photos"]) for call in _sent(api)] == [5]


def test_a_photo_wants_some_words(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    page.chat_input[0].upload("pump.png", PHOTO["buffer"]).run()
    assert page.warning[0].value == "Write something to go with it, then send it."
    assert _sent(api) == []


def test_earlier_messages_and_conversations_on_demand(app: Callable[..., AppTest], api: FakeApi) -> None:
    chat = api.services[PATH]
    for number in range(12):
        chat.add(f"Talk {number}")
    page = app(PATH)
    assert len([one for one in page.button if one.label.startswith("**Talk")]) == 10
    page.button(key="chat more start").click().run()
    assert len([one for one in page.button if one.label.startswith("**Talk")]) == 12
    for number in range(15):
        chat.turn("conversation-3", f"Question {number}", f"Answer {number}")
    page.button(key="chat start conversation-3").click().run()
    assert len(_said(page)) == 20
    _press(page, "Show earlier messages")
    assert len(_said(page)) == 30
    assert "Question 0" in _said(page)[0]


def test_a_conversation_that_is_gone_leads_to_a_new_one(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, "conversation-9")
    assert len(page.error) == 1
    _press(page, "New conversation")
    assert not page.error
    assert page.chat_input


def test_it_tells_when_it_ends_and_why_an_answer_did(app: Callable[..., AppTest], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.stops = "max_tokens"
    page = _open(app, chat.add("A talk", expiresAt="2026-12-24T18:30:00Z"))
    page.chat_input[0].set_value("Everything, please").run()
    captions = [one.value.replace("\\", "") for one in page.caption]
    assert any("kept until 2026-12-24 18:30" in one for one in captions)
    assert any(one.startswith("The answer ended at its longest") for one in captions)


def test_the_request_is_a_command_that_streams(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    page.chat_input[0].set_value("It's me").run()
    command = next(one.value for one in page.code if "curl" in one.value)
    assert "--no-buffer" in command
    assert '"${CHATBOT_URL}conversations/conversation-0/messages/stream"' in command
