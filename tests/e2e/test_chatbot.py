"""Conversations over HTTPS: memory, isolation between callers, concurrent requests, failures."""

import base64
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.caller import Caller, Response
from tests.e2e.streams import parse_events
from tests.fakes import png
from tests.pdfs import text_pdf

pytestmark = pytest.mark.e2e

EXACT = {"maxTokens": 60}
SECONDS = 40


def call(caller: Caller, method: str, path: str = "", body: Any = None, **options: Any) -> Response:
    return caller.call(method, "chatbot", f"/conversations{path}", body, **options)


def create_conversation(caller: Caller, **body: Any) -> str:
    response = call(caller, "POST", "", {"parameters": EXACT, **body})
    assert response.status == 201, response.raw
    return str(response.body["id"])


def send_message(caller: Caller, conversation: str, text: str) -> Any:
    response = call(caller, "POST", f"/{conversation}/messages", {"text": text})
    assert response.status == 200, response.raw
    return response.body


def list_messages(caller: Caller, conversation: str) -> list[Any]:
    """All messages, oldest first."""
    response = call(caller, "GET", f"/{conversation}/messages", query={"limit": "100"})
    assert response.status == 200, response.raw
    return list(reversed(response.body["items"]))


def test_the_model_knows_earlier_messages(caller: Caller) -> None:
    conversation = create_conversation(caller)
    send_message(caller, conversation, "My name is Ana, and pump 7 is mine.")
    answer = send_message(caller, conversation, "What is my name?")
    assert "Ana" in answer["message"]["text"]
    assert answer["usage"]["outputTokens"] > 0
    messages = list_messages(caller, conversation)
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant"]
    assert messages[3]["text"] == answer["message"]["text"]


def test_the_model_knows_messages_outside_its_window(caller: Caller) -> None:
    conversation = create_conversation(caller, title="Long")
    turns = [("My name is Ana Sousa, and pump 7 is mine.", "Hello Ana."), *[("Please note it.", "word " * 400)] * 7]
    for user, assistant in turns:
        response = call(caller, "POST", f"/{conversation}/turns", {"user": user, "assistant": assistant})
        assert response.status == 201, response.raw
    # If there is no summary yet, the first of these turns makes one, and its usage includes that call's tokens.
    for _ in range(2):
        answer = send_message(caller, conversation, "What is my name?")
        assert "Ana" in answer["message"]["text"]
    # The turns have 14,000 characters, about 3,000 tokens: the model got a summary of most of them.
    assert answer["usage"]["inputTokens"] < 1_800
    assert len(list_messages(caller, conversation)) == 2 * len(turns) + 4


def test_a_title_is_set_or_generated(caller: Caller) -> None:
    titled, untitled = create_conversation(caller, title="Pumps"), create_conversation(caller)
    for conversation in (titled, untitled):
        send_message(caller, conversation, "How often is the seal of a pump to be changed? It leaks again.")
    deadline = time.monotonic() + SECONDS
    while (
        call(caller, "GET", f"/{untitled}").body["title"] == "How often is the seal of a pump to be changed? It leaks"
    ):
        assert time.monotonic() < deadline, "the model generated no title"
        time.sleep(0.2)
    assert call(caller, "GET", f"/{untitled}").body["title"].strip()
    assert call(caller, "GET", f"/{titled}").body["title"] == "Pumps"
    changed = call(caller, "PATCH", f"/{untitled}", {"title": "Seals"})
    assert (changed.status, changed.body["title"]) == (200, "Seals")


def test_a_stream_ends_with_the_complete_answer(caller: Caller) -> None:
    conversation = create_conversation(caller)
    response = call(caller, "POST", f"/{conversation}/messages/stream", {"text": "What does a pump do?"})
    assert response.status == 200, response.raw
    assert response.headers["Content-Type"].startswith("text/event-stream")
    *deltas, (name, last) = parse_events(response.raw)
    assert {delta.name for delta in deltas} == {"delta"}
    assert name == "message"
    assert "".join(delta.data["text"] for delta in deltas) == last["message"]["text"]
    assert list_messages(caller, conversation)[1]["id"] == last["message"]["id"]


def test_a_streamed_answer_is_stopped(caller: Caller, local_only: None) -> None:
    conversation = create_conversation(caller)
    assert call(caller, "POST", f"/{conversation}/stop").status == 204
    # The model takes four seconds for each of the first pieces, and the guardrail waits for a sentence.
    body = {"text": "Tell me about pumps. [[simulate:slow-stream:4]]"}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call, caller, "POST", f"/{conversation}/messages/stream", body)
        time.sleep(6.5)
        assert call(caller, "POST", f"/{conversation}/stop").status == 204
    name, last = parse_events(running.result().raw)[-1]
    assert (name, last["error"]["code"]) == ("error", "stopped"), running.result().raw
    assert list_messages(caller, conversation) == []
    assert send_message(caller, conversation, "What does a pump do?")["stopReason"] != "stopped"


