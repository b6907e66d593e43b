"""Chat against the fake: what is sent, what comes back, in one piece and in many."""

import asyncio
from typing import Any

import pytest
from fake import Answer, FakeApis, error, event
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_bedrock_endpoints import ChatBedrockEndpoints, errors


@pytest.fixture
def chat(options: Any) -> ChatBedrockEndpoints:
    return ChatBedrockEndpoints(**options("playground"))


def summed(chunks: list[Any]) -> AIMessageChunk:
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


class TestWhatIsSent:
    def test_a_text_is_a_users_message_and_nothing_else(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        chat.invoke("What is a pump?")

        assert apis.received[0].path == "/p/local/completions"
        assert apis.bodies() == [{"messages": [{"role": "user", "text": "What is a pump?"}]}]

    def test_messages_in_a_row_are_one_and_the_systems_are_instructions(
        self, apis: FakeApis, chat: ChatBedrockEndpoints
    ) -> None:
        chat.invoke(
            [
                SystemMessage("Be brief."),
                SystemMessage("Be kind."),
                HumanMessage("a"),
                HumanMessage("b"),
                AIMessage("c"),
                AIMessage("d"),
                HumanMessage("e"),
                ChatMessage(role="system", content="Be true."),
                ChatMessage(role="user", content="f"),
            ]
        )

        assert apis.bodies() == [
            {
                "instructions": "Be brief.\nBe kind.\nBe true.",
                "messages": [
                    {"role": "user", "text": "a\nb"},
                    {"role": "assistant", "text": "c\nd"},
                    {"role": "user", "text": "e\nf"},
                ],
            }
        ]

    def test_blocks_of_text_are_text(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        chat.invoke([HumanMessage([{"type": "text", "text": "What is "}, "a pump?"])])

        assert apis.bodies()[0]["messages"][0]["text"] == "What is a pump?"

    @pytest.mark.parametrize(
        ("message", "said"),
        [
            (HumanMessage([{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]), "image_url"),
            (ToolMessage("4", tool_call_id="1"), "kind tool"),
            (AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "1"}]), "tool's call"),
            (ChatMessage(role="judge", content="no"), "kind chat"),
        ],
    )
    def test_what_the_api_cannot_take_is_not_sent(
        self, apis: FakeApis, chat: ChatBedrockEndpoints, message: Any, said: str
    ) -> None:
        with pytest.raises(ValueError, match=said):
            chat.invoke([HumanMessage("a"), message])
        assert apis.received == []

    def test_tools_and_structured_output_are_refused(self, chat: ChatBedrockEndpoints) -> None:
        with pytest.raises(NotImplementedError):
            chat.bind_tools([])
        with pytest.raises(NotImplementedError):
            chat.with_structured_output({"title": "A", "type": "object", "properties": {}})

    def test_parameters_go_by_the_apis_names_and_a_calls_own_win(self, apis: FakeApis, options: Any) -> None:
        given = {"temperature": 0, "top_p": 0.9, "max_tokens": 50, "stop_sequences": ["END"], "model": "one"}
        chat = ChatBedrockEndpoints(**options("playground"), **given)

        chat.invoke("a")
        chat.invoke("a", stop=["X"], temperature=0.5, top_k=4, model="two", stream=False)

        assert [body["parameters"] for body in apis.bodies()] == [
            {"temperature": 0, "topP": 0.9, "maxTokens": 50, "stopSequences": ["END"]},
            {"temperature": 0.5, "topP": 0.9, "topK": 4, "maxTokens": 50, "stopSequences": ["X"]},
        ]
        assert [body["model"] for body in apis.bodies()] == ["one", "two"]

    def test_penalties_go_too_and_the_api_says_that_no_model_takes_them(self, options: Any) -> None:
        chat = ChatBedrockEndpoints(**options("playground"), presence_penalty=0.5)

        with pytest.raises(errors.InvalidRequest) as raised:
            chat.invoke("a")
        assert raised.value.details == [{"path": "body.presencePenalty", "message": "is wrong"}]

    def test_a_parameter_that_there_is_not_is_refused(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        with pytest.raises(ValueError, match="no tools"):
            chat.invoke("a", tools=[])
        with pytest.raises(ValueError, match="top_g"):
            ChatBedrockEndpoints(stage="dev", top_g=4)
        assert apis.received == []


class TestAnAnswer:
    async def test_has_text_use_and_the_apis_word_on_it(self, chat: ChatBedrockEndpoints) -> None:
        for answer in (chat.invoke("a", max_tokens=9), await chat.ainvoke("a", max_tokens=9)):
            assert answer.content == "Water is lifted by it."
            assert answer.usage_metadata == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
            assert answer.response_metadata == {
                "stopReason": "end_turn",
                "latencyMs": 12,
                "parameters": {"maxTokens": 9},
                "requestId": "r-1",
                "model_name": "us.default-v1:0",
                "model_provider": "bedrock_endpoints",
            }

    async def test_comes_in_pieces(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        for chunks in (list(chat.stream("a")), [chunk async for chunk in chat.astream("a")]):
            assert [chunk.content for chunk in chunks] == ["Water ", "is lifted", " by it.", ""]
            whole = summed(chunks)
            assert whole.usage_metadata == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
            assert whole.response_metadata["stopReason"] == "end_turn"
            assert whole.response_metadata["model_name"] == "us.default-v1:0"
        assert {request.path for request in apis.received} == {"/p/local/completions/stream"}

    def test_comes_by_the_stream_to_invoke_when_asked(self, apis: FakeApis, options: Any) -> None:
        answer = ChatBedrockEndpoints(**options("playground"), streaming=True).invoke("a")

        assert answer.content == "Water is lifted by it."
        assert apis.received[0].path == "/p/local/completions/stream"

    def test_tells_callbacks_of_each_piece(self, chat: ChatBedrockEndpoints) -> None:
        class Ear(BaseCallbackHandler):
            heard: list[str] = []

            def on_llm_new_token(self, token: str, **_: Any) -> None:
                self.heard.append(token)

        list(chat.stream("a", config={"callbacks": [Ear()]}))

        assert Ear.heard == ["Water ", "is lifted", " by it.", ""]


class TestAStreamThatIsLeft:
    """The caller's hanging up is what ends the model's work."""

    @pytest.fixture(autouse=True)
    def endless(self, apis: FakeApis) -> None:
        apis.planned.append(Answer(200, events=(event("delta", {"text": "on and on"}) for _ in range(10_000_000))))

    def test_by_a_thread(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        for _ in chat.stream("a"):
            break

        assert apis.hung_up.wait(5)

    async def test_by_a_coroutine(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        async for _ in chat.astream("a"):
            break

        assert await asyncio.to_thread(apis.hung_up.wait, 5)


class TestAStreamThatFails:
    async def test_with_an_error_at_its_end(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        apis.tail = [event("error", {"error": {"code": "refused", "message": "Not that.", "requestId": "r-9"}})]
        chunks = chat.stream("a")

        assert [next(chunks).content for _ in range(3)] == ["Water ", "is lifted", " by it."]
        with pytest.raises(errors.Refused, match=r"Not that\. \(request r-9\)"):
            next(chunks)
        with pytest.raises(errors.Refused):
            async for _ in chat.astream("a"):
                pass

    async def test_by_being_cut(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        apis.tail = []

        with pytest.raises(errors.ConnectionFailed, match="cut"):
            list(chat.stream("a"))
        with pytest.raises(errors.ConnectionFailed, match="cut"):
            async for _ in chat.astream("a"):
                pass

    def test_before_its_first_piece(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        apis.planned.append(error(422, "refused"))

        with pytest.raises(errors.Refused) as raised:
            next(chat.stream("a"))
        assert (raised.value.status, raised.value.request_id) == (422, "r-error")

    def test_by_being_none_of_the_contracts(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        for piece in (b"data: {no json\n\n", event("surprise", {})):
            apis.planned.append(Answer(200, events=[piece]))
            with pytest.raises(errors.UnexpectedAnswer):
                list(chat.stream("a"))


def test_caches_tell_apart_what_answers_depend_on(options: Any) -> None:
    made = [
        ChatBedrockEndpoints(**options("playground"), **more)._get_llm_string(stop=stop)
        for more, stop in [({}, None), ({"top_k": 1}, None), ({"model": "one"}, None), ({}, ["X"])]
    ]

    assert len(set(made)) == 4


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_it_is_stored_without_its_token(monkeypatch: pytest.MonkeyPatch, options: Any) -> None:
    chat = ChatBedrockEndpoints(**options("playground"), token="one", top_k=4)

    stored = dumpd(chat)
    monkeypatch.setenv("BEDROCK_ENDPOINTS_TOKEN", "two")
    loaded = load(
        stored,
        allowed_objects=[ChatBedrockEndpoints],
        valid_namespaces=["langchain_bedrock_endpoints"],
        secrets_from_env=True,
    )

    assert "one" not in str(stored["kwargs"]["token"])
    assert loaded.token.get_secret_value() == "two"
    assert (loaded.top_k, loaded.base_url) == (4, chat.base_url)
