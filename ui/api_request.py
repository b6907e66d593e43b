"""
One `POST` that costs money, from the click to its response.

Streamlit runs a page's script again after every click. The state of the request is therefore kept in the session, and
its button is disabled while it runs. An idempotency key, which a reload restores from the page's URL, makes sure that
nothing is charged twice.
"""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ui.client import Failure
from ui.session import client

_PARAMETER = "try"
# The second click of a double click may arrive when the first response is already there.
_DOUBLE_CLICK_SECONDS = 0.6


@dataclass
class _State:
    running: bool = False
    ended: float = 0.0
    body: Mapping[str, Any] | None = None
    response: dict[str, Any] | None = None
    failure: Failure | None = None
    problem: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class ApiRequest:
    """A `POST` of a use case; only one runs at a time. Pass `start` to the button's `on_click`."""

    def __init__(self, use_case: str, path: str) -> None:
        self.use_case = use_case
        self.path = path

    @property
    def _state(self) -> _State:
        state: _State = st.session_state.setdefault(f"api_request {self.use_case} {self.path}", _State())
        return state

    @property
    def running(self) -> bool:
        """Whether the request is running; its button is disabled until it ends."""
        return self._state.running

    @property
    def response(self) -> dict[str, Any] | None:
        """The last response."""
        return self._state.response

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The last body that was sent."""
        return self._state.body

    @property
    def failure(self) -> Failure | None:
        """Why the last request failed."""
        return self._state.failure

    @property
    def problem(self) -> str | None:
        """What the user has to correct before anything is sent."""
        return self._state.problem

    def start(self) -> None:
        """Handles the click. A second click right after the response is ignored."""
        if time.monotonic() - self._state.ended > _DOUBLE_CLICK_SECONDS:
            self._state.running = True
            st.query_params[_PARAMETER] = _attempt()

    def run(
        self,
        body: Mapping[str, Any],
        waiting: str,
        problem: str | None = None,
        show: Callable[[str], None] | None = None,
    ) -> None:
        """Sends `body` if the request was started, or stores the `problem`, and keeps the result.

        With `show` the response is streamed from `<path>/stream`: `show` receives the text so far for every piece.
        """
        state = self._state
        # The second click of a double click starts another run while the first one waits for its response.
        with state.lock:
            if not state.running:
                return
            state.problem, state.failure = problem, None
            if not problem:
                state.body, state.response = body, None
                with st.spinner(waiting, show_time=True):
                    self._send(state, body, show)
            state.running = False
        st.rerun()

    def replace_response(self, response: dict[str, Any] | None) -> None:
        """Replaces the last response with an earlier one or with none."""
        self._state.response, self._state.failure = response, None

    def _send(self, state: _State, body: Mapping[str, Any], show: Callable[[str], None] | None) -> None:
        # The result is stored before anything is drawn: a click ends this run at the next Streamlit call.
        try:
            if show:
                state.response = self._streamed(body, show)
            else:
                state.response = client().post(self.use_case, self.path, body, self._key(body))
        except Failure as failure:
            state.failure = failure
            if failure.code == "idempotency_key_reused":
                _forget_attempt()
        else:
            _forget_attempt()
        finally:
            state.running, state.ended = False, time.monotonic()

    def _streamed(self, body: Mapping[str, Any], show: Callable[[str], None]) -> dict[str, Any]:
        """The last event of the stream. If a click ends this run, the next attempt reuses the key and the response."""
        text, response = "", dict[str, Any]()
        for event in client().events(self.use_case, f"{self.path}/stream", body, self._key(body)):
            if event.name == "delta":
                text += event.data["text"]
                show(text)
            else:
                response = event.data
        return response

    def _key(self, body: Mapping[str, Any]) -> str:
        content = json.dumps([_attempt(), self.use_case, self.path, body], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def _attempt() -> str:
    """The id of this attempt; after a reload, the one in the page's URL."""
    if "attempt" not in st.session_state:
        st.session_state["attempt"] = st.query_params.get(_PARAMETER) or secrets.token_hex(4)
    return str(st.session_state["attempt"])


def _forget_attempt() -> None:
    st.session_state.pop("attempt", None)
    st.query_params.pop(_PARAMETER, None)
