"""Conversations as their callers see them: turns, photos, the model's requests, and stored data."""

import json
from typing import Any

import msgspec
import pytest

from lambda_src.chatbot import prompt
from lambda_src.chatbot.models import (
    AddTurn,
    Answer,
    ChangeConversation,
    ConversationQuery,
    CreateConversation,
    DeleteQuery,
    SendMessage,
)
from lambda_src.chatbot.routes import ROUTES
from lambda_src.chatbot.service import MAX_ANSWER_TOKENS
from lambda_src.shared.errors import (
    Conflict,
    InvalidRequest,
    ModelFailed,
    NotFound,
    Refused,
    TooLarge,
    Unavailable,
)
from lambda_src.shared.http import Api
from lambda_src.shared.photos import MAX_PHOTO_BYTES, Photo
from lambda_src.shared.schemas import ListQuery, Parameters
from tests.fakes import (
    CALLER,
    OTHER,
    FakeStream,
    LambdaContext,
    client_error,
    converse_answer,
    event,
    kept_responses_erased,
    png,
)
from tests.lambda_src.chatbot.world import HAIKU, LLAMA, MICRO, NOVA, ChatContext, Killer, World, sent

UNKNOWN = "00000000-0000-7000-8000-000000000000"


def photo(data: bytes = png()) -> Photo:
    return Photo(content_type="image/png", data=data)


def ask(world: World, conversation: str, *photos: Photo, text: str = "Why?") -> Answer:
    world.model.queue.append(converse_answer("Because."))
    body = SendMessage(text=text, photos=list(photos))
    return world.service().send_message(ChatContext(), id=conversation, body=body)


def last_request(world: World) -> dict[str, Any]:
    return world.model.requests[-1]


def test_a_conversation_is_created_read_changed_and_listed() -> None:
    world = World()
    service = world.service()
    body = CreateConversation(title=" Pumps \n and seals ", instructions="Be brief.", model="amazon.nova-lite-v1:0")

    created = service.create_conversation(ChatContext(), body=body)

    assert (created.title, created.instructions, created.model, created.message_count) == (
        "Pumps and seals",
        "Be brief.",
        NOVA,
        0,
    )
    assert msgspec.structs.asdict(service.get_conversation(ChatContext(), id=created.id)) == msgspec.structs.asdict(
        created
    )
    world.now += 60
    changed = service.change_conversation(
        ChatContext(), id=created.id, body=ChangeConversation(title="Pumps", model=HAIKU)
    )
    assert (changed.title, changed.model, changed.instructions) == ("Pumps", HAIKU, "Be brief.")
    assert changed.updated_at > created.updated_at == changed.created_at
    second = world.create()
    listed = service.list_conversations(ChatContext(), query=ConversationQuery())
    assert [item.id for item in listed.items] == [second, created.id]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"model": "other"}, "body.model"),
        ({"parameters": Parameters(top_k=5), "model": LLAMA}, "body.parameters.topK"),
        ({"parameters": Parameters(max_tokens=MAX_ANSWER_TOKENS + 1)}, "body.parameters.maxTokens"),
    ],
)
def test_an_invalid_conversation_is_not_created(body: dict[str, Any], path: str) -> None:
    world = World()
    with pytest.raises(InvalidRequest) as error:
        world.create(**body)
    assert [detail["path"] for detail in error.value.details or []] == [path]
    assert not world.table.items


@pytest.mark.parametrize("body", [{}, {"model": "other"}])
def test_an_invalid_change_is_refused(body: dict[str, Any]) -> None:
    world = World()
    conversation = world.create()
    with pytest.raises(InvalidRequest):
        world.service().change_conversation(ChatContext(), id=conversation, body=ChangeConversation(**body))


