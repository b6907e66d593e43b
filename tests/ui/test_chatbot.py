"""The chatbot page."""

import base64
import re
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click, html
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, Call, ConnectionCut, ErrorResponse, FakeApi, png
from ui import chat as chat_state
from ui import chat_list
from ui.api_request import Call as UiCall

PATH = "chatbot"
SENT = "/conversations/conversation-0/messages/stream"
# `HOSTILE` as Markdown.
RENDERED = 'Loud <script>document.title="taken"</script> <b>bold</b> stars link (https://example.com) :red[x] $y$'
FOCUSED = "document.activeElement.dataset.testid === 'stChatInputTextArea'"
PHOTO = {"name": "pump.png", "mimeType": "image/png", "buffer": png(40, 40, "#24516b")}

LINK = {"contentType": "image/png", "url": "https://bucket.example/photo", "urlExpiresAt": "2026-11-03T23:00:00Z"}


def send(page: Any, text: str) -> None:
    page.get_by_test_id("stChatInputTextArea").fill(text)
    # The button is disabled while a photo uploads; `click` waits.
    page.get_by_test_id("stChatInputSubmitButton").click()


def texts(page: Any) -> list[str]:
    return [message.inner_text() for message in page.locator("p.model-text, .markdown").all()]


def _sent(api: FakeApi) -> list[Call]:
    return [call for call in api.calls if call.method == "POST" and call.path.endswith("/stream")]


