"""What a person's chat knows between two runs of the page: the conversation that is open, and what is being said."""

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
# The model names a conversation a little after its first turn; then the page looks so often, every so many seconds.
LOOKS = 8
LOOK_SECONDS = 2.0


@dataclass
class Turn:
    """What somebody says, from the click until its answer is there."""

    text: str
    photos: list[dict[str, str]] = field(default_factory=list)
    running: bool = True
    said: str = ""
    """The pieces of an answer that did not come to its end."""
    problem: str | None = None
    """What has to be mended before it can be sent."""
    failure: Failure | None = None
    attempt: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def body(self) -> dict[str, Any]:
        """As the API takes it."""
        return {"text": self.text, "photos": self.photos} if self.photos else {"text": self.text}

    def key(self, path: str, body: Mapping[str, Any]) -> str:
        """The same for the same body, however often it is sent: nothing is said twice."""
        wish = json.dumps([self.attempt, path, body], sort_keys=True)
        return hashlib.sha256(wish.encode()).hexdigest()[:32]

    def failed(self, failure: Failure) -> None:
        """It stays, with what the person typed."""
        self.running, self.failure = False, failure
        if failure.code == "idempotency_key_reused":
            self.attempt = secrets.token_hex(8)


@dataclass
class Talk:
    """An open conversation: as many of its messages, oldest first, as were asked for."""

    conversation: dict[str, Any]
    messages: list[dict[str, Any]]
    cursor: str | None
    answer: dict[str, Any] | None = None
    """The last turn's, since the page was opened."""
    body: dict[str, Any] | None = None
    fresh: bool = False
    """The answer has just come."""
    looks: int = 0
    """How often the page still looks for the title that the model is to find."""

    @property
    def path(self) -> str:
        return f"/conversations/{self.conversation['id']}"

    def add(self, turn: Turn, answer: dict[str, Any]) -> None:
        """The turn is done."""
        asked = {"id": f"before {answer['message']['id']}", "role": "user", "text": turn.text, "photos": turn.photos}
        self.messages += [asked, answer["message"]]
        self.answer, self.body, self.fresh = answer, turn.body, True
        unnamed = not self.conversation["title"]
        self.refresh()
        self.looks = LOOKS if unnamed else 0

    def refresh(self) -> bool:
        """Reads all but the messages again, if it can be read. Whether the title is another one."""
        before = self.conversation["title"]
        try:
            self.conversation = client().get(USE_CASE, self.path)
        except Failure:
            return False
        return bool(self.conversation["title"] != before)

    def earlier(self) -> None:
        """Reads the messages before the first one."""
        found = client().get(USE_CASE, f"{self.path}/messages", limit=_PAGE, cursor=self.cursor)
        self.messages, self.cursor = found["items"][::-1] + self.messages, found.get("nextCursor")


def turns() -> dict[str, Turn]:
    """What is being said, by conversation; under the empty id, what is to begin one."""
    known: dict[str, Turn] = st.session_state.setdefault("chat.turns", {})
    return known


def _talks() -> dict[str, Talk]:
    known: dict[str, Talk] = st.session_state.setdefault("chat.talks", {})
    return known


def talk(conversation: str) -> Talk:
    """The conversation as it was read last. Raises `Failure`."""
    if conversation not in _talks():
        path = f"/conversations/{conversation}"
        found = client().get(USE_CASE, path)
        messages = client().get(USE_CASE, f"{path}/messages", limit=_PAGE)
        _talks()[conversation] = Talk(found, messages["items"][::-1], messages.get("nextCursor"))
    return _talks()[conversation]


def forget(conversation: str) -> None:
    """What was read of it: it is read again."""
    _talks().pop(conversation, None)


def chosen() -> str:
    """The id of the conversation that is open, empty for none. It stands in the address, too, for a reload."""
    asked = st.query_params.get(_PARAMETER)
    if asked is not None:
        st.session_state[_OPEN] = asked
    elif st.session_state.get(_OPEN):
        # Going to another page and back empties the address.
        st.query_params[_PARAMETER] = st.session_state[_OPEN]
    return str(st.session_state.get(_OPEN, ""))


def choose(conversation: str) -> None:
    """Opens a conversation as it is now; with an empty id, none."""
    forget(conversation)
    st.session_state[_OPEN] = conversation
    if conversation:
        st.query_params[_PARAMETER] = conversation
    else:
        st.query_params.pop(_PARAMETER, None)


def begin(turn: Turn, beginning: Mapping[str, Any]) -> None:
    """Makes the conversation that `turn` is the first of, and opens it. Raises `Failure`."""
    made = client().post(USE_CASE, "/conversations", beginning, turn.key("/conversations", beginning))
    turns()[made["id"]] = turns().pop("")
    choose(made["id"])


def send(of: Talk, turn: Turn, show: Callable[[str], None]) -> None:
    """Says it. `show` gets the answer so far; what comes of it is kept in `of` and `turn`."""
    path = f"{of.path}/messages/stream"
    turn.said, turn.failure = "", None
    # Closed whatever happens: whoever clicks elsewhere ends the model's work.
    with closing(client().events(USE_CASE, path, turn.body, turn.key(path, turn.body))) as events:
        try:
            for event in events:
                if event.name == "message":
                    # All is kept before anything is drawn: after a click meanwhile, this run ends at the next drawing.
                    turns().pop(of.conversation["id"], None)
                    of.add(turn, event.data)
                    return
                turn.said += event.data.get("text", "")
                show(turn.said)
        except Failure as failure:
            turn.failed(failure)
            if failure.code == "conflict":
                forget(of.conversation["id"])


def listed(count: int) -> tuple[list[dict[str, Any]], bool]:
    """The newest `count` conversations, and whether there are more."""
    return client().newest(USE_CASE, "/conversations", count)


def models() -> list[str]:
    """The models to choose from, if the playground is there to name them: both use cases offer the stage's."""
    if "chat.models" not in st.session_state:
        try:
            known = client().get("playground", "/models")["items"]
        except Failure:
            known = []
        st.session_state["chat.models"] = [one["id"] for one in known if one["purpose"] == "text"]
    found: list[str] = st.session_state["chat.models"]
    return found


def photo_bytes(message: Mapping[str, Any], number: int) -> bytes:
    """A message's photo. A message never changes, so its id stands for it; a photo's URL is another one every time."""
    shown = message["photos"][number]
    if "data" in shown:
        return base64.b64decode(shown["data"])
    kept: dict[tuple[str, int], bytes] = st.session_state.setdefault("chat.photos", {})
    name = (str(message["id"]), number)
    if name not in kept:
        kept[name] = client().download(shown["url"])
    return kept[name]