def test_turns_have_the_history_and_are_listed_newest_first() -> None:
    world = World()
    conversation = world.create(instructions="Be brief.")
    first = world.send(conversation, "Who?", "Ana.")
    second = world.send(conversation, "When?", "In March.")

    assert (first.message.role, first.message.text, first.stop_reason) == ("assistant", "Ana.", "end_turn")
    assert (second.model, second.usage.input_tokens, second.usage.output_tokens) == (HAIKU, 10, 5)
    request = last_request(world)
    texts = [(message["role"], message["content"][0]["text"]) for message in request["messages"]]
    assert texts == [("user", "Who?"), ("assistant", "Ana."), ("user", "When?")]
    assert request["system"][0] == {"text": "Be brief."}
    assert request["inferenceConfig"] == {"maxTokens": 1000}
    world.assert_complete(conversation, 2)

    page = world.service().list_messages(ChatContext(), id=conversation, query=ListQuery(limit=3))
    assert [item.text for item in page.items] == ["In March.", "When?", "Ana."]
    rest = world.service().list_messages(
        ChatContext(), id=conversation, query=ListQuery(limit=3, cursor=str(page.next_cursor))
    )
    assert [item.text for item in rest.items] == ["Who?"]
    with pytest.raises(InvalidRequest):
        world.service().list_messages(ChatContext(), id=conversation, query=ListQuery(cursor=UNKNOWN))


def test_a_stream_has_the_pieces_and_then_the_stored_turn() -> None:
    world = World(converse_answer("It is the seal."))
    conversation = world.create()

    *pieces, answer = world.service().stream_message(ChatContext(), id=conversation, body=SendMessage(text="Why?"))

    assert isinstance(answer, Answer)
    assert len(pieces) > 1
    assert "".join(map(str, pieces)) == answer.message.text == "It is the seal."
    assert [message.text for message in world.messages(conversation)] == ["Why?", "It is the seal."]
    assert world.model.streams[0].closed


@pytest.mark.parametrize("read", [0, 1, 2, 3])
def test_closing_a_stream_stops_the_model_and_stores_nothing(read: int) -> None:
    world = World(converse_answer("It is the seal."))
    conversation = world.create()
    pieces: Any = world.service().stream_message(ChatContext(), id=conversation, body=SendMessage(text="Why?"))
    for _ in range(read):
        assert isinstance(next(pieces), str)

    pieces.close()

    assert world.model.streams[0].closed
    world.assert_complete(conversation, 0)


def test_a_broken_stream_is_an_error_and_stores_nothing() -> None:
    world = World(converse_answer("It is the seal."))
    world.model.failure = client_error("ModelStreamErrorException")
    conversation = world.create()
    pieces: Any = world.service().stream_message(ChatContext(), id=conversation, body=SendMessage(text="Why?"))
    assert next(pieces)
    with pytest.raises(ModelFailed, match="failed"):
        next(pieces)
    assert world.model.streams[0].closed
    world.assert_complete(conversation, 0)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (converse_answer(" \n"), ModelFailed),
        (converse_answer("No.", "guardrail_intervened"), Refused),
        (client_error("ModelErrorException"), ModelFailed),
    ],
)
@pytest.mark.parametrize("operation", ["send_message", "stream_message"])
def test_a_failed_answer_stores_nothing(answer: Any, error: type[Exception], operation: str) -> None:
    world = World(answer)
    conversation = world.create()
    with pytest.raises(error):
        list(
            getattr(world.service(), operation)(
                ChatContext(), id=conversation, body=SendMessage(text="Why?", photos=[photo()])
            )
        )
    world.assert_complete(conversation, 0)
    assert not world.bucket.objects


def test_errors_before_the_answer_are_raised_before_the_stream() -> None:
    world = World(client_error("ModelErrorException"))
    conversation = world.create()
    with pytest.raises(ModelFailed):
        world.service().stream_message(ChatContext(), id=conversation, body=SendMessage(text="Why?"))
    with pytest.raises(NotFound):
        world.service().stream_message(ChatContext(), id=UNKNOWN, body=SendMessage(text="Why?"))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"photos": [photo(b"GIF89a")]}, InvalidRequest),
        ({"photos": [photo(png() + b"\0" * MAX_PHOTO_BYTES)]}, TooLarge),
    ],
)
def test_an_invalid_message_calls_no_model(body: dict[str, Any], error: type[Exception]) -> None:
    world = World()
    conversation = world.create()
    with pytest.raises(error):
        world.service().send_message(ChatContext(), id=conversation, body=SendMessage(**{"text": "Why?", **body}))
    assert not world.model.requests


def test_a_text_only_model_refuses_photos_and_gets_placeholders_for_old_ones() -> None:
    world = World()
    conversation = world.create()
    ask(world, conversation, photo(), text="What is this?")
    world.service().change_conversation(ChatContext(), id=conversation, body=ChangeConversation(model=MICRO))

    with pytest.raises(InvalidRequest, match="takes no photos"):
        ask(world, conversation, photo())
    world.model.queue.clear()
    ask(world, conversation)

    assert last_request(world)["messages"][0]["content"] == [{"text": "[photo]"}, {"text": "What is this?"}]


