"""Uploads with presigned forms: requests to the APIs are limited to a few MB."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ui.client import Client, Failure
from ui.session import client
from ui.texts import t

# The same file, or none because the first click has emptied the field, within this time is a double click.
_DOUBLE_CLICK_SECONDS = 10.0


@dataclass
class Uploads:
    """A session's uploads to a use case. `ids`: what was created for them. `round`: a part of the file field's key."""

    use_case: str
    ids: set[str] = field(default_factory=set)
    round: int = 0
    _emptied: float = -_DOUBLE_CLICK_SECONDS
    _times: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_double_click(self) -> bool:
        """Whether the file field was emptied just now: the second click finds nothing in it."""
        return time.monotonic() - self._emptied < _DOUBLE_CLICK_SECONDS

    def empty_field(self) -> None:
        """Empties the file field: with a new key, Streamlit draws another one."""
        self.round += 1
        self._emptied = time.monotonic()

    def status(self, item: Mapping[str, Any]) -> str:
        """What to show as the status of something: it no longer waits for a file that this session has uploaded.

        Without an upload, `awaitingUpload` lasts until the form expires.
        """
        uploaded = item["status"] == "awaitingUpload" and item["id"] in self.ids
        return "processing" if uploaded else str(item["status"])

    def send(self, path: str, body: Mapping[str, Any], name: str, content: bytes) -> None:
        """Creates a resource and posts its file. `body` has the file's digest. A repetition does nothing."""
        api, file_key = client(), json.dumps(body, sort_keys=True)
        # The second click of a double click starts another run while this one waits for the API. Don't call Streamlit
        # with the lock held: it would end this run before the upload completes.
        with self._lock:
            uploaded = self._times.get(file_key)
            if uploaded is None or time.monotonic() - uploaded >= _DOUBLE_CLICK_SECONDS:
                self.ids.add(_create(api, self.use_case, path, body, name, content))
                self._times[file_key] = time.monotonic()


def printable(name: str, most: int) -> str:
    """A file's name as the name of what is created from it: on one line, of at most `most` characters."""
    return "".join(character if character.isprintable() else " " for character in name).strip()[:most]


def ask_for_file() -> None:
    """Shown after a click without a file. style.css hides it once there is one: forms don't run the page for that."""
    with st.container(key="no-file"):
        st.warning(t("components.no_file"), icon=":material/edit:")


def uploads(use_case: str) -> Uploads:
    """The session's uploads to a use case."""
    state: Uploads = st.session_state.setdefault(f"uploads {use_case}", Uploads(use_case))
    return state


def _create(api: Client, use_case: str, path: str, body: Mapping[str, Any], name: str, content: bytes) -> str:
    created = api.post(use_case, path, body)
    try:
        api.upload(created["upload"], name, content)
    except Failure:
        # Otherwise it would wait for its file until the form expires.
        api.delete(use_case, f"{path}/{created['id']}")
        raise
    return str(created["id"])
