"""The session's state of the chat: the open conversation and the messages that still wait for an answer.

Streamlit ends a page's run after a click, so an answer is read by a thread of its own, and every run waits for it.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ui import tab_state
from ui.api_request import Call
from ui.client import Client, Failure
from ui.session import client

USE_CASE = "chatbot"
_PARAMETER = "conversation"
_OPEN = "chat.open"
_PAGE = 20
# The model names a conversation shortly after its first answer: how often, and at which interval, to check for it.
TITLE_CHECKS = 8
TITLE_CHECK_SECONDS = 2.0
_WAIT_SECONDS = 0.1
# How long to wait for the rest of an answer that was stopped. The API notices a stop within about a second.
_STOP_SECONDS = 10.0
_STOP_ATTEMPTS = 4
# With these errors, the API has ended the request and stores nothing.
_ENDED = ("throttled", "budget_exhausted", "stopped")
# Marks the id of a message of which only the answer's id is known.
_BEFORE = "before "


@dataclass
class PendingMessage:
    """A user's message, from the click until its answer arrives."""

    text: str
    photos: list[dict[str, str]] = field(default_factory=list)
    documents: list[dict[str, str]] = field(default_factory=list)
    kept_documents: list[dict[str, Any]] = field(default_factory=list)
    """Those that the message which it replaces already has."""
    running: bool = True
    partial_answer: str = ""
    """The pieces received of an answer that did not complete."""
    problem: str | None = None
    """What the user has to correct before the message can be sent."""
    failure: Failure | None = None
    sent_documents: list[dict[str, str]] = field(default_factory=list)
    """The documents when it failed: the user may have removed some since."""
    attempt: str = field(default_factory=lambda: secrets.token_hex(8))
    owns_conversation: bool = False
    """Whether its conversation was created for it alone, and no earlier attempt may still be answered there."""
    replaces: str | None = None
    """The id of an earlier message that this one replaces, with all after it."""
    original: "tuple[str, list[dict[str, str]], list[dict[str, Any]]] | None" = None
    """The text, photos and documents of the message that it replaces."""
    call: Call | None = None
    """The request that has been sent."""
    stopped_text: str | None = None
    """The answer so far when the user stopped it."""
    stopped_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def body(self) -> dict[str, Any]:
        """The API's request body."""
        replaced = {"replaces": self.replaces} if self.replaces else {}
        if self.original == (self.text, self.photos, self.kept_documents):
            return replaced
        files = {"photos": self.photos, "documents": self.documents}
        kept = {"keepDocuments": True} if self.kept_documents else {}
        return {"text": self.text, **{name: items for name, items in files.items() if items}, **kept, **replaced}

    @property
    def document_names(self) -> list[dict[str, Any]]:
        """Its documents as a message of the API has them, as far as they are known."""
        return [*self.kept_documents, *({"name": document["name"]} for document in self.documents)]

    def key(self, path: str, body: Mapping[str, Any]) -> str:
        """The idempotency key: the same for the same body, so that a retry doesn't send the message twice."""
        content = json.dumps([self.attempt, path, body], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def failed(self, failure: Failure) -> None:
        """Keeps the message, with the user's text, to be sent again."""
        self.running, self.failure, self.call, self.stopped_text = False, failure, None, None
        self.sent_documents = [*self.documents]
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
    is_stale: bool = False
    """Whether someone else has changed it, such as the user in another tab."""

    @property
    def path(self) -> str:
        return f"/conversations/{self.header['id']}"

    def add(self, message: PendingMessage, answer: dict[str, Any]) -> None:
        """Adds the user's message and its answer, unless both were read from the API: a reload reads what it has."""
        sent = {
            "id": f"{_BEFORE}{answer['message']['id']}", "role": "user", "text": message.text, "photos": message.photos,
            "documents": message.document_names,
        }  # fmt: skip
        if not any(shown["id"] == answer["message"]["id"] for shown in self.messages):
            self.is_stale = not self._cut(message.replaces)
            self.messages += [sent, answer["message"]]
        self.header = {**self.header, "updatedAt": answer["message"]["createdAt"]}
        self.answer, self.body, self.answer_is_new = answer, message.body, True
        untitled = not self.header["title"]
        self.refresh()
        self.title_checks = TITLE_CHECKS if untitled else 0

    def refresh(self) -> bool:
        """Reads everything but the messages again if possible. Returns whether the title changed."""
        before = self.header
        try:
            self.header = client().get(USE_CASE, self.path)
        except Failure:
            return False
        # A title by the model does not change the time.
        self.is_stale = self.is_stale or self.header["updatedAt"] != before["updatedAt"]
        return bool(self.header["title"] != before["title"])

    def kept_messages(self, replaces: str | None) -> list[dict[str, Any]]:
        """The messages before the turn of the message that is replaced; all if there is none."""
        return self.messages[: self._index(replaces)]

    def _index(self, replaces: str | None) -> int:
        ids = [api_id(message) for message in self.messages]
        if replaces not in ids:
            return len(ids)
        index = ids.index(replaces)
        return index - 1 if self.messages[index]["role"] == "assistant" and index else index

    def _cut(self, replaces: str | None) -> bool:
        """Removes what is replaced. Returns whether it was there."""
        index, count = self._index(replaces), len(self.messages)
        del self.messages[index:]
        return replaces is None or index < count

    def load_earlier(self) -> None:
        """Reads the messages before the first one. Raises `Failure`."""
        page = client().get(USE_CASE, f"{self.path}/messages", limit=_PAGE, cursor=self.cursor)
        self.messages, self.cursor = page["items"][::-1] + self.messages, page.get("nextCursor")


def pending_messages() -> dict[str, PendingMessage]:
    """Pending messages by conversation id; the empty id has the first message of a new conversation."""
    messages: dict[str, PendingMessage] = tab_state.values().setdefault("chat.pending_messages", {})
    return messages


def _conversations() -> dict[str, OpenConversation]:
    conversations: dict[str, OpenConversation] = st.session_state.setdefault("chat.conversations", {})
    return conversations


def load(conversation_id: str) -> OpenConversation:
    """The conversation, read once and then kept. Raises `Failure`."""
    loaded = _conversations().get(conversation_id)
    if loaded is None or loaded.is_stale:
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
    first_message.owns_conversation = True
    pending_messages()[conversation["id"]] = pending_messages().pop("")
    select(conversation["id"])


def send(conversation: OpenConversation, message: PendingMessage, show: Callable[[str], None]) -> None:
    """Sends `message`, if no earlier run has, and waits for its answer. `show` receives the answer so far."""
    call = _sent(conversation, message, client())
    if call is None:
        return
    shown = ""
    while not wait([call.response], _WAIT_SECONDS).done:
        if call.text != shown:
            shown = call.text
            show(shown)
        # Ends this run if the user clicked something; the next run waits on.
        pending_messages()
    finish(conversation, message)


def _sent(conversation: OpenConversation, message: PendingMessage, api: Client) -> Call | None:
    """The request; None if the user stopped the message before it was sent."""
    # A click starts another run while the one before may still be ending.
    with message.lock:
        if message.call is None and message.running:
            message.partial_answer, message.failure = "", None
            path = f"{conversation.path}/messages"
            key = message.key(f"{path}/stream", message.body)
            message.call = Call(USE_CASE, path, message.body, key, stream=True)
            threading.Thread(target=message.call.send, args=(api,), daemon=True).start()
        return message.call


def finish(conversation: OpenConversation, message: PendingMessage) -> bool:
    """Moves the answer, once it is complete, into the conversation. Returns whether there is nothing to wait for."""
    call = message.call
    if call is None:
        # Failed, and an earlier run, which was still ending, has noticed it first.
        return True
    if not call.response.done():
        return _is_given_up(conversation, message)
    try:
        answer = call.response.result()
    except Failure as failure:
        message.partial_answer = "" if failure.code == "stopped" else call.text
        if not failure.is_final and failure.code not in _ENDED:
            message.owns_conversation = False
        message.failed(failure)
        if failure.code == "conflict":
            forget(conversation.header["id"])
        return True
    # The answer is stored before anything is drawn: a click ends this run at the next Streamlit call.
    pending_messages().pop(conversation.header["id"], None)
    conversation.add(message, answer)
    return True


def take_back(conversation: OpenConversation, message: PendingMessage) -> bool:
    """Deletes the conversation of a first message that was refused, if it is empty. The message may begin another one.

    Returns whether it was deleted.
    """
    is_refused = message.failure is not None and message.failure.is_final
    if not is_refused or not message.owns_conversation or conversation.messages or "" in pending_messages():
        return False
    try:
        # Someone else, such as the user in another tab, may have sent a message.
        client().delete(USE_CASE, conversation.path, onlyEmpty="true")
    except Failure:
        message.owns_conversation = False
        forget(conversation.header["id"])
        return False
    # With the same key, the API would return the deleted conversation.
    message.attempt = secrets.token_hex(8)
    pending_messages()[""] = pending_messages().pop(conversation.header["id"])
    select("")
    return True


def await_stopped(conversation: OpenConversation, message: PendingMessage) -> None:
    """Waits until the API has stored a stopped answer, but not for long."""
    while not finish(conversation, message):
        time.sleep(_WAIT_SECONDS)
        # Ends this run if the user clicked something; the next run waits on.
        pending_messages()


def _is_given_up(conversation: OpenConversation, message: PendingMessage) -> bool:
    """After a while a stopped answer is left to the API: it is shown once it is stored."""
    if message.stopped_text is None or time.monotonic() - message.stopped_at < _STOP_SECONDS:
        return False
    pending_messages().pop(conversation.header["id"], None)
    forget(conversation.header["id"])
    return True


def stop(conversation: OpenConversation, message: PendingMessage) -> None:
    """Stops the answer. The page waits neither for that nor for the answer."""
    api = client()
    with message.lock:
        if message.call is None:
            # The click came before the request was sent.
            message.failed(Failure("stopped"))
        elif message.stopped_text is None:
            message.stopped_text, message.stopped_at = message.call.text, time.monotonic()
            arguments = (api, f"{conversation.path}/stop", message.call)
            threading.Thread(target=_post_stop, args=arguments, daemon=True).start()


def _post_stop(api: Client, path: str, call: Call) -> None:
    """Asks the API to stop. Again while the answer goes on: the first time, it may not have begun."""
    for _ in range(_STOP_ATTEMPTS):
        # If it fails, the answer goes on and is shown complete.
        with suppress(Failure):
            api.post(USE_CASE, path, {})
        if wait([call.response], _STOP_SECONDS / _STOP_ATTEMPTS).done:
            return


def replace(conversation: OpenConversation, message: Mapping[str, Any], *, again: bool) -> None:
    """Begins to replace a message of the user's: its answer is written `again`, or the message is changed first."""
    conversation_id = conversation.header["id"]
    if conversation_id in pending_messages():
        return
    pending = PendingMessage(message["text"], _encoded_photos(message), running=again, replaces=api_id(message))
    # The API keeps the text of documents only, so they are kept or left out together.
    pending.kept_documents = [*message.get("documents", ())]
    pending.original = (pending.text, [*pending.photos], [*pending.kept_documents])
    pending_messages()[conversation_id] = pending


def _encoded_photos(message: Mapping[str, Any]) -> list[dict[str, str]]:
    """The photos as the API takes them, without those that can't be loaded."""
    photos = []
    for number, photo in enumerate(message.get("photos", ())):
        with suppress(Failure):
            data = base64.b64encode(photo_bytes(message, number)).decode()
            photos.append({"contentType": photo["contentType"], "data": data})
    return photos


def api_id(message: Mapping[str, Any]) -> str:
    """The id of a message, or of its answer, by which the API finds it."""
    return str(message["id"]).removeprefix(_BEFORE)


def rate(conversation: OpenConversation, message: dict[str, Any], *, helpful: bool, comment: str | None = None) -> None:
    """Stores what the user thinks of an answer. Raises `Failure`."""
    feedback = {"helpful": helpful, **({"comment": comment} if comment else {})}
    if feedback == message.get("feedback"):
        return
    client().post(USE_CASE, f"{conversation.path}/messages/{message['id']}/feedback", feedback)
    message["feedback"] = feedback


def newest(count: int, search: str = "") -> tuple[list[dict[str, Any]], bool]:
    """The newest `count` conversations, or of those with a text, and whether there are more."""
    return client().newest(USE_CASE, "/conversations", count, search=search or None)


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
