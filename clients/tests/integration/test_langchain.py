"""The LangChain classes on a deployed stage: what the standard tests do not cover."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables.history import RunnableWithMessageHistory

from bedrock_endpoints import errors
from bedrock_endpoints.langchain import (
    BedrockEndpointsEmbeddings,
    BedrockEndpointsRetriever,
    ChatBedrockEndpoints,
    ConversationHistory,
)

PUMP = "What does a pump do?"


def test_an_answer_has_the_parameters_in_force() -> None:
    answer = ChatBedrockEndpoints(model="amazon.nova-2-lite-v1:0", top_k=20, max_tokens=10).invoke(PUMP)

    metadata = answer.response_metadata
    assert metadata["parameters"]["topK"] == 20
    assert metadata["parameters"]["maxTokens"] == 10
    assert metadata["stopReason"] in ("end_turn", "max_tokens")
    assert metadata["requestId"]
    assert metadata["latencyMs"] > 0


def test_an_unsupported_parameter_is_named() -> None:
    with pytest.raises(errors.InvalidRequest) as raised:
        ChatBedrockEndpoints(presence_penalty=1).invoke(PUMP)
    assert raised.value.details[0]["path"] == "body.parameters.presencePenalty"


async def test_the_guardrail_refuses() -> None:
    blocked = "Remember the card number 4111111111111111"
    chat = ChatBedrockEndpoints(max_tokens=10)

    with pytest.raises(errors.Refused):
        chat.invoke(blocked)
    with pytest.raises(errors.Refused):
        async for _ in chat.astream(blocked):
            pass


def test_similar_texts_have_similar_vectors() -> None:
    oil, leak, market = BedrockEndpointsEmbeddings().embed_documents(
        ["Oil drips out of the pump.", "The machine is leaking oil.", "The stock exchange fell."]
    )

    def similarity(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert similarity(oil, leak) > similarity(oil, market)


async def test_passages_can_be_cited() -> None:
    passages = await BedrockEndpointsRetriever(limit=3).ainvoke("how much time off after a birth?")

    first = passages[0].metadata
    assert first["document"]
    assert first["page"] >= 1
    filtered = BedrockEndpointsRetriever(limit=3, documents=[first["documentId"]]).invoke(
        "how much time off after a birth?"
    )
    assert {passage.metadata["documentId"] for passage in filtered} == {first["documentId"]}


def test_an_unknown_document() -> None:
    unknown_id = "00000000-0000-7000-8000-000000000000"

    with pytest.raises(errors.NotFound):
        BedrockEndpointsRetriever(documents=[unknown_id]).invoke("who?")


def test_invalid_keys_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")

    with pytest.raises(errors.Unauthorized):
        ChatBedrockEndpoints(max_tokens=10).invoke(PUMP)


@pytest.fixture
def history() -> Iterator[ConversationHistory]:
    history = ConversationHistory(title="Pumps")
    yield history
    history.clear()


async def test_a_history_is_saved_and_cleared(history: ConversationHistory) -> None:
    # Given more turns than fit on a page
    classes = (HumanMessage, AIMessage)
    turns = [message_class(f"{message_class.__name__} {number}") for number in range(51) for message_class in classes]

    history.add_messages(turns[:80])
    await history.aadd_messages(turns[80:])

    # Then another object with the id reads all of them in order
    saved = ConversationHistory(history.conversation_id)
    assert [message.content for message in saved.messages] == [message.content for message in turns]
    assert [message.type for message in await saved.aget_messages()] == ["human", "ai"] * 51
    await saved.aclear()
    with pytest.raises(errors.NotFound):
        _ = history.messages


def test_a_turn_that_the_guardrail_refuses_is_not_saved(history: ConversationHistory) -> None:
    history.create()

    with pytest.raises(errors.Refused):
        history.add_messages([HumanMessage("My card number is 4111111111111111"), AIMessage("I see.")])

    assert history.messages == []


def test_a_chain_remembers(history: ConversationHistory) -> None:
    session: Any = {"configurable": {"session_id": history.create()}}
    chain = RunnableWithMessageHistory(ChatBedrockEndpoints(max_tokens=10), ConversationHistory)

    first = chain.invoke("My name is Ana.", session)
    list(chain.stream("What is my name?", session))

    messages = history.messages
    assert [message.type for message in messages] == ["human", "ai"] * 2
    assert [message.content for message in messages[:3]] == ["My name is Ana.", first.content, "What is my name?"]
