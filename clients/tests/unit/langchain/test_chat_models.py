"""The chat model against the fake API."""

import asyncio
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from bedrock_endpoints import errors
from bedrock_endpoints.langchain import ChatBedrockEndpoints
from clients.tests.fake import FakeApis, Response, error, event


@pytest.fixture
def chat(options: Any) -> ChatBedrockEndpoints:
    return ChatBedrockEndpoints(**options("playground"))


def merge(chunks: list[Any]) -> AIMessageChunk:
    merged = chunks[0]
    for chunk in chunks[1:]:
        merged += chunk
    return merged


class TestRequests:
    def test_a_text_is_one_user_message(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        chat.invoke("What is a pump?")

        assert apis.received[0].path == "/p/local/completions"
        assert apis.bodies() == [{"messages": [{"role": "user", "text": "What is a pump?"}]}]

    def test_consecutive_messages_are_joined_and_system_messages_are_instructions(
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

    def test_text_blocks_are_joined(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        chat.invoke([HumanMessage([{"type": "text", "text": "What is "}, "a pump?"])])

        assert apis.bodies()[0]["messages"][0]["text"] == "What is a pump?"

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            (HumanMessage([{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]), "image_url"),
            (ToolMessage("4", tool_call_id="1"), "kind tool"),
            (AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "1"}]), "tool's call"),
            (ChatMessage(role="judge", content="no"), "kind chat"),
        ],
    )
    def test_unsupported_messages_are_rejected(
        self, apis: FakeApis, chat: ChatBedrockEndpoints, message: Any, reason: str
    ) -> None:
        with pytest.raises(ValueError, match=reason):
            chat.invoke([HumanMessage("a"), message])
        assert apis.received == []

    def test_tools_and_structured_output_are_refused(self, chat: ChatBedrockEndpoints) -> None:
        with pytest.raises(NotImplementedError):
            chat.bind_tools([])
        with pytest.raises(NotImplementedError):
            chat.with_structured_output({"title": "A", "type": "object", "properties": {}})

    def test_parameters_have_the_apis_names_and_a_calls_take_precedence(self, apis: FakeApis, options: Any) -> None:
        parameters = {"temperature": 0, "top_p": 0.9, "max_tokens": 50, "stop_sequences": ["END"], "model": "one"}
        chat = ChatBedrockEndpoints(**options("playground"), **parameters)

        chat.invoke("a")
        chat.invoke("a", stop=["X"], temperature=0.5, top_k=4, model="two", stream=False)

        assert [body["parameters"] for body in apis.bodies()] == [
            {"temperature": 0, "topP": 0.9, "maxTokens": 50, "stopSequences": ["END"]},
            {"temperature": 0.5, "topP": 0.9, "topK": 4, "maxTokens": 50, "stopSequences": ["X"]},
        ]
        assert [body["model"] for body in apis.bodies()] == ["one", "two"]

    def test_penalties_are_sent_and_rejected_by_the_api(self, options: Any) -> None:
        chat = ChatBedrockEndpoints(**options("playground"), presence_penalty=0.5)

        with pytest.raises(errors.InvalidRequest) as raised:
            chat.invoke("a")
        assert raised.value.details == [{"path": "body.presencePenalty", "message": "is invalid"}]

    def test_an_unknown_parameter_is_rejected(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        with pytest.raises(ValueError, match="no tools"):
            chat.invoke("a", tools=[])
        with pytest.raises(ValueError, match="top_g"):
            ChatBedrockEndpoints(stage="dev", top_g=4)
        assert apis.received == []


class TestAnswers:
    async def test_text_usage_and_metadata(self, chat: ChatBedrockEndpoints) -> None:
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

    async def test_streaming(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        for chunks in (list(chat.stream("a")), [chunk async for chunk in chat.astream("a")]):
            assert [chunk.content for chunk in chunks] == ["Water ", "is lifted", " by it.", ""]
            merged = merge(chunks)
            assert merged.usage_metadata == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
            assert merged.response_metadata["stopReason"] == "end_turn"
            assert merged.response_metadata["model_name"] == "us.default-v1:0"
        assert {request.path for request in apis.received} == {"/p/local/completions/stream"}

    def test_invoke_uses_the_stream_if_streaming_is_set(self, apis: FakeApis, options: Any) -> None:
        answer = ChatBedrockEndpoints(**options("playground"), streaming=True).invoke("a")

        assert answer.content == "Water is lifted by it."
        assert apis.received[0].path == "/p/local/completions/stream"

    def test_callbacks_receive_each_delta(self, chat: ChatBedrockEndpoints) -> None:
        class Recorder(BaseCallbackHandler):
            tokens: list[str] = []

            def on_llm_new_token(self, token: str, **_: Any) -> None:
                self.tokens.append(token)

        list(chat.stream("a", config={"callbacks": [Recorder()]}))

        assert Recorder.tokens == ["Water ", "is lifted", " by it.", ""]


class TestLeavingAStream:
    """The connection does not stay open after the caller has left."""

    @pytest.fixture(autouse=True)
    def _endless(self, apis: FakeApis) -> None:
        apis.planned.append(Response(200, events=(event("delta", {"text": "on and on"}) for _ in range(10_000_000))))

    def test_sync(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        for _ in chat.stream("a"):
            break

        assert apis.disconnected.wait(5)

    async def test_async(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        async for _ in chat.astream("a"):
            break

        assert await asyncio.to_thread(apis.disconnected.wait, 5)


class TestFailingStreams:
    async def test_an_error_event(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        apis.stream_end = [event("error", {"error": {"code": "refused", "message": "Not that.", "requestId": "r-9"}})]
        chunks = chat.stream("a")

        assert [next(chunks).content for _ in range(3)] == ["Water ", "is lifted", " by it."]
        with pytest.raises(errors.Refused, match=r"Not that\. \(request r-9\)"):
            next(chunks)
        with pytest.raises(errors.Refused):
            async for _ in chat.astream("a"):
                pass

    async def test_an_interrupted_stream(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        apis.stream_end = []

        with pytest.raises(errors.ConnectionFailed, match="cut"):
            list(chat.stream("a"))
        with pytest.raises(errors.ConnectionFailed, match="cut"):
            async for _ in chat.astream("a"):
                pass

    def test_an_error_before_the_first_event(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        apis.planned.append(error(422, "refused"))

        with pytest.raises(errors.Refused) as raised:
            next(chat.stream("a"))
        assert (raised.value.status, raised.value.request_id) == (422, "r-error")

    def test_events_that_are_not_the_apis(self, apis: FakeApis, chat: ChatBedrockEndpoints) -> None:
        for chunk in (b"data: {no json\n\n", event("surprise", {})):
            apis.planned.append(Response(200, events=[chunk]))
            with pytest.raises(errors.UnexpectedResponse):
                list(chat.stream("a"))


def test_the_cache_key_contains_everything_that_answers_depend_on(options: Any) -> None:
    keys = [
        ChatBedrockEndpoints(**options("playground"), **parameters)._get_llm_string(stop=stop)
        for parameters, stop in [({}, None), ({"top_k": 1}, None), ({"model": "one"}, None), ({}, ["X"])]
    ]

    assert len(set(keys)) == 4


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_it_is_serialized_without_its_token(monkeypatch: pytest.MonkeyPatch, options: Any) -> None:
    chat = ChatBedrockEndpoints(**options("playground"), token="one", top_k=4)

    serialized = dumpd(chat)
    monkeypatch.setenv("BEDROCK_ENDPOINTS_TOKEN", "two")
    loaded = load(
        serialized,
        allowed_objects=[ChatBedrockEndpoints],
        valid_namespaces=["bedrock_endpoints"],
        secrets_from_env=True,
    )

    assert "one" not in str(serialized["kwargs"]["token"])
    assert loaded.token.get_secret_value() == "two"
    assert (loaded.top_k, loaded.base_url) == (4, chat.base_url)
