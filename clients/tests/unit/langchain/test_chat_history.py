"""Chat histories against the fake API."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

from bedrock_endpoints import errors
from bedrock_endpoints.langchain import ChatBedrockEndpoints, ConversationHistory
from clients.tests.fake import FakeApis, error, lose_response


@pytest.fixture
def history(options: Any) -> ConversationHistory:
    return ConversationHistory(**options("chatbot"))


def contents(messages: list[BaseMessage]) -> list[tuple[str, Any]]:
    return [(message.type, message.content) for message in messages]


def turn(number: int) -> list[BaseMessage]:
    return [HumanMessage(f"question {number}"), AIMessage(f"answer {number}")]


class TestWriting:
    def test_complete_turns_create_a_conversation(self, apis: FakeApis, options: Any) -> None:
        history = ConversationHistory(**options("chatbot"), title="Pumps", instructions="Be brief.", model="one")
        assert history.messages == []
        assert apis.received == []

        history.add_messages([*turn(1), *turn(2)])

        assert history.conversation_id == "c-1"
        assert apis.created == [{"title": "Pumps", "instructions": "Be brief.", "model": "one"}]
        assert apis.bodies()[1:] == [
            {"user": "question 1", "assistant": "answer 1"},
            {"user": "question 2", "assistant": "answer 2"},
        ]

    async def test_async(self, apis: FakeApis, history: ConversationHistory) -> None:
        assert await history.acreate() == "c-1" == await history.acreate()

        await history.aadd_messages(turn(1))

        assert contents(await history.aget_messages()) == [("human", "question 1"), ("ai", "answer 1")]
        await history.aclear()
        assert apis.conversations == {}

    def test_a_users_message_is_kept_until_its_answer_is_added(
        self, apis: FakeApis, history: ConversationHistory
    ) -> None:
        history.create()

        history.add_user_message("Are you")
        history.add_user_message("there?")
        assert apis.conversations == {"c-1": []}
        assert contents(history.messages) == [("human", "Are you\nthere?")]
        history.add_ai_message("Yes.")

        assert [message["text"] for message in apis.conversations["c-1"]] == ["Are you\nthere?", "Yes."]
        assert contents(history.messages) == [("human", "Are you\nthere?"), ("ai", "Yes.")]

    @pytest.mark.parametrize(
        "messages",
        [
            [AIMessage("An answer to nothing")],
            [*turn(1), SystemMessage("Be brief."), *turn(2)],
            [SystemMessage("Be brief."), *turn(1)],
            [*turn(1), HumanMessage("4?"), ToolMessage("4", tool_call_id="1")],
            [HumanMessage([{"type": "image", "base64": "aaaa", "mime_type": "image/png"}]), AIMessage("A pump")],
        ],
    )
    def test_messages_that_are_not_turns_are_rejected(
        self, apis: FakeApis, history: ConversationHistory, messages: Any
    ) -> None:
        with pytest.raises(ValueError, match=r"takes|turns"):
            history.add_messages(messages)

        assert apis.received == []
        assert history.messages == []

    def test_a_failed_answer_may_be_added_again(self, apis: FakeApis, history: ConversationHistory) -> None:
        history.create()
        history.add_user_message("Are you there?")
        apis.planned.append(error(500, "internal"))

        with pytest.raises(errors.InternalError):
            history.add_ai_message("Yes.")
        history.add_ai_message("Yes.")

        assert contents(history.messages) == [("human", "Are you there?"), ("ai", "Yes.")]

    def test_an_error_says_how_many_turns_were_written(self, apis: FakeApis, history: ConversationHistory) -> None:
        history.create()
        apis.planned += [None, error(500, "internal")]

        with pytest.raises(errors.InternalError) as raised:
            history.add_messages([*turn(1), *turn(2), *turn(3)])

        assert raised.value.__notes__ == ["1 of 3 turns were written before."]
        assert contents(history.messages) == [("human", "question 1"), ("ai", "answer 1")]

    def test_a_turn_whose_response_is_lost_is_written_once(
        self, apis: FakeApis, history: ConversationHistory, delays: list[float]
    ) -> None:
        history.create()
        apis.planned.append(lose_response)

        history.add_messages(turn(1))

        assert len(history.messages) == 2


class TestReading:
    async def test_all_pages_oldest_first(self, apis: FakeApis, history: ConversationHistory) -> None:
        history.create()
        apis.conversations["c-1"] = [
            {"id": f"m-{n}", "role": ("user", "assistant")[n % 2], "text": str(n), "createdAt": "2026-11-24T10:00:00Z"}
            for n in range(250)
        ]

        for messages in (history.messages, await history.aget_messages()):
            assert [message.content for message in messages] == [str(number) for number in range(250)]
            assert [message.id for message in messages[:2]] == ["m-0", "m-1"]
            assert messages[0].additional_kwargs == {"createdAt": "2026-11-24T10:00:00Z"}
        assert [request.query for request in apis.received[1:4]] == [
            {"limit": "100"},
            {"limit": "100", "cursor": "100"},
            {"limit": "100", "cursor": "200"},
        ]

    def test_an_unknown_conversation(self, options: Any) -> None:
        with pytest.raises(errors.NotFound):
            _ = ConversationHistory("c-9", **options("chatbot")).messages


class TestClearing:
    def test_deletes_the_conversation_and_the_next_turn_creates_another(
        self, apis: FakeApis, history: ConversationHistory
    ) -> None:
        history.add_messages([*turn(1), HumanMessage("pending")])

        history.clear()
        history.clear()

        assert history.messages == []
        assert apis.conversations == {}
        history.add_messages(turn(2))
        assert history.conversation_id == "c-2"

    def test_a_conversation_that_is_gone(self, options: Any) -> None:
        ConversationHistory("c-9", **options("chatbot")).clear()


async def test_a_chain_remembers(apis: FakeApis, options: Any) -> None:
    # Given a chain whose sessions are conversations
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Be brief."), MessagesPlaceholder("history"), ("human", "{question}")]
    )
    chain = RunnableWithMessageHistory(
        prompt | ChatBedrockEndpoints(**options("playground")),
        lambda session_id: ConversationHistory(session_id, **options("chatbot")),
        input_messages_key="question",
        history_messages_key="history",
    )
    session: Any = {"configurable": {"session_id": ConversationHistory(**options("chatbot")).create()}}

    # When it is called three times, in each way
    chain.invoke({"question": "one"}, session)
    await chain.ainvoke({"question": "two"}, session)
    list(chain.stream({"question": "three"}, session))

    # Then the last request contains the earlier turns
    completion = [body for body in apis.bodies() if body and "instructions" in body][-1]
    assert [message["text"] for message in completion["messages"]] == [
        "one",
        "Water is lifted by it.",
        "two",
        "Water is lifted by it.",
        "three",
    ]
    assert len(apis.conversations["c-1"]) == 6