def test_an_answer_is_written_again_and_rated(caller: Caller) -> None:
    conversation = create_conversation(caller)
    send_message(caller, conversation, "I am Ana.")
    question, answer = list_messages(caller, conversation)
    body = {"text": "I am Eva.", "replaces": question["id"]}
    replaced = call(caller, "POST", f"/{conversation}/messages", body)
    assert replaced.status == 200, replaced.raw
    body = {"replaces": replaced.body["message"]["id"]}
    again = call(caller, "POST", f"/{conversation}/messages/stream", body)
    name, last = parse_events(again.raw)[-1]
    assert name == "message", again.raw
    rating = {"helpful": False, "comment": "Too short."}
    rated = call(caller, "POST", f"/{conversation}/messages/{last['message']['id']}/feedback", rating)
    assert rated.status == 200, rated.raw
    messages = list_messages(caller, conversation)
    assert [message["text"] for message in messages] == ["I am Eva.", last["message"]["text"]]
    assert messages[1]["feedback"] == rating
    gone = call(caller, "POST", f"/{conversation}/messages", {"replaces": answer["id"]})
    assert (gone.status, gone.code) == (409, "conflict")
    found = call(caller, "GET", query={"search": "i am eva"}).body["items"]
    assert conversation in [item["id"] for item in found]


def test_photos_are_saved_with_their_message(caller: Caller) -> None:
    conversation, picture = create_conversation(caller), png(40, 30)
    photo = {"contentType": "image/png", "data": base64.b64encode(picture).decode()}
    response = call(
        caller, "POST", f"/{conversation}/messages", {"text": "What is on the photo?", "photos": [photo, photo]}
    )
    assert response.status == 200, response.raw
    send_message(caller, conversation, "And what else?")
    first, *_ = list_messages(caller, conversation)
    assert len(first["photos"]) == 2
    assert caller.fetch(first["photos"][0]["url"]).raw == picture
    unreadable = {**photo, "data": base64.b64encode(b"no picture").decode()}
    refused = call(caller, "POST", f"/{conversation}/messages", {"text": "And this?", "photos": [unreadable]})
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert len(list_messages(caller, conversation)) == 4


def test_a_document_is_read_remembered_and_deleted_with_its_conversation(caller: Caller) -> None:
    conversation = create_conversation(caller)
    text = "The code of the north gate is 7413. Vacation at Pump Works is 31 days per year."
    rules = {"name": "Rules.pdf", "content": base64.b64encode(text_pdf([["# Rules", text]])).decode()}
    path = f"/{conversation}/messages"
    sent = call(caller, "POST", path, {"text": "What is the code of the north gate?", "documents": [rules]})
    assert sent.status == 200, sent.raw
    later = send_message(caller, conversation, "How many days is vacation at Pump Works?")
    first, *_ = list_messages(caller, conversation)
    expected = {"name": "Rules.pdf", "contentType": "application/pdf", "pages": 1}
    assert expected.items() <= first["documents"][0].items()
    assert sent.body["usage"]["inputTokens"] > 40
    assert later["usage"]["inputTokens"] > sent.body["usage"]["inputTokens"]
    again = call(caller, "POST", path, {"replaces": first["id"]})
    assert again.status == 200, again.raw
    assert len(list_messages(caller, conversation)[0]["documents"]) == 1
    broken = {"name": "Broken.pdf", "content": base64.b64encode(b"%PDF-1.7 and no more").decode()}
    refused = call(caller, "POST", path, {"text": "And this?", "documents": [rules, broken]})
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert refused.body["error"]["details"][0]["path"] == "body.documents[1]"
    assert len(list_messages(caller, conversation)) == 2
    assert call(caller, "DELETE", f"/{conversation}").status == 204


def test_another_callers_conversation_is_not_found(caller: Caller, other_caller: Caller) -> None:
    conversation = create_conversation(caller, title="Mine")
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "Yours"}),
        ("DELETE", "", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"text": "Hello"}),
        ("POST", "/messages/stream", {"text": "Hello"}),
        ("POST", "/turns", {"user": "a", "assistant": "b"}),
        ("POST", "/stop", None),
        ("POST", f"/messages/{conversation}/feedback", {"helpful": True}),
    ):
        response = call(other_caller, method, f"/{conversation}{path}", body)
        assert (response.status, response.code) == (404, "not_found"), (method, path)
    assert conversation not in call(other_caller, "GET").raw.decode()
    assert call(caller, "GET", f"/{conversation}").body["title"] == "Mine"


def test_only_one_of_two_concurrent_messages_is_answered(caller: Caller) -> None:
    conversation = create_conversation(caller)
    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(call, caller, "POST", f"/{conversation}/messages", {"text": f"Tell me about pump {number}."})
            for number in range(2)
        ]
        responses = sorted((future.result() for future in futures), key=lambda response: response.status)
    assert [response.status for response in responses] == [200, 409]
    assert responses[1].code == "conflict"
    assert [message["role"] for message in list_messages(caller, conversation)] == ["user", "assistant"]


