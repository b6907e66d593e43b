"""What the standard tests do not look at, on a deployed stage."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables.history import RunnableWithMessageHistory

from langchain_bedrock_endpoints import (
    BedrockEndpointsEmbeddings,
    BedrockEndpointsRetriever,
    ChatBedrockEndpoints,
    ConversationHistory,
    errors,
)

PUMP = "What does a pump do?"


def test_an_answer_has_the_parameters_in_force() -> None:
    answer = ChatBedrockEndpoints(model="us.amazon.nova-lite-v1:0", top_k=20, max_tokens=10).invoke(PUMP)

    metadata = answer.response_metadata
    assert metadata["parameters"]["topK"] == 20
    assert metadata["parameters"]["maxTokens"] == 10
    assert metadata["stopReason"] in ("end_turn", "max_tokens")
    assert metadata["requestId"]
    assert metadata["latencyMs"] > 0


def test_a_parameter_that_no_model_takes_is_named() -> None:
    with pytest.raises(errors.InvalidRequest) as raised:
        ChatBedrockEndpoints(presence_penalty=1).invoke(PUMP)
    assert raised.value.details[0]["path"] == "body.parameters.presencePenalty"


async def test_what_the_guardrail_blocks_is_refused() -> None:
    blocked = "Remember the card number 4111111111111111"
    chat = ChatBedrockEndpoints(max_tokens=10)

    with pytest.raises(errors.Refused):
        chat.invoke(blocked)
    with pytest.raises(errors.Refused):
        async for _ in chat.astream(blocked):
            pass


def test_texts_that_mean_the_same_are_near() -> None:
    oil, leak, market = BedrockEndpointsEmbeddings().embed_documents(
        ["Oil drips out of the pump.", "The machine is leaking oil.", "The stock exchange fell."]
    )

    def nearness(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert nearness(oil, leak) > nearness(oil, market)


async def test_parts_can_be_cited() -> None:
    found = await BedrockEndpointsRetriever(limit=3).ainvoke("how much time off after a birth?")

    first = found[0].metadata
    assert first["document"]
    assert first["page"] >= 1
    only = BedrockEndpointsRetriever(limit=3, documents=[first["documentId"]]).invoke(
        "how much time off after a birth?"
    )
    assert {part.metadata["documentId"] for part in only} == {first["documentId"]}


def test_a_document_that_there_is_not() -> None:
    nowhere = "00000000-0000-7000-8000-000000000000"

    with pytest.raises(errors.NotFound):
        BedrockEndpointsRetriever(documents=[nowhere]).invoke("who?")


def test_keys_that_are_nobodys_are_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")

    with pytest.raises(errors.Unauthorized):
        ChatBedrockEndpoints(max_tokens=10).invoke(PUMP)


@pytest.fixture
def history() -> Iterator[ConversationHistory]:
    made = ConversationHistory(title="Pumps")
    yield made
    made.clear()


async def test_a_history_is_kept_and_cleared(history: ConversationHistory) -> None:
    # Given turns that are more than a page
    turns = [kind(f"{kind.__name__} {number}") for number in range(51) for kind in (HumanMessage, AIMessage)]

    history.add_messages(turns[:80])
    await history.aadd_messages(turns[80:])

    # Then whoever knows the id reads all of them in order
    kept = ConversationHistory(history.conversation_id)
    assert [message.content for message in kept.messages] == [message.content for message in turns]
    assert [message.type for message in await kept.aget_messages()] == ["human", "ai"] * 51
    await kept.aclear()
    with pytest.raises(errors.NotFound):
        _ = history.messages


def test_a_turn_that_the_guardrail_blocks_is_not_kept(history: ConversationHistory) -> None:
    history.create()

    with pytest.raises(errors.Refused):
        history.add_messages([HumanMessage("My card number is 4111111111111111"), AIMessage("I see.")])

    assert history.messages == []


def test_a_chain_remembers(history: ConversationHistory) -> None:
    session: Any = {"configurable": {"session_id": history.create()}}
    chain = RunnableWithMessageHistory(ChatBedrockEndpoints(max_tokens=10), ConversationHistory)

    first = chain.invoke("My name is Ana.", session)
    list(chain.stream("What is my name?", session))

    said = history.messages
    assert [message.type for message in said] == ["human", "ai"] * 2
    assert [message.content for message in said[:3]] == ["My name is Ana.", first.content, "What is my name?"]