def test_photos_are_stored_listed_and_sent_again() -> None:
    world = World()
    conversation = world.create()
    data = b"\xff\xd8\xff\xe0 jpeg"
    ask(world, conversation, photo(data), text="What is this?")
    first = last_request(world)["messages"][0]["content"]
    ask(world, conversation)

    assert first[0] == {"image": {"format": "jpeg", "source": {"bytes": data}}}
    assert last_request(world)["messages"][0]["content"] == first
    (key,) = world.bucket.objects
    assert key.startswith(f"photos/{conversation}/")
    shown = world.service().list_messages(ChatContext(), id=conversation, query=ListQuery()).items[-1].photos
    assert isinstance(shown, list)
    (link,) = shown
    assert (link.content_type, link.url) == ("image/jpeg", f"https://bucket.example/{key}?expires=3600")
    assert link.url_expires_at == "2027-01-15T09:00:00.010Z"


def test_only_the_newest_photos_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt, "MAX_PHOTOS", 4)
    world = World()
    conversation = world.create()
    same = photo()
    for number in range(2):
        ask(world, conversation, same, photo(png(2 + number, 9)))
    ask(world, conversation, photo(png(9, 9)))

    contents = [list(block) for message in last_request(world)["messages"] for block in message["content"]]
    assert contents.count(["image"]) == 4
    assert last_request(world)["messages"][0]["content"][0] == {"text": "[photo]"}


def test_photos_beyond_eight_megabytes_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    conversation = world.create()
    large_photos = [photo(png(2, 2 + number) + b"\0" * (3 * 1024 * 1024)) for number in range(3)]
    for large_photo in large_photos:
        ask(world, conversation, large_photo)
    contents = [list(block) for message in last_request(world)["messages"] for block in message["content"]]
    assert contents.count(["image"]) == 2


def test_a_missing_photo_has_a_placeholder() -> None:
    world = World()
    conversation = world.create()
    ask(world, conversation, photo())
    world.bucket.objects.clear()
    ask(world, conversation)
    assert last_request(world)["messages"][0]["content"][0] == {"text": "[photo]"}


def test_the_guardrail_screens_the_new_message_only() -> None:
    world = World({"action": "NONE"}, guardrail_id="g", guardrail_version="1")
    conversation = world.create(instructions="Be brief.")
    ask(world, conversation, text="Who?")
    ask(world, conversation, photo(), text="When?")

    request = last_request(world)
    assert request["guardrailConfig"]["guardrailIdentifier"] == "g"
    assert request["messages"][0]["content"] == [{"text": "Who?"}]
    assert request["messages"][-1]["content"][1] == {"guardContent": {"text": {"text": "When?"}}}
    assert request["system"][0] == {"text": "Be brief."}


@pytest.mark.parametrize("operation", ["send_message", "stream_message"])
def test_what_the_guardrail_masks_in_a_message_reaches_no_later_turn(operation: str) -> None:
    """History is sent without a guardrail's block."""
    world = World({"action": "NONE"}, guardrail_id="g", guardrail_version="1")
    conversation = world.create(instructions="Be brief.")
    entity = {"type": "EMAIL", "match": "ana@example.com", "action": "ANONYMIZED"}
    assessment = {"sensitiveInformationPolicy": {"piiEntities": [entity]}}
    trace = {"guardrail": {"inputAssessment": {"g": assessment}}}
    masked = {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": "Mail {EMAIL}."}],
        "assessments": [assessment],
    }
    world.model.queue += [{**converse_answer("Done."), "trace": trace}, masked]
    pieces = getattr(world.service(), operation)(
        ChatContext(), id=conversation, body=SendMessage(text="Mail ana@example.com.")
    )
    if operation == "stream_message":
        list(pieces)
    ask(world, conversation, text="Again?")

    assert last_request(world)["messages"][0]["content"] == [{"text": "Mail {EMAIL}."}]
    assert "ana@example.com" not in str(world.table.items)


def test_the_stable_part_of_a_request_has_cache_points() -> None:
    world = World()
    conversation = world.create(instructions="Be brief.")
    ask(world, conversation)
    assert last_request(world)["system"][-1] == prompt.CACHE_POINT
    assert prompt.CACHE_POINT not in last_request(world)["messages"][-1]["content"]
    world.model.cached = 7
    answer = ask(world, conversation)

    request = last_request(world)
    marked = [prompt.CACHE_POINT in message["content"] for message in request["messages"]]
    assert marked == [False, True, False]
    assert answer.usage.cached_input_tokens == 7


