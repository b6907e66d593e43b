"""The session's state of the chat: the open conversation and the messages that still wait for an answer."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ui.client import Failure
from ui.session import client

USE_CASE = "chatbot"
_PARAMETER = "conversation"
_OPEN = "chat.open"
_PAGE = 20
# The model names a conversation shortly after its first answer: how often, and at which interval, to check for it.
TITLE_CHECKS = 8
TITLE_CHECK_SECONDS = 2.0


@dataclass
class PendingMessage:
    """A user's message, from the click until its answer arrives."""

    text: str
    photos: list[dict[str, str]] = field(default_factory=list)
    running: bool = True
    partial_answer: str = ""
    """The pieces received of an answer that did not complete."""
    problem: str | None = None
    """What the user has to correct before the message can be sent."""
    failure: Failure | None = None
    attempt: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def body(self) -> dict[str, Any]:
        """The API's request body."""
        return {"text": self.text, "photos": self.photos} if self.photos else {"text": self.text}

    def key(self, path: str, body: Mapping[str, Any]) -> str:
        """The idempotency key: the same for the same body, so that a retry doesn't send the message twice."""
        content = json.dumps([self.attempt, path, body], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def failed(self, failure: Failure) -> None:
        """Keeps the message, with the user's text, to be sent again."""
        self.running, self.failure = False, failure
        if failure.code == "idempotency_key_reused":
            self.attempt = secrets.token_hex(8)


@dataclass
class OpenConversation:
    """An open conversation with its newest messages, oldest first."""

    header: dict[str, Any]
    messages: list[dict[str, Any]]
    cursor: str | None
    answer: dict[str, Any] | None = None
    """The last answer since the conversation was opened."""
    body: dict[str, Any] | None = None
    answer_is_new: bool = False
    """Whether the answer has not been drawn yet."""
    title_checks: int = 0
    """How many more times to check for the model's title."""

    @property
    def path(self) -> str:
        return f"/conversations/{self.header['id']}"

    def add(self, message: PendingMessage, answer: dict[str, Any]) -> None:
        """Adds the user's message and its answer."""
        sent = {
            "id": f"before {answer['message']['id']}", "role": "user", "text": message.text, "photos": message.photos,
        }  # fmt: skip
        self.messages += [sent, answer["message"]]
        self.answer, self.body, self.answer_is_new = answer, message.body, True
        untitled = not self.header["title"]
        self.refresh()
        self.title_checks = TITLE_CHECKS if untitled else 0

    def refresh(self) -> bool:
        """Reads everything but the messages again if possible. Returns whether the title changed."""
        title = self.header["title"]
        try:
            self.header = client().get(USE_CASE, self.path)
        except Failure:
            return False
        return bool(self.header["title"] != title)

    def load_earlier(self) -> None:
        """Reads the messages before the first one. Raises `Failure`."""
        page = client().get(USE_CASE, f"{self.path}/messages", limit=_PAGE, cursor=self.cursor)
        self.messages, self.cursor = page["items"][::-1] + self.messages, page.get("nextCursor")


def pending_messages() -> dict[str, PendingMessage]:
    """Pending messages by conversation id; the empty id has the first message of a new conversation."""
    messages: dict[str, PendingMessage] = st.session_state.setdefault("chat.pending_messages", {})
    return messages


def _conversations() -> dict[str, OpenConversation]:
    conversations: dict[str, OpenConversation] = st.session_state.setdefault("chat.conversations", {})
    return conversations


def load(conversation_id: str) -> OpenConversation:
    """The conversation, read once and then kept. Raises `Failure`."""
    if conversation_id not in _conversations():
        path = f"/conversations/{conversation_id}"
        header = client().get(USE_CASE, path)
        page = client().get(USE_CASE, f"{path}/messages", limit=_PAGE)
        _conversations()[conversation_id] = OpenConversation(header, page["items"][::-1], page.get("nextCursor"))
    return _conversations()[conversation_id]


def forget(conversation_id: str) -> None:
    """Drops the loaded conversation, so that `load` reads it again."""
    _conversations().pop(conversation_id, None)


def selected_id() -> str:
    """The id of the open conversation, empty if there is none. It is in the page's URL, too, to survive a reload."""
    in_url = st.query_params.get(_PARAMETER)
    if in_url is not None:
        st.session_state[_OPEN] = in_url
    elif st.session_state.get(_OPEN):
        # Streamlit clears the query string when the user visits another page.
        st.query_params[_PARAMETER] = st.session_state[_OPEN]
    return str(st.session_state.get(_OPEN, ""))


def select(conversation_id: str) -> None:
    """Opens a conversation in its current state; the empty id opens none."""
    forget(conversation_id)
    st.session_state[_OPEN] = conversation_id
    if conversation_id:
        st.query_params[_PARAMETER] = conversation_id
    else:
        st.query_params.pop(_PARAMETER, None)


def create(first_message: PendingMessage, settings: Mapping[str, Any]) -> None:
    """Creates the conversation that `first_message` belongs to, and opens it. Raises `Failure`."""
    key = first_message.key("/conversations", settings)
    conversation = client().post(USE_CASE, "/conversations", settings, key)
    pending_messages()[conversation["id"]] = pending_messages().pop("")
    select(conversation["id"])


def send(conversation: OpenConversation, message: PendingMessage, show: Callable[[str], None]) -> None:
    """Sends `message` and updates both. `show` receives the answer so far."""
    path = f"{conversation.path}/messages/stream"
    message.partial_answer, message.failure = "", None
    # Always close the stream when the user clicks elsewhere: on one machine, this stops the model.
    with closing(client().events(USE_CASE, path, message.body, message.key(path, message.body))) as events:
        try:
            for event in events:
                if event.name == "message":
                    # The answer is stored before anything is drawn: a click ends this run at the next Streamlit call.
                    pending_messages().pop(conversation.header["id"], None)
                    conversation.add(message, event.data)
                    return
                message.partial_answer += event.data.get("text", "")
                show(message.partial_answer)
        except Failure as failure:
            message.failed(failure)
            if failure.code == "conflict":
                forget(conversation.header["id"])


def newest(count: int) -> tuple[list[dict[str, Any]], bool]:
    """The newest `count` conversations, and whether there are more."""
    return client().newest(USE_CASE, "/conversations", count)


def models() -> list[str]:
    """The text models to choose from. Only the playground's API lists them; without it, the list is empty."""
    if "chat.models" not in st.session_state:
        try:
            models = client().get("playground", "/models")["items"]
        except Failure:
            models = []
        st.session_state["chat.models"] = [model["id"] for model in models if model["purpose"] == "text"]
    model_ids: list[str] = st.session_state["chat.models"]
    return model_ids


def photo_bytes(message: Mapping[str, Any], number: int) -> bytes:
    """A message's photo, cached by the message's id: the photo never changes, but its URL does."""
    photo = message["photos"][number]
    if "data" in photo:
        return base64.b64decode(photo["data"])
    cache: dict[tuple[str, int], bytes] = st.session_state.setdefault("chat.photos", {})
    key = (str(message["id"]), number)
    if key not in cache:
        cache[key] = client().download(photo["url"])
    return cache[key]
