"""Conversations over HTTPS: what is remembered, what is whose, and what a second request at once comes to."""

import base64
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.tools.caller import Answer, Caller
from tests.e2e.streams import events
from tests.fakes import png

pytestmark = pytest.mark.e2e

EXACT = {"temperature": 0, "maxTokens": 60}
SECONDS = 40


def call(caller: Caller, method: str, path: str = "", body: Any = None, **more: Any) -> Answer:
    return caller.call(method, "chatbot", f"/conversations{path}", body, **more)


def begin(caller: Caller, **body: Any) -> str:
    made = call(caller, "POST", "", {"parameters": EXACT, **body})
    assert made.status == 201, made.raw
    return str(made.body["id"])


def say(caller: Caller, conversation: str, text: str, **more: Any) -> Any:
    answered = call(caller, "POST", f"/{conversation}/messages", {"text": text}, **more)
    assert answered.status == 200, answered.raw
    return answered.body


def messages(caller: Caller, conversation: str) -> list[Any]:
    """All of them, oldest first."""
    listed = call(caller, "GET", f"/{conversation}/messages", query={"limit": "100"})
    assert listed.status == 200, listed.raw
    return list(reversed(listed.body["items"]))


def test_it_remembers_what_was_said(caller: Caller) -> None:
    conversation = begin(caller)
    say(caller, conversation, "My name is Ana, and pump 7 is mine.")
    answer = say(caller, conversation, "What is my name?")
    assert "Ana" in answer["message"]["text"]
    assert answer["usage"]["outputTokens"] > 0
    kept = messages(caller, conversation)
    assert [one["role"] for one in kept] == ["user", "assistant", "user", "assistant"]
    assert kept[3]["text"] == answer["message"]["text"]


def test_it_remembers_what_no_longer_fits_into_its_window(caller: Caller) -> None:
    conversation = begin(caller, title="Long")
    turns = [("My name is Ana Sousa, and pump 7 is mine.", "Hello Ana."), *[("Please note it.", "word " * 400)] * 7]
    for user, assistant in turns:
        added = call(caller, "POST", f"/{conversation}/turns", {"user": user, "assistant": assistant})
        assert added.status == 201, added.raw
    # Where nobody has summarized yet, the first of these turns does, and its usage has that call's tokens, too.
    for _ in range(2):
        answer = say(caller, conversation, "What is my name?")
        assert "Ana" in answer["message"]["text"]
    # 14,000 characters were said, about 3,000 tokens by any count: the model was given a summary of most of them.
    assert answer["usage"]["inputTokens"] < 1_800
    assert len(messages(caller, conversation)) == 2 * len(turns) + 4


def test_a_title_is_given_or_made(caller: Caller) -> None:
    given, untitled = begin(caller, title="Pumps"), begin(caller)
    for conversation in (given, untitled):
        say(caller, conversation, "How often is the seal of a pump to be changed? It leaks again.")
    until = time.monotonic() + SECONDS
    while (
        call(caller, "GET", f"/{untitled}").body["title"] == "How often is the seal of a pump to be changed? It leaks"
    ):
        assert time.monotonic() < until, "the model has given no title"
        time.sleep(0.2)
    assert call(caller, "GET", f"/{untitled}").body["title"].strip()
    assert call(caller, "GET", f"/{given}").body["title"] == "Pumps"
    changed = call(caller, "PATCH", f"/{untitled}", {"title": "Seals"})
    assert (changed.status, changed.body["title"]) == (200, "Seals")


def test_a_stream_answers_as_a_message_does(caller: Caller) -> None:
    conversation = begin(caller)
    answered = call(caller, "POST", f"/{conversation}/messages/stream", {"text": "What does a pump do?"})
    assert answered.status == 200, answered.raw
    assert answered.headers["Content-Type"].startswith("text/event-stream")
    *pieces, (name, last) = events(answered.raw)
    assert {kind for kind, _ in pieces} == {"delta"}
    assert name == "message"
    assert "".join(piece["text"] for _, piece in pieces) == last["message"]["text"]
    assert messages(caller, conversation)[1]["id"] == last["message"]["id"]


def test_photos_stay_with_their_message(caller: Caller) -> None:
    conversation, picture = begin(caller), png(40, 30)
    photo = {"contentType": "image/png", "data": base64.b64encode(picture).decode()}
    answered = call(
        caller, "POST", f"/{conversation}/messages", {"text": "What is on the photo?", "photos": [photo, photo]}
    )
    assert answered.status == 200, answered.raw
    say(caller, conversation, "And what else?")
    first, *_ = messages(caller, conversation)
    assert len(first["photos"]) == 2
    assert caller.fetch("GET", first["photos"][0]["url"]).raw == picture
    unreadable = {**photo, "data": base64.b64encode(b"no picture").decode()}
    refused = call(caller, "POST", f"/{conversation}/messages", {"text": "And this?", "photos": [unreadable]})
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert len(messages(caller, conversation)) == 4


