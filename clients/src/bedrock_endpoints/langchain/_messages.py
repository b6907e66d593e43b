"""Converts LangChain's messages to what the APIs accept: plain text, alternating between user and assistant."""

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
    """Raises `ValueError` for a message that the APIs do not accept, such as a tool's."""
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, AIMessage) and not message.tool_calls:
        return "assistant"
    if isinstance(message, ChatMessage) and message.role in ROLES:
        return ROLES[message.role]
    description = "a tool's call" if isinstance(message, AIMessage) else f"a message of the kind {message.type}"
    raise ValueError(f"The API takes messages of system, user and assistant, not {description}.")


def text(message: BaseMessage) -> str:
    """Raises `ValueError` for anything but text: dropping an image would change the question."""
    if isinstance(message.content, str):
        return message.content
    blocks = [{"type": "text", "text": block} if isinstance(block, str) else block for block in message.content]
    if unsupported := {str(block.get("type")) for block in blocks if block.get("type") != "text"}:
        raise ValueError(f"The API takes text only, not {', '.join(sorted(unsupported))}.")
    return "".join(str(block["text"]) for block in blocks)


def merge_consecutive(messages: Iterable[BaseMessage]) -> list[tuple[Role, str]]:
    """Role and text of each message; consecutive messages with one role are joined by line breaks."""
    pairs = [(role(message), text(message)) for message in messages]
    return [
        (group_role, "\n".join(content for _, content in group))
        for group_role, group in groupby(pairs, key=lambda pair: pair[0])
    ]