def test_a_conversation_starts_with_a_message_and_survives_a_reload(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    api.services[PATH].generated_title = "Greetings among **friends**"
    session = new_session()
    page = session.open(PATH)
    assert session.accessibility_violations() == []
    send(page, "Hello there")
    page.get_by_text("Echo: Hello there").wait_for()
    session.wait_until_idle()
    assert texts(page) == ["Hello there", "Echo: Hello there"]
    assert page.get_by_text("21 input tokens").count() == 1
    page.wait_for_function(FOCUSED)
    page.get_by_role("heading", level=1, name="Greetings among **friends**").wait_for()
    page.keyboard.type("And again")
    page.keyboard.press("Enter")
    page.get_by_text("Echo: And again").wait_for()
    session.wait_until_idle()
    page.wait_for_function(FOCUSED)
    assert session.accessibility_violations() == []
    page.reload()
    page.get_by_text("Echo: And again").wait_for()
    session.wait_until_idle()
    assert len(texts(page)) == 4
    assert len(api.posts("/conversations")) == 1
    assert len({call.key for call in _sent(api)}) == 2


def test_a_streamed_answer_is_shown_while_it_arrives(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services[PATH]
    started, continued = threading.Event(), threading.Event()
    # The page doesn't redraw pieces that follow each other immediately.
    chat.streams.append(["It begins", started, 0.2, " and goes on", continued, " and ends."])
    session = new_session()
    page = session.open(PATH, conversation=chat.add("A talk"))
    send(page, "Go")
    page.get_by_text("It begins", exact=True).wait_for()
    started.set()
    page.get_by_text("It begins and goes on", exact=True).wait_for()
    page.get_by_text("Answering").wait_for()
    assert page.get_by_test_id("stChatInputTextArea").is_disabled()
    assert chat.messages["conversation-0"] == []
    continued.set()
    page.get_by_text("It begins and goes on and ends.", exact=True).wait_for()


def test_photos_in_portuguese_on_a_phone(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session(width=400, language="pt", scheme="dark")
    page = session.open(PATH)
    page.locator("input[type=file]").set_input_files([PHOTO])
    page.get_by_text("pump.png").first.wait_for()
    send(page, "O que é isto?")
    page.get_by_text("Echo: O que é isto?").wait_for()
    session.wait_until_idle()
    assert base64.b64decode(_sent(api)[0].body["photos"][0]["data"]).startswith(b"\xff\xd8\xff")
    page.reload()
    page.get_by_role("img", name="Foto 1").wait_for()
    session.wait_until_idle()
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_a_failed_message_is_kept_and_retried_with_the_same_key(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    session = new_session()
    page = session.open(PATH, conversation=api.services[PATH].add("A talk"))
    api.errors.append(ErrorResponse(429, "throttled", "Too many requests.", retry_after=300))
    page.locator("input[type=file]").set_input_files([PHOTO])
    page.get_by_text("pump.png").first.wait_for()
    send(page, "What is this?")
    page.get_by_text("Too many requests at the moment.").wait_for()
    page.get_by_text("You can try again in 2").wait_for()
    session.wait_until_idle()
    assert page.get_by_label("Your message").input_value() == "What is this?"
    assert page.get_by_role("img", name="Photo 1").count() == 1
    assert session.accessibility_violations() == []
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("Echo: What is this?").wait_for()
    first, second = _sent(api)
    assert first.key == second.key
    assert first.body == second.body
    assert len(second.body["photos"]) == 1


@pytest.mark.parametrize("end", [None, ConnectionCut()], ids=["ended", "broken"])
def test_an_interrupted_answer_is_reported_and_not_sent_twice(
    new_session: Callable[..., BrowserSession], api: FakeApi, end: ConnectionCut | None
) -> None:
    chat = api.services[PATH]
    chat.streams.append(["Once upon", end])
    session = new_session()
    page = session.open(PATH, conversation=chat.add("A talk"))
    send(page, "Tell me a story")
    page.get_by_text("The connection ended before the answer was complete.").wait_for()
    page.get_by_text("Not saved", exact=True).wait_for()
    session.wait_until_idle()
    assert page.get_by_text("Once upon", exact=True).count() == 1
    seen = threading.Event()
    chat.streams.append(["Long ago", seen, " it was."])
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("Long ago", exact=True).wait_for()
    assert not page.get_by_label("Your message").is_visible()
    seen.set()
    # The streamed text and the message that replaces it may both be visible for a moment.
    page.get_by_text("Long ago it was.", exact=True).first.wait_for()
    session.wait_until_idle()
    assert page.get_by_text("Long ago it was.", exact=True).count() == 1
    assert page.get_by_text("Not saved", exact=True).count() == 0
    assert len({call.key for call in _sent(api)}) == 1
    assert len(chat.messages["conversation-0"]) == 2


def test_html_and_markdown_in_an_answer_are_escaped(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.add_turn(chat.add(HOSTILE, instructions=HOSTILE), HOSTILE, HOSTILE)
    chat.streams.append([HOSTILE[:30], 0.3, HOSTILE[30:]])
    session = new_session()
    page = session.open(PATH, conversation="conversation-0")
    send(page, "Go")
    page.get_by_text("21 input tokens").wait_for()
    session.wait_until_idle()
    page.get_by_role("button", name="Options").click()
    page.get_by_text("The model's instructions:").wait_for()
    # The instructions and the user's two messages are as they were written; Markdown shows no stars.
    assert texts(page).count(HOSTILE) == 2
    assert texts(page).count(RENDERED) == 2
    assert page.get_by_role("heading", level=1, name=HOSTILE).count() == 1
    page.get_by_role("button", name="Conversations").click()
    page.get_by_role("button", name="<script>").wait_for()
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0


def test_renaming_and_deleting(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services[PATH]
    session = new_session()
    page = session.open(PATH, conversation=chat.add("A talk", turns=1))
    page.get_by_role("button", name="Options").click()
    page.get_by_label("Title").fill("Another name")
    # It would cover the title.
    assert not page.get_by_text("Press Enter to submit form").is_visible()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", level=1, name="Another name").wait_for()
    session.wait_until_idle()
    if not page.get_by_role("button", name="Delete").is_visible():
        page.get_by_role("button", name="Options").click()
    page.get_by_role("button", name="Delete").click()
    # The popover with the button is a dialog, too.
    dialog = page.get_by_test_id("stDialog")
    dialog.get_by_text("can't be undone").wait_for()
    assert len(chat.conversations) == 1
    dialog.get_by_role("button", name="Delete").click()
    page.get_by_text("Your conversations will appear here.").wait_for()
    assert chat.conversations == []
    assert "conversation=" not in page.url


def test_switching_between_conversations(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.add("The first", turns=1)
    chat.add("The second", turns=2)
    session = new_session(width=400)
    page = session.open(PATH)
    page.get_by_role("button", name="The first").click()
    page.get_by_role("heading", level=1, name="The first").wait_for()
    session.wait_until_idle()
    assert "conversation=conversation-0" in page.url
    page.get_by_role("button", name="Conversations").click()
    page.get_by_role("button", name="The second").click()
    page.get_by_role("heading", level=1, name="The second").wait_for()
    session.wait_until_idle()
    assert len(texts(page)) == 4
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("heading", level=1, name="Chat").wait_for()


def test_the_list_does_not_move_when_what_is_above_it_is_loaded(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    api.services[PATH].add("A talk")
    session = new_session(width=400)
    page = session.page
    held: list[Any] = []
    page.route(re.compile(r"/(ChatInput|TextInput)\.[^/]*\.js$"), lambda route: held.append(route))
    page.goto(f"{session.url}/{PATH}")
    conversation = page.get_by_role("button", name="A talk")
    conversation.wait_for()
    session.wait_for(lambda: len(held) == 2)
    before = conversation.bounding_box()
    for request in held:
        request.continue_()
    page.get_by_placeholder("Write your first message").wait_for()
    page.get_by_label("Search titles and messages").wait_for()
    session.wait_until_idle()
    assert conversation.bounding_box() == before


def test_a_double_click_sends_one_message(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    page.get_by_role("button", name="Explain something").dblclick()
    page.get_by_text("Echo: Explain how").wait_for()
    session.wait_until_idle()
    assert len(api.services[PATH].conversations) == 1
    assert len(api.services[PATH].messages["conversation-0"]) == 2


def test_a_click_during_an_answer_does_not_disturb_it(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services[PATH]
    clicked = threading.Event()
    chat.streams.append(["Half an answer", clicked, " and the rest"])
    session = new_session()
    page = session.open(PATH, conversation=chat.add("A talk"))
    send(page, "Go")
    page.get_by_text("Half an answer").wait_for()
    page.get_by_text("Português", exact=True).click()
    page.get_by_role("button", name="Parar").wait_for()
    clicked.set()
    page.get_by_text("Half an answer and the rest", exact=True).first.wait_for()
    session.wait_until_idle()
    assert texts(page) == ["Go", "Half an answer and the rest"]
    assert len(_sent(api)) == 1


def test_messages_have_no_actions_while_an_answer_arrives(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    chat = api.services[PATH]
    end = threading.Event()
    chat.streams.append(["Slowly", end, " it comes"])
    session = new_session()
    page = session.open(PATH, conversation=chat.add("A talk", turns=2))
    assert page.get_by_role("button", name="Edit").count() == 2
    send(page, "Go on")
    page.get_by_text("Slowly").wait_for()
    assert page.get_by_role("button", name="Edit").count() == 0
    end.set()
    page.get_by_text("Slowly it comes").wait_for()
    session.wait_until_idle()
    assert page.get_by_role("button", name="Edit").count() == 3


def test_a_stopped_answer_is_kept_as_far_as_it_came(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services[PATH]
    never = threading.Event()
    chat.streams.append(["Once upon a time", never, " and so on"])
    session = new_session()
    page = session.open(PATH, conversation=chat.add("A talk"))
    send(page, "Tell me a story")
    page.get_by_text("Once upon a time").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("You stopped this answer.").first.wait_for()
    page.get_by_text("21 input tokens").wait_for()
    session.wait_until_idle()
    assert texts(page) == ["Tell me a story", "Once upon a time"]
    assert [message["text"] for message in chat.messages["conversation-0"]] == ["Tell me a story", "Once upon a time"]
    assert session.accessibility_violations() == []
    page.reload()
    page.get_by_text("You stopped this answer.").wait_for()
    # Before its first text there is nothing to keep, and the message can be changed.
    chat.streams.append([never, "Too late"])
    send(page, "Another story")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped before the answer began").wait_for()
    page.get_by_label("Your message").fill("A short story")
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("Echo: A short story").first.wait_for()
    assert api.posts("/conversations/conversation-0/stop")


def test_answers_are_written_again_rated_and_copied_and_messages_changed(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    chat = api.services[PATH]
    session = new_session()
    session.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = session.open(PATH, conversation=chat.add("A talk", turns=2))
    send(page, "And **more**?")
    page.get_by_text("Echo: And more?").wait_for()
    session.wait_until_idle()
    page.get_by_role("button", name="Copy").last.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "Echo: And **more**?"

    chat.streams.append(["A better answer"])
    page.get_by_role("button", name="New answer").click()
    page.get_by_text("A better answer").first.wait_for()
    session.wait_until_idle()
    assert texts(page)[-2:] == ["And **more**?", "A better answer"]
    assert len(texts(page)) == 6
    # The page knows the message by its answer's id only.
    assert _sent(api)[-1].body == {"replaces": "conversation-0-5"}

    page.get_by_role("button", name="Bad").last.click()
    page.get_by_label("What is wrong with it?").fill("Too short.")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("blockquote").wait_for()
    assert chat.messages["conversation-0"][-1]["feedback"] == {"helpful": False, "comment": "Too short."}
    page.reload()
    page.get_by_role("blockquote").wait_for()
    session.wait_until_idle()

    page.get_by_role("button", name="Edit").nth(1).click()
    page.get_by_label("Your message").fill("Another question")
    assert texts(page) == ["Question 0", "Answer 0"]
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Echo: Another question").wait_for()
    session.wait_until_idle()
    assert texts(page) == ["Question 0", "Answer 0", "Another question", "Echo: Another question"]
    assert _sent(api)[-1].body == {"text": "Another question", "replaces": "conversation-0-2"}


def test_two_tabs_of_a_long_conversation_show_the_same(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    chat = api.services[PATH]
    session = new_session()
    page = session.open(PATH, conversation=chat.add("A talk", turns=12))
    other = new_session().open(PATH, conversation="conversation-0")
    page.get_by_role("button", name="Options").click()
    page.get_by_role("button", name="Markdown").wait_for()
    send(other, "From another tab")
    # It looks for other tabs' turns every four seconds; that click would close the menu.
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 4100))")
    assert page.get_by_role("button", name="Markdown").is_visible()
    page.keyboard.press("Escape")
    page.get_by_text("Echo: From another tab").wait_for()
    session.wait_until_idle()
    page.mouse.move(600, 400)
    page.mouse.wheel(0, 3_000)
    page.get_by_text("Echo: From another tab").scroll_into_view_if_needed()
    new = page.get_by_role("button", name="New conversation")
    assert new.bounding_box()["y"] >= 0
    page.get_by_role("button", name="Options").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Markdown").click()
    assert re.fullmatch(r"A-talk-\d{4}-\d\d-\d\d\.md", download.value.suggested_filename)
    text = download.value.path().read_text("utf-8")
    assert text.startswith("# A talk\n\n## You · ")
    assert text.count("## ") == 26
    assert "Question 0" in text


def _open(app: Callable[..., AppTest], conversation: str, language: str = "en") -> AppTest:
    page = app(PATH)
    page.session_state["lang"] = language
    page.query_params["conversation"] = conversation
    return page.run()


def _model_texts(page: AppTest) -> list[str]:
    return [text for text in html(page) if '<p class="model-text"' in text or 'class="markdown"' in text]


def test_a_new_conversation_has_its_instructions_and_model(app: Callable[..., AppTest], api: FakeApi) -> None:
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


def test_the_message_is_kept_if_creating_the_conversation_fails(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app(PATH)
    api.errors.append(ErrorResponse(503, "unavailable"))
    page.chat_input[0].set_value("Hello").run()
    assert [area.value for area in page.text_area if area.label == "Your message"] == ["Hello"]
    click(page, "Try again")
    assert len({call.key for call in api.posts("/conversations")}) == 1
    assert len(_model_texts(page)) == 2


def test_after_a_conflict_the_new_message_is_shown_and_the_text_is_kept(
    app: Callable[..., AppTest], api: FakeApi
) -> None:
    chat = api.services[PATH]
    page = _open(app, chat.add("A talk"))
    chat.add_turn("conversation-0", "From another window", "Seen")
    api.errors.append(ErrorResponse(409, "conflict", "Another message was added."))
    page.chat_input[0].set_value("Mine").run()
    assert "From another window" in _model_texts(page)[0]
    assert [area.value for area in page.text_area] == ["Mine"]
    assert page.warning[0].value.startswith("Another message was sent")
    click(page, "Try again")
    assert "Echo: Mine" in _model_texts(page)[-1]


def test_an_edited_message_has_a_new_key(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    api.errors.append(ErrorResponse(422, "refused"))
    page.chat_input[0].set_value("Something bad").run()
    page.text_area[0].set_value("Something good")
    click(page, "Try again")
    assert [call.body["text"] for call in _sent(api)] == ["Something bad", "Something good"]
    assert len({call.key for call in _sent(api)}) == 2
    # The conversation was there before the message that was refused, with its title and settings.
    assert [call for call in api.calls if call.method == "DELETE"] == []


def test_a_message_can_be_discarded(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    api.errors.append(ErrorResponse(500, "internal"))
    page.chat_input[0].set_value("Hello").run()
    assert page.chat_input[0].disabled
    click(page, "Discard this message")
    assert not page.chat_input[0].disabled
    assert not page.error
    assert _model_texts(page) == []


def test_too_many_photos_are_rejected_before_sending(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"), "pt")
    for number in range(6):
        page.chat_input[0].upload(f"{number}.png", PHOTO["buffer"])
    page.chat_input[0].set_value("Veja").run()
    assert page.warning[0].value.startswith("No máximo 5 fotos")
    click(page, "Retirar a foto 2")
    click(page, "Tentar de novo")
    assert [len(call.body["photos"]) for call in _sent(api)] == [5]


def test_a_photo_that_cannot_be_sent_stops_the_message(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    page.chat_input[0].upload("pump.png", PHOTO["buffer"]).upload("IMG_[1].HEIC", b"no photo")
    page.chat_input[0].set_value("Look").run()
    assert page.warning[0].value.startswith("IMG\\_\\[1\\]\\.HEIC isn't a JPEG, PNG, WebP or HEIC photo")
    assert _sent(api) == []
    click(page, "Try again")
    assert [len(call.body["photos"]) for call in _sent(api)] == [1]


def test_a_photo_requires_text(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    page.chat_input[0].upload("pump.png", PHOTO["buffer"]).run()
    assert page.warning[0].value == "Add some text, then send it."
    assert _sent(api) == []


def test_earlier_messages_and_conversations_are_loaded_on_demand(app: Callable[..., AppTest], api: FakeApi) -> None:
    chat = api.services[PATH]
    for number in range(12):
        chat.add(f"Talk {number}")
    page = app(PATH)
    assert len([button for button in page.button if button.label.startswith("**Talk")]) == 10
    page.button(key="chat more start").click().run()
    assert len([button for button in page.button if button.label.startswith("**Talk")]) == 12
    for number in range(15):
        chat.add_turn("conversation-3", f"Question {number}", f"Answer {number}")
    page.button(key="chat start conversation-3").click().run()
    assert len(_model_texts(page)) == 20
    click(page, "Show earlier messages")
    assert len(_model_texts(page)) == 30
    assert "Question 0" in _model_texts(page)[0]


def test_a_deleted_conversation_offers_a_new_one(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, "conversation-9")
    assert len(page.error) == 1
    click(page, "New conversation")
    assert not page.error
    assert page.chat_input


def test_the_expiry_and_the_stop_reason_are_shown(app: Callable[..., AppTest], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.stop_reason = "max_tokens"
    page = _open(app, chat.add("A talk", expiresAt="2026-12-24T18:30:00Z"))
    page.chat_input[0].set_value("Everything, please").run()
    captions = [caption.value.replace("\\", "") for caption in page.caption]
    assert any("kept until 2026-12-24 18:30" in caption for caption in captions)
    assert any(caption.startswith("The answer reached its maximum length") for caption in captions)


def test_the_request_is_shown_as_a_streaming_curl_command(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    page.session_state[f"details chatbot{SENT} "] = True
    page.chat_input[0].set_value("It's me").run()
    command = next(code.value for code in page.code if "curl" in code.value)
    assert "--no-buffer" in command
    assert '"${CHATBOT_URL}conversations/conversation-0/messages/stream"' in command


def test_conversations_are_searched_and_listed_by_day(
    app: Callable[..., AppTest], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.components.today", lambda: date(2026, 11, 3))
    chat = api.services[PATH]
    chat.add("Old", createdAt="2026-11-01T09:00:00Z")
    chat.add("Yesterday's", createdAt="2026-11-02T09:00:00Z")
    chat.add_turn(chat.add("Pumps"), "Why does the SEAL leak?", "It is worn.")
    page = app(PATH)
    captions = [caption.value.replace("\\", "") for caption in page.caption]
    assert [each for each in captions if each.startswith("**")] == ["**Today**", "**Yesterday**", "**2026-11-01**"]
    page.text_input[0].set_value("seal").run()
    assert [button.label[:9] for button in page.button if button.label.startswith("**")] == ["**Pumps**"]
    page.text_input[0].set_value("valve").run()
    assert any(caption.value == "No conversation has this text." for caption in page.caption)


def test_a_replacement_that_fails_or_is_canceled_changes_nothing(app: Callable[..., AppTest], api: FakeApi) -> None:
    chat = api.services[PATH]
    page = _open(app, chat.add("A talk", turns=2))
    api.errors.append(ErrorResponse(503, "unavailable"))
    click(page, "New answer")
    assert len(_model_texts(page)) == 3, "two messages, and the API's of the failure"
    assert [area.value for area in page.text_area] == ["Question 1"]
    click(page, "Cancel")
    assert len(_model_texts(page)) == 4
    page.button(key="chat edit conversation-0-0").click().run()
    assert _model_texts(page) == []
    click(page, "Cancel")
    assert len(_model_texts(page)) == 4
    assert len(chat.messages["conversation-0"]) == 4


def test_a_replaced_message_keeps_its_photos(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    page.chat_input[0].upload("pump.png", PHOTO["buffer"])
    page.chat_input[0].set_value("What is this?").run()
    click(page, "New answer")
    assert _sent(api)[-1].body == {"replaces": "conversation-0-1"}
    click(page, "Edit")
    page.text_area[0].set_value("And this?")
    click(page, "Send")
    body = _sent(api)[-1].body
    assert (body["text"], body["replaces"]) == ("And this?", "conversation-0-3")
    assert body["photos"] == _sent(api)[0].body["photos"]


def test_a_rating_that_fails_is_reported(app: Callable[..., AppTest], api: FakeApi) -> None:
    chat = api.services[PATH]
    page = _open(app, chat.add("A talk", turns=1))
    api.errors.append(ErrorResponse(503, "unavailable"))
    click(page, "Good")
    assert len(page.error) == 1
    click(page, "Good")
    assert not page.error
    assert chat.messages["conversation-0"][1]["feedback"] == {"helpful": True}
    click(page, "**Rated good**")
    assert len(api.posts("/conversations/conversation-0/messages/conversation-0-1/feedback")) == 2


def test_a_downloaded_conversation_is_complete() -> None:
    question = {"id": "1", "role": "user", "text": "What?", "createdAt": "a", "photos": [LINK]}
    answer = {"id": "2", "role": "assistant", "text": "A **pump**.\n", "createdAt": "b"}
    pages = {None: {"items": [answer], "nextCursor": "c"}, "c": {"items": [question]}}

    class Api:
        def get(self, use_case: str, path: str, *, limit: int, cursor: str | None) -> Any:
            return pages[cursor]

    messages = chat_list.all_messages(Api(), "/conversations/1")  # type: ignore[arg-type]
    assert [message["id"] for message in messages] == ["1", "2"]
    # Links to photos are secrets that end soon.
    assert "url" not in str(messages)
    text = chat_list.markdown("A\ntalk", messages, {"user": "You", "assistant": "Assistant"})
    assert text == "# A talk\n\n## You · a\n\n*[photo]*\n\nWhat?\n\n## Assistant · b\n\nA **pump**.\n"


def test_a_stop_that_is_not_noticed_does_not_hold_the_page(
    app: Callable[..., AppTest], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer appears once it is stored."""
    monkeypatch.setattr(chat_state, "_STOP_SECONDS", 0.0)
    chat = api.services[PATH]
    conversation = chat_state.OpenConversation({"id": chat.add("A talk"), "updatedAt": "a", "title": "b"}, [], None)
    message = chat_state.PendingMessage("Go")
    pending = {conversation.header["id"]: message}
    monkeypatch.setattr(chat_state, "pending_messages", lambda: pending)
    monkeypatch.setattr(chat_state, "forget", lambda conversation_id: None)
    message.call = UiCall("chatbot", "/conversations/x/messages", {}, "key", stream=True)
    assert not chat_state.finish(conversation, message)
    message.stopped_text = "Half"
    assert chat_state.finish(conversation, message)
    assert pending == {}


def test_documents_are_sent_shown_and_kept(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services[PATH]
    chat.unreadable["scan.pdf"] = {"message": "“scan.pdf”: In English.", "reason": "encrypted"}
    session = new_session()
    page = session.open(PATH, conversation=chat.add("A talk"))
    scan = {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-scan"}
    page.locator("input[type=file]").set_input_files([scan, {**scan, "name": "rules.pdf"}, PHOTO])
    page.get_by_text("rules.pdf").first.wait_for()
    send(page, "How many days?")
    page.get_by_text("scan.pdf: The file is password-protected.").wait_for()
    session.wait_until_idle()
    assert page.get_by_label("Your message").input_value() == "How many days?"
    assert session.accessibility_violations() == []
    page.get_by_role("button", name="Remove scan.pdf").click()
    page.get_by_role("button", name="Remove scan.pdf").wait_for(state="detached")
    session.wait_until_idle()
    # It is still the one that was refused.
    assert page.get_by_text("scan.pdf: The file is password-protected.").is_visible()
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("Echo: How many days?").wait_for()
    session.wait_until_idle()
    body = _sent(api)[-1].body
    assert [document["name"] for document in body["documents"]] == ["rules.pdf"]
    assert base64.b64decode(body["documents"][0]["content"]) == b"%PDF-scan"
    assert len(body["photos"]) == 1
    page.reload()
    page.get_by_text("pages: 2").wait_for()
    session.wait_until_idle()
    assert page.get_by_text("rules.pdf").count() == 1
    assert session.accessibility_violations() == []


def _send_with(page: AppTest, text: str, *names: str, content: bytes = b"Vacation is 30 days.") -> None:
    for name in names:
        page.chat_input[0].upload(name, content)
    page.chat_input[0].set_value(text).run()


def test_a_replaced_message_keeps_its_documents_until_they_are_removed(
    app: Callable[..., AppTest], api: FakeApi
) -> None:
    page = _open(app, api.services[PATH].add("A talk"))
    _send_with(page, "How many?", "rules.txt")
    click(page, "New answer")
    assert _sent(api)[-1].body == {"replaces": "conversation-0-1"}
    click(page, "Edit")
    page.text_area[0].set_value("How many days?")
    click(page, "Send")
    body = _sent(api)[-1].body
    assert body == {"text": "How many days?", "replaces": "conversation-0-3", "keepDocuments": True}
    click(page, "Edit")
    click(page, "Remove the documents")
    click(page, "Send")
    assert _sent(api)[-1].body == {"text": "How many days?", "replaces": "conversation-0-5"}


def test_too_many_or_too_large_documents_are_rejected_before_sending(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _open(app, api.services[PATH].add("A talk"), "pt")
    _send_with(page, "Veja", *(f"{number}.txt" for number in range(4)), content=b"0" * 1_500_000)
    assert page.warning[0].value.startswith("No máximo 3 documentos")
    page.button(key="chat remove document 0").click().run()
    click(page, "Tentar de novo")
    assert page.warning[0].value.startswith("Os documentos e as fotos")
    page.button(key="chat remove document 0").click().run()
    click(page, "Tentar de novo")
    assert [len(call.body["documents"]) for call in _sent(api)] == [2]