def test_a_model_without_prompt_caching_gets_no_cache_points() -> None:
    world = World()
    conversation = world.create(instructions="Be brief.", model=LLAMA)
    ask(world, conversation)
    ask(world, conversation)
    assert "cachePoint" not in str(last_request(world))


def test_usage_omits_zero_cached_tokens() -> None:
    world = World()
    assert ask(world, world.create()).usage.cached_input_tokens is msgspec.UNSET


def test_the_default_model_replaces_one_that_is_no_longer_offered() -> None:
    world = World()
    conversation = world.create(model=HAIKU, parameters=Parameters(top_k=5, temperature=0.5))
    world.settings = msgspec.structs.replace(world.settings, models=(LLAMA,))

    answer = ask(world, conversation)

    assert answer.model == LLAMA
    assert last_request(world)["inferenceConfig"] == {"temperature": 0.5, "maxTokens": 512}
    assert "additionalModelRequestFields" not in last_request(world)


def test_the_first_words_are_shown_until_there_is_a_title() -> None:
    world = World()
    conversation = world.create()
    assert world.service().get_conversation(ChatContext(), id=conversation).title == ""
    world.send(conversation, "Why does pump 4 leak\nat its upper seal whenever it rains for more than a day?")
    shown = world.service().get_conversation(ChatContext(), id=conversation)
    assert shown.title == "Why does pump 4 leak at its upper seal whenever it rains for"
    world.send(conversation, "And now?")
    assert world.service().get_conversation(ChatContext(), id=conversation).title == shown.title


def test_untitled_and_long_conversations_request_maintenance() -> None:
    world = World(window_tokens=400)
    untitled = world.create()
    world.send(untitled)
    assert sent(world) == [{"caller": CALLER, "conversation": untitled}]
    titled = world.create(title="Pumps")
    world.send(titled)
    assert len(sent(world)) == 1
    world.send(titled, "x" * 1_500)
    assert sent(world)[1:] == [{"caller": CALLER, "conversation": titled}]


def test_an_unreachable_queue_does_not_change_the_answer() -> None:
    world = World()
    world.sqs.fail = client_error("ServiceUnavailable")
    conversation = world.create()
    assert world.send(conversation).message.text == "Because."
    world.assert_complete(conversation, 1)


def test_a_deleted_conversation_is_not_found() -> None:
    world = World()
    conversation = world.create()
    world.send(conversation)
    service = world.service()

    service.delete_conversation(ChatContext(), id=conversation)
    service.delete_conversation(ChatContext(), id=conversation)

    assert kept_responses_erased(world.table, conversation)
    assert sent(world)[1:] == [{"caller": CALLER, "conversation": conversation}] * 2
    assert_not_found(world, conversation)
    with pytest.raises(NotFound):
        service.delete_conversation(ChatContext(), id=UNKNOWN)


def test_a_conversation_with_messages_is_not_deleted_as_an_empty_one() -> None:
    world = World()
    empty, used = world.create(), world.create()
    world.send(used)
    service, query = world.service(), DeleteQuery(only_empty="true")

    with pytest.raises(Conflict):
        service.delete_conversation(ChatContext(), id=used, query=query)
    service.delete_conversation(ChatContext(), id=empty, query=query)
    service.delete_conversation(ChatContext(), id=empty, query=query)

    world.assert_complete(used, 1)
    listed = service.list_conversations(ChatContext(), query=ConversationQuery()).items
    assert [each.id for each in listed] == [used]
    with pytest.raises(NotFound):
        service.delete_conversation(ChatContext(), id=UNKNOWN, query=query)


def test_a_deletion_whose_message_failed_can_be_retried() -> None:
    world = World()
    conversation = world.create()
    world.sqs.fail = client_error("ServiceUnavailable")
    with pytest.raises(Unavailable):
        world.service().delete_conversation(ChatContext(), id=conversation)
    world.sqs.fail = None
    world.service().delete_conversation(ChatContext(), id=conversation)
    assert len(sent(world)) == 1


