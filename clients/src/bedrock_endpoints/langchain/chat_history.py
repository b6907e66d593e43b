"""A chat's history in the chatbot's conversations."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Unpack
from urllib.parse import quote

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from bedrock_endpoints.errors import EndpointError, NotFound
from bedrock_endpoints.langchain._api import Api, Endpoint, EndpointOptions, Request, Steps
from bedrock_endpoints.langchain._messages import merge_consecutive


class ConversationHistory(BaseChatMessageHistory):
    """The messages of one of the caller's conversations, oldest first.

    A conversation consists of turns: a user's message and its answer. A user's message is kept in this object until its
    answer is added, and then both are written; until then `messages` shows it at the end, and it is lost with this
    object. Consecutive messages of one role are joined by line breaks. Anything else (an answer without a question,
    other roles, content that is not text) raises `ValueError`, and nothing of the list is written.

    Without `conversation_id` the first turn creates a conversation with the `title`, `instructions` and `model` passed
    here; `create` does so earlier. `clear` deletes the conversation: the next turn creates a new one.
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
        self._settings = {"title": title, "instructions": instructions, "model": model}
        self._pending: list[BaseMessage] = []
        self._api = Api(Endpoint.model_validate(endpoint), "chatbot")

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # the base class declares an attribute
        """All messages. Reading them takes a request for each hundred."""
        if self.conversation_id is None:
            return [*self._pending]
        newest_first = [_message(item) for item in self._api.items(f"{_path(self.conversation_id)}/messages")]
        return [*reversed(newest_first), *self._pending]

    async def aget_messages(self) -> list[BaseMessage]:
        if self.conversation_id is None:
            return [*self._pending]
        items = self._api.aitems(f"{_path(self.conversation_id)}/messages")
        newest_first = [_message(item) async for item in items]
        return [*reversed(newest_first), *self._pending]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Writes each complete turn. If one cannot be written, a note of the error says how many were."""
        self._api.run(self._add(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        await self._api.arun(self._add(messages))

    def clear(self) -> None:
        self._api.run(self._clear())

    async def aclear(self) -> None:
        await self._api.arun(self._clear())

    def create(self) -> str:
        """The conversation's id; creates a conversation if there is none."""
        return self._api.run(self._create())

    async def acreate(self) -> str:
        return await self._api.arun(self._create())

    def _create(self) -> Steps[str]:
        if self.conversation_id is None:
            body = {name: value for name, value in self._settings.items() if value is not None}
            conversation = yield Request("POST", "/conversations", body)
            self.conversation_id = str(conversation["id"])
        return self.conversation_id

    def _add(self, messages: Sequence[BaseMessage]) -> Steps[None]:
        turns, pending = _split_turns([*self._pending, *messages])
        for written, (user, assistant) in enumerate(turns):
            try:
                conversation_id = yield from self._create()
                yield Request("POST", f"{_path(conversation_id)}/turns", {"user": user, "assistant": assistant})
            except EndpointError as error:
                error.add_note(f"{written} of {len(turns)} turns were written before.")
                raise
            self._pending = []
        self._pending = pending

    def _clear(self) -> Steps[None]:
        self._pending = []
        if self.conversation_id:
            with suppress(NotFound):
                yield Request("DELETE", _path(self.conversation_id))
            self.conversation_id = None


def _path(conversation_id: str) -> str:
    return f"/conversations/{quote(conversation_id, safe='')}"


def _split_turns(messages: list[BaseMessage]) -> tuple[list[tuple[str, str]], list[BaseMessage]]:
    """The complete turns as pairs of user's and assistant's text, and the user's message without an answer."""
    merged = merge_consecutive(messages)
    if not all(role == ("user", "assistant")[index % 2] for index, (role, _) in enumerate(merged)):
        raise ValueError("A conversation consists of turns: a user's message, then the assistant's.")
    texts = [text for _, text in merged]
    pending: list[BaseMessage] = [HumanMessage(texts.pop())] if len(texts) % 2 else []
    return list(zip(texts[::2], texts[1::2], strict=True)), pending


def _message(item: Any) -> BaseMessage:
    message_class = HumanMessage if item["role"] == "user" else AIMessage
    extra = {name: item[name] for name in ("createdAt", "photos", "documents") if name in item}
    return message_class(content=item["text"], id=item["id"], additional_kwargs=extra)