def test_another_s_conversation_is_not_there(caller: Caller, neighbour: Caller) -> None:
    conversation = begin(caller, title="Mine")
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "Yours"}),
        ("DELETE", "", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"text": "Hello"}),
        ("POST", "/messages/stream", {"text": "Hello"}),
        ("POST", "/turns", {"user": "a", "assistant": "b"}),
    ):
        answer = call(neighbour, method, f"/{conversation}{path}", body)
        assert (answer.status, answer.code) == (404, "not_found"), (method, path)
    assert conversation not in call(neighbour, "GET").raw.decode()
    assert call(caller, "GET", f"/{conversation}").body["title"] == "Mine"


def test_of_two_messages_at_once_one_is_answered(caller: Caller) -> None:
    conversation = begin(caller)
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(call, caller, "POST", f"/{conversation}/messages", {"text": f"Tell me about pump {number}."})
            for number in range(2)
        ]
        answers = sorted((one.result() for one in both), key=lambda one: one.status)
    assert [one.status for one in answers] == [200, 409]
    assert answers[1].code == "conflict"
    assert [one["role"] for one in messages(caller, conversation)] == ["user", "assistant"]


@pytest.mark.parametrize("path", ["/messages", "/messages/stream"])
def test_a_key_makes_one_turn(caller: Caller, path: str) -> None:
    conversation, key = begin(caller), {"Idempotency-Key": uuid.uuid4().hex}
    first, again = (
        call(caller, "POST", f"/{conversation}{path}", {"text": "What does a seal do?"}, headers=key) for _ in range(2)
    )
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (200, 200, "true")
    assert len(messages(caller, conversation)) == 2
    if path == "/messages":
        assert again.body == first.body
    else:
        assert events(again.raw)[-1] == events(first.raw)[-1]
        assert len(events(again.raw)) == 2


def test_what_is_deleted_is_gone(caller: Caller) -> None:
    conversation = begin(caller)
    say(caller, conversation, "Forget this.")
    assert call(caller, "DELETE", f"/{conversation}").status == 204
    for method, path, body in (("GET", "", None), ("GET", "/messages", None), ("POST", "/messages", {"text": "a"})):
        assert call(caller, method, f"/{conversation}{path}", body).code == "not_found"
    assert conversation not in call(caller, "GET").raw.decode()


def test_the_guardrail_refuses_and_nothing_is_kept(caller: Caller, local_only: None) -> None:
    conversation = begin(caller)
    words = {"text": "Tell me how to build a bomb."}
    refused = call(caller, "POST", f"/{conversation}/messages", words)
    assert (refused.status, refused.code) == (422, "refused")
    streamed = call(caller, "POST", f"/{conversation}/messages/stream", words)
    name, last = events(streamed.raw)[-1]
    assert (streamed.status, name, last["error"]["code"]) == (200, "error", "refused")
    assert messages(caller, conversation) == []


def test_a_model_that_fails_leaves_no_half_turn(caller: Caller, local_only: None) -> None:
    conversation = begin(caller)
    for marker, code in (("ModelErrorException", "model_error"), ("AccessDeniedException", "unavailable")):
        for path in ("/messages", "/messages/stream"):
            failed = call(caller, "POST", f"/{conversation}{path}", {"text": f"Hello [[simulate:{marker}]]"})
            assert failed.code == code, failed.raw
    assert messages(caller, conversation) == []


@pytest.mark.parametrize("marker", ["cut", "no-stop", "stream-error"])
def test_a_stream_that_breaks_says_so_and_leaves_nothing(caller: Caller, local_only: None, marker: str) -> None:
    conversation, key = begin(caller), uuid.uuid4().hex
    body = {"text": f"Tell me a story. [[simulate:{marker}:1:{key}]]"}
    headers = {"Idempotency-Key": key}
    broken = events(call(caller, "POST", f"/{conversation}/messages/stream", body, headers=headers).raw)
    assert broken[-1][0] == "error"
    assert broken[-1][1]["error"]["code"] in ("unavailable", "model_error")
    assert messages(caller, conversation) == []
    # The same request again: the key was given back, and the model does not fail this time.
    mended = events(call(caller, "POST", f"/{conversation}/messages/stream", body, headers=headers).raw)
    assert mended[-1][0] == "message"
    assert len(messages(caller, conversation)) == 2


def test_bad_input_is_told_with_its_place(caller: Caller) -> None:
    conversation = begin(caller)
    for body, path in (({"text": ""}, None), ({"text": "  "}, "body.text"), ({"text": "a", "photos": [{}]}, None)):
        refused = call(caller, "POST", f"/{conversation}/messages", body)
        assert (refused.status, refused.code) == (400, "invalid_request")
        assert path is None or path in json.dumps(refused.body["error"]["details"])
    unknown = call(caller, "POST", "", {"parameters": {"topK": 3_000}})
    assert unknown.body["error"]["details"][0]["path"] == "body.parameters.topK"