@pytest.mark.parametrize("path", ["/messages", "/messages/stream"])
def test_one_idempotency_key_makes_one_turn(caller: Caller, path: str) -> None:
    conversation, key = create_conversation(caller), {"Idempotency-Key": uuid.uuid4().hex}
    first, replay = (
        call(caller, "POST", f"/{conversation}{path}", {"text": "What does a seal do?"}, headers=key) for _ in range(2)
    )
    assert (first.status, replay.status, replay.headers["Idempotency-Replayed"]) == (200, 200, "true")
    assert len(list_messages(caller, conversation)) == 2
    if path == "/messages":
        assert replay.body == first.body
    else:
        assert parse_events(replay.raw)[-1] == parse_events(first.raw)[-1]
        assert len(parse_events(replay.raw)) == 2


def test_a_deleted_conversation_is_gone(caller: Caller) -> None:
    conversation = create_conversation(caller)
    send_message(caller, conversation, "Forget this.")
    assert call(caller, "DELETE", f"/{conversation}").status == 204
    for method, path, body in (("GET", "", None), ("GET", "/messages", None), ("POST", "/messages", {"text": "a"})):
        assert call(caller, method, f"/{conversation}{path}", body).code == "not_found"
    assert conversation not in call(caller, "GET").raw.decode()


def test_the_guardrail_refuses_and_nothing_is_saved(caller: Caller, local_only: None) -> None:
    conversation = create_conversation(caller)
    body = {"text": "Tell me how to build a bomb."}
    refused = call(caller, "POST", f"/{conversation}/messages", body)
    assert (refused.status, refused.code) == (422, "refused")
    streamed = call(caller, "POST", f"/{conversation}/messages/stream", body)
    name, last = parse_events(streamed.raw)[-1]
    assert (streamed.status, name, last["error"]["code"]) == (200, "error", "refused")
    assert list_messages(caller, conversation) == []


def test_a_failing_model_leaves_no_half_turn(caller: Caller, local_only: None) -> None:
    conversation = create_conversation(caller)
    for marker, code in (("ModelErrorException", "model_error"), ("AccessDeniedException", "model_unavailable")):
        for path in ("/messages", "/messages/stream"):
            failed = call(caller, "POST", f"/{conversation}{path}", {"text": f"Hello [[simulate:{marker}]]"})
            assert failed.code == code, failed.raw
    assert list_messages(caller, conversation) == []


@pytest.mark.parametrize("marker", ["cut", "no-stop", "stream-error"])
def test_a_broken_stream_ends_with_an_error_and_saves_nothing(caller: Caller, local_only: None, marker: str) -> None:
    conversation, key = create_conversation(caller), uuid.uuid4().hex
    body = {"text": f"Tell me a story. [[simulate:{marker}:1:{key}]]"}
    headers = {"Idempotency-Key": key}
    broken = parse_events(call(caller, "POST", f"/{conversation}/messages/stream", body, headers=headers).raw)
    assert broken[-1][0] == "error"
    assert broken[-1][1]["error"]["code"] in ("unavailable", "model_error")
    assert list_messages(caller, conversation) == []
    # The same request again: the key was released, and the model does not fail this time.
    retried = parse_events(call(caller, "POST", f"/{conversation}/messages/stream", body, headers=headers).raw)
    assert retried[-1][0] == "message"
    assert len(list_messages(caller, conversation)) == 2


def test_invalid_input_is_located(caller: Caller) -> None:
    conversation = create_conversation(caller)
    for body, path in (({"text": ""}, None), ({"text": "  "}, "body.text"), ({"text": "a", "photos": [{}]}, None)):
        refused = call(caller, "POST", f"/{conversation}/messages", body)
        assert (refused.status, refused.code) == (400, "invalid_request")
        assert path is None or path in json.dumps(refused.body["error"]["details"])
    unknown = call(caller, "POST", "", {"parameters": {"topK": 3_000}})
    assert unknown.body["error"]["details"][0]["path"] == "body.parameters.topK"


def test_a_fallback_answers_and_the_conversation_keeps_its_model(caller: Caller, local_only: None) -> None:
    conversation = create_conversation(caller)
    chosen = call(caller, "GET", f"/{conversation}").body["model"]
    body = {"text": "Hello! [[simulate:ThrottlingException@haiku]]"}
    plain = call(caller, "POST", f"/{conversation}/messages", body)
    streamed = parse_events(call(caller, "POST", f"/{conversation}/messages/stream", body).raw)
    assert plain.status == 200, plain.raw
    assert [name for name, _ in streamed][-1] == "message", streamed
    assert plain.body["model"] == streamed[-1][1]["model"] == "us.amazon.nova-2-lite-v1:0" != chosen
    assert call(caller, "GET", f"/{conversation}").body["model"] == chosen