def test_an_expired_conversation_is_not_found() -> None:
    world = World(retention_days=2)
    conversation = world.create()
    world.send(conversation)
    assert {item.get("expiresAt", {}).get("N") for item in world.table.items.values()} == {"1800172800"}
    shown = world.service().get_conversation(ChatContext(), id=conversation)
    assert shown.expires_at == "2027-01-17T08:00:00.000Z"
    world.now += 2 * 24 * 3600
    assert_not_found(world, conversation)
    with pytest.raises(NotFound):
        world.service().delete_conversation(ChatContext(), id=conversation)


def assert_not_found(world: World, conversation: str) -> None:
    """No route finds the conversation, although its items still exist."""
    calls = len(world.model.requests)
    service = world.service()
    message, change = SendMessage(text="Why?"), ChangeConversation(title="a")
    for call in (
        lambda: service.get_conversation(ChatContext(), id=conversation),
        lambda: service.change_conversation(ChatContext(), id=conversation, body=change),
        lambda: service.list_messages(ChatContext(), id=conversation, query=ListQuery()),
        lambda: service.send_message(ChatContext(), id=conversation, body=message),
        lambda: service.stream_message(ChatContext(), id=conversation, body=message),
    ):
        with pytest.raises(NotFound):
            call()
    assert service.list_conversations(ChatContext(), query=ConversationQuery()).items == []
    assert len(world.model.requests) == calls


def test_pages_skip_deleted_conversations_and_stay_full() -> None:
    world = World()
    conversations = [world.create(title=str(number)) for number in range(9)]
    for number in (8, 7, 5, 3):
        world.service().delete_conversation(ChatContext(), id=conversations[number])
    pages, cursor = [], None
    while True:
        page = world.service().list_conversations(ChatContext(), query=ConversationQuery(limit=2, cursor=cursor))
        pages.append([item.title for item in page.items])
        if page.next_cursor is msgspec.UNSET:
            break
        cursor = str(page.next_cursor)
    assert pages == [["6", "4"], ["2", "1"], ["0"]]


def test_the_second_of_two_turns_is_a_conflict() -> None:
    world = World()
    conversation = world.create()

    def other_first(request: dict[str, Any]) -> Any:
        world.send(conversation, "Me first.", "So be it.")
        return converse_answer("Because.")

    with pytest.raises(Conflict):
        world.send(conversation, "Why?", other_first)
    world.assert_complete(conversation, 1)
    assert world.messages(conversation)[0].text == "Me first."


def test_a_turn_that_cannot_be_written_calls_no_model() -> None:
    world = World()
    conversation = world.create()

    def interruption() -> None:
        world.killer = Killer()
        world.send(conversation)

    # Between reading the conversation and reading its messages.
    world.killer = Killer(2, interruption=interruption)
    with pytest.raises(Conflict):
        world.service().send_message(ChatContext(), id=conversation, body=SendMessage(text="Why?"))
    assert len(world.model.requests) == 1
    world.assert_complete(conversation, 1)


def test_a_conversation_deleted_during_a_turn_is_not_found() -> None:
    world = World()
    conversation = world.create()

    def deleted_first(request: dict[str, Any]) -> Any:
        world.service().delete_conversation(ChatContext(), id=conversation)
        return converse_answer("Because.")

    with pytest.raises(NotFound):
        world.send(conversation, "Why?", deleted_first)
    world.assert_complete(conversation, 0)


def test_a_transient_transaction_conflict_is_retried() -> None:
    world = World()
    conversation = world.create()
    reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}, {"Code": "None"}]
    failures = [reasons]
    write = world.table.transact_write_items

    def busy(**request: Any) -> None:
        if failures:
            error = client_error("TransactionCanceledException")
            error.response["CancellationReasons"] = failures.pop()  # type: ignore[typeddict-item]
            raise error
        write(**request)

    world.table.transact_write_items = busy  # type: ignore[method-assign]
    assert world.send(conversation).message.text == "Because."
    failures[:] = [reasons] * 3
    with pytest.raises(Conflict):
        world.send(conversation)
    failures[:] = [[{"Code": "ThrottlingError"}, {"Code": "None"}, {"Code": "None"}]]
    with pytest.raises(Unavailable):
        world.send(conversation)
    world.assert_complete(conversation, 1)


