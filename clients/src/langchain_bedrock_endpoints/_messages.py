"""LangChain's messages in the form that the APIs take: plain text, user and assistant in turns."""

from collections.abc import Iterable
from itertools import groupby
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage

Role = Literal["system", "user", "assistant"]
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
}


def role(message: BaseMessage) -> Role:
    """Raises `ValueError` for a message that the APIs have no place for, such as a tool's."""
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, AIMessage) and not message.tool_calls:
        return "assistant"
    if isinstance(message, ChatMessage) and message.role in ROLES:
        return ROLES[message.role]
    what = "a tool's call" if isinstance(message, AIMessage) else f"a message of the kind {message.type}"
    raise ValueError(f"The API takes what system, user and assistant say, not {what}.")


def text(message: BaseMessage) -> str:
    """Raises `ValueError` for anything but text: dropping a picture would change the question."""
    if isinstance(message.content, str):
        return message.content
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in message.content]
    if other := {str(part.get("type")) for part in parts if part.get("type") != "text"}:
        raise ValueError(f"The API takes text only, not {', '.join(sorted(other))}.")
    return "".join(str(part["text"]) for part in parts)


def joined(messages: Iterable[BaseMessage]) -> list[tuple[Role, str]]:
    """Who says what, one after the other: what someone says in several messages in a row is one text of lines."""
    said = [(role(message), text(message)) for message in messages]
    return [(who, "\n".join(one for _, one in group)) for who, group in groupby(said, key=lambda pair: pair[0])]
