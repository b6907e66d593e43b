"""A chat's history in the chatbot's conversations."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Unpack
from urllib.parse import quote

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_bedrock_endpoints._api import Api, Request, Steps
from langchain_bedrock_endpoints._connection import Endpoint, EndpointOptions
from langchain_bedrock_endpoints._messages import joined
from langchain_bedrock_endpoints.errors import EndpointError, NotFound

PAGE = 100


class ConversationHistory(BaseChatMessageHistory):
    """The messages of one of the caller's conversations, oldest first.

    A conversation consists of turns: what the user says, and the answer. So the user's message is held in this object
    until its answer is added, and only then are both written; meanwhile `messages` shows it at the end, and it ends
    with this object. Messages of one side in a row become one, of lines. An answer to nothing, and all but text of user
    and assistant, is refused (`ValueError`), and then nothing of the list is written.

    Without `conversation_id` the first turn begins a conversation, with the `title`, `instructions` and `model` given
    here; `create` does it before. `clear` deletes the conversation: the next turn begins another one.
    """

    def __init__(
        self,
        conversation_id: str | None = None,
        *,
        title: str | None = None,
        instructions: str | None = None,
        model: str | None = None,
        **endpoint: Unpack[EndpointOptions],
    ) -> None:
        super().__init__()
        self.conversation_id = conversation_id
        self._beginning = {"title": title, "instructions": instructions, "model": model}
        self._held: list[BaseMessage] = []
        self._api = Api(Endpoint.model_validate(endpoint), "chatbot")

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # the base's is written as an attribute
        """All of them. Reading them takes a request for each hundred."""
        return self._api.run(self._read())

    async def aget_messages(self) -> list[BaseMessage]:
        return await self._api.arun(self._read())

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Writes each turn that is whole. When one cannot be written, the error's note says how many were."""
        self._api.run(self._add(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        await self._api.arun(self._add(messages))

    def clear(self) -> None:
        self._api.run(self._clear())

    async def aclear(self) -> None:
        await self._api.arun(self._clear())

    def create(self) -> str:
        """The conversation's id; begins one if there is none."""
        return self._api.run(self._created())

    async def acreate(self) -> str:
        return await self._api.arun(self._created())

    def _created(self) -> Steps[str]:
        if self.conversation_id is None:
            body = {name: value for name, value in self._beginning.items() if value is not None}
            answer = yield Request("POST", "/conversations", body)
            self.conversation_id = str(answer["id"])
        return self.conversation_id

    def _read(self) -> Steps[list[BaseMessage]]:
        newest_first: list[BaseMessage] = []
        query: dict[str, str | int] | None = {"limit": PAGE}
        while self.conversation_id and query:
            page = yield Request("GET", f"{_path(self.conversation_id)}/messages", query=query)
            newest_first += map(_message, page["items"])
            query = {"limit": PAGE, "cursor": page["nextCursor"]} if page.get("nextCursor") else None
        return [*reversed(newest_first), *self._held]

    def _add(self, messages: Sequence[BaseMessage]) -> Steps[None]:
        turns, held = _turns([*self._held, *messages])
        for written, (user, assistant) in enumerate(turns):
            try:
                conversation = yield from self._created()
                yield Request("POST", f"{_path(conversation)}/turns", {"user": user, "assistant": assistant})
            except EndpointError as error:
                error.add_note(f"{written} of {len(turns)} turns were written before.")
                raise
            self._held = []
        self._held = held

    def _clear(self) -> Steps[None]:
        self._held = []
        if self.conversation_id:
            with suppress(NotFound):
                yield Request("DELETE", _path(self.conversation_id))
            self.conversation_id = None


def _path(conversation: str) -> str:
    return f"/conversations/{quote(conversation, safe='')}"


def _turns(messages: list[BaseMessage]) -> tuple[list[tuple[str, str]], list[BaseMessage]]:
    """What can be written, as pairs of user and assistant, and the user's messages that wait for their answer."""
    said = joined(messages)
    if not all(who == ("user", "assistant")[number % 2] for number, (who, _) in enumerate(said)):
        raise ValueError("A conversation has turns: first the user, then the assistant, and no one else.")
    texts = [text for _, text in said]
    held = [HumanMessage(texts.pop())] if len(texts) % 2 else []
    return list(zip(texts[::2], texts[1::2], strict=True)), [*held]


def _message(item: Any) -> BaseMessage:
    kind = HumanMessage if item["role"] == "user" else AIMessage
    more = {name: item[name] for name in ("createdAt", "photos") if name in item}
    return kind(content=item["text"], id=item["id"], additional_kwargs=more)