def test_another_callers_conversation_is_not_found() -> None:
    world = World()
    conversation = world.create()
    world.send(conversation)
    service, other = world.service(), ChatContext(OTHER)
    for call in (
        lambda: service.get_conversation(other, id=conversation),
        lambda: service.change_conversation(other, id=conversation, body=ChangeConversation(title="mine")),
        lambda: service.list_messages(other, id=conversation, query=ListQuery()),
        lambda: service.send_message(other, id=conversation, body=SendMessage(text="Why?")),
        lambda: service.delete_conversation(other, id=conversation),
    ):
        with pytest.raises(NotFound):
            call()
    assert service.list_conversations(other, query=ConversationQuery()).items == []
    world.assert_complete(conversation, 1)


@pytest.mark.parametrize("logged", [False, True])
def test_payloads_are_logged_only_if_enabled(logged: bool, caplog: pytest.LogCaptureFixture) -> None:
    world = World(payload_logging=logged)
    with caplog.at_level("INFO"):
        world.send(world.create(), "a secret question", "a secret answer")
    assert ("secret" in str([vars(record) for record in caplog.records])) == logged


def test_json_names() -> None:
    world = World()
    api = Api(ROUTES, world.service(), world.settings)
    answer = api(event("PATCH", "/conversations/{id}", {"title": "a"}, path={"id": UNKNOWN}), LambdaContext())
    assert answer["statusCode"] == 404
    conversation = world.create(parameters=Parameters(top_p=0.5))
    response = api(event("GET", "/conversations/{id}", path={"id": conversation}), LambdaContext())
    assert set(json.loads(response["body"])) == {
        *("id", "title", "model", "parameters", "createdAt", "updatedAt", "messageCount", "requestId")
    }
    assert json.loads(response["body"])["parameters"] == {"topP": 0.5}
    deleted = api(event("DELETE", "/conversations/{id}", path={"id": conversation}), LambdaContext())
    assert (deleted["statusCode"], deleted["body"]) == (204, "")


def test_requests_with_one_key_create_one_conversation() -> None:
    world = World()
    body = CreateConversation(title="a")
    first = world.request("key", "create_conversation", body)
    assert first[0] == 201
    assert world.request("key", "create_conversation", body) == first
    assert len(world.service().list_conversations(ChatContext(), query=ConversationQuery()).items) == 1


@pytest.mark.parametrize("operation", ["send_message", "stream_message"])
def test_requests_with_one_key_add_one_turn(operation: str) -> None:
    world = World(converse_answer("It is the seal."))
    conversation = world.create()
    first = world.request("key", operation, SendMessage(text="Why?"), conversation)
    assert first[1]["message"]["text"] == "It is the seal."
    assert world.request("key", operation, SendMessage(text="Why?"), conversation) == first
    world.assert_complete(conversation, 1)


@pytest.mark.parametrize("operation", ["send_message", "stream_message"])
def test_a_failed_turn_releases_its_key(operation: str) -> None:
    world = World(converse_answer(" "), converse_answer("It is the seal."))
    conversation = world.create()
    body = SendMessage(text="Why?")
    assert world.request("key", operation, body, conversation)[1]["error"]["code"] == "model_error"
    assert world.request("key", operation, body, conversation)[1]["message"]["text"] == "It is the seal."
    world.assert_complete(conversation, 1)


def test_an_added_turn_is_part_of_the_history() -> None:
    world = World(converse_answer("Ana."))
    conversation = world.create()
    body = AddTurn(user="My name is Ana.", assistant="Hello Ana.")
    status, created = world.request("key", "add_turn", body, conversation)
    assert (status, [item["role"] for item in created["items"]]) == (201, ["user", "assistant"])
    assert world.request("key", "add_turn", body, conversation) == (201, created)
    world.assert_complete(conversation, 1)
    assert world.conversation(conversation).preview == "My name is Ana."
    world.service().send_message(ChatContext(), id=conversation, body=SendMessage(text="Who am I?"))
    (request,) = world.model.requests
    assert [block["text"] for message in request["messages"] for block in message["content"] if "text" in block] == [
        "My name is Ana.",
        "Hello Ana.",
        "Who am I?",
    ]


def test_an_added_turn_is_screened() -> None:
    """Both texts are screened, because later turns screen their new message only."""
    world = World(BLOCKED, guardrail_id="g", guardrail_version="1")
    conversation = world.create()
    with pytest.raises(Refused):
        world.service().add_turn(ChatContext(), id=conversation, body=AddTurn(user="a", assistant="b"))
    assert screened_texts(world) == [["a", "b"]]
    world.assert_complete(conversation, 0)


def test_title_and_instructions_are_screened_once_and_stored_masked() -> None:
    outputs = [{"text": "For {EMAIL}"}, {"text": "Answer {EMAIL}."}]
    masked = {**BLOCKED, "outputs": outputs, "assessments": [{"piiEntities": [{"action": "ANONYMIZED"}]}]}
    world = World(masked, guardrail_id="g", guardrail_version="1")
    conversation = world.create(title="For a@b.org", instructions="Answer a@b.org.")

    assert screened_texts(world) == [["For a@b.org", "Answer a@b.org."]]
    assert world.conversation(conversation).title == "For {EMAIL}"
    ask(world, conversation)
    assert last_request(world)["system"][0] == {"text": "Answer {EMAIL}."}


def test_a_refused_title_changes_nothing() -> None:
    world = World(BLOCKED, guardrail_id="g", guardrail_version="1")
    conversation = world.create()
    with pytest.raises(Refused):
        world.service().change_conversation(ChatContext(), id=conversation, body=ChangeConversation(title="bad"))
    assert world.conversation(conversation).title is None


BLOCKED = {"action": "GUARDRAIL_INTERVENED", "assessments": [{"wordPolicy": {"action": "BLOCKED"}}], "outputs": []}


def screened_texts(world: World) -> list[list[str]]:
    """The texts of each call to ApplyGuardrail."""
    calls = [request["content"] for request in world.model.requests if "content" in request]
    return [[block["text"]["text"] for block in content] for content in calls]


ENDED = client_error("ResourceNotFoundException")


@pytest.mark.parametrize("operation", ["send_message", "stream_message"])
def test_an_answer_names_the_fallback_that_gave_it_and_the_conversation_keeps_its_model(operation: str) -> None:
    world = World(ENDED, converse_answer("It is the seal."), fallbacks=((NOVA, MICRO),))
    conversation = world.create(model=NOVA)

    result = getattr(world.service(), operation)(ChatContext(), id=conversation, body=SendMessage(text="Why?"))

    answer = result if isinstance(result, Answer) else list(result)[-1]
    assert (answer.message.text, answer.model) == ("It is the seal.", MICRO)
    assert answer.usage.input_tokens == 10
    assert world.service().get_conversation(ChatContext(), id=conversation).model == NOVA


def test_a_stream_that_dies_before_its_first_text_is_replaced() -> None:
    world = World(converse_answer("lost"), converse_answer("It is the seal."), fallbacks=((NOVA, MICRO),))
    conversation = world.create(model=NOVA)
    start = world.model.converse_stream

    def die_once(**request: Any) -> Any:
        stream = start(**request)
        return {"stream": FakeStream([])} if len(world.model.requests) == 1 else stream

    world.model.converse_stream = die_once  # type: ignore[method-assign]
    *pieces, answer = world.service().stream_message(ChatContext(), id=conversation, body=SendMessage(text="Why?"))

    assert ("".join(map(str, pieces)), answer.model) == ("It is the seal.", MICRO)  # type: ignore[union-attr]
    assert [message.text for message in world.messages(conversation)] == ["Why?", "It is the seal."]


def test_a_fallback_gets_no_photos_and_no_parameters_that_it_does_not_take() -> None:
    world = World(ENDED, converse_answer("a"), ENDED, converse_answer("b"), fallbacks=((HAIKU, LLAMA, NOVA),))
    plain = world.create(model=HAIKU)
    with_parameters = world.create(model=HAIKU, parameters=Parameters(top_k=5))

    body = SendMessage(text="Why?", photos=[photo()])
    assert world.service().send_message(ChatContext(), id=plain, body=body).model == NOVA
    body = SendMessage(text="Why?")
    assert world.service().send_message(ChatContext(), id=with_parameters, body=body).model == NOVA
    assert [request["modelId"] for request in world.model.requests] == [HAIKU, NOVA] * 2


def test_a_store_that_fails_is_no_failure_of_the_model() -> None:
    world = World(converse_answer("Because."), fallbacks=((NOVA, MICRO),))
    conversation = world.create(model=NOVA)
    body = SendMessage(text="Why?", photos=[photo()])
    world.service().send_message(ChatContext(), id=conversation, body=body)
    world.model.requests.clear()

    def fail(**_: Any) -> None:
        raise client_error("InternalError")

    world.bucket.get_object = fail  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        world.send(conversation)
    assert world.model.requests == []
