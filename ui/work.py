"""
One call that costs money, from the click to its answer.

Streamlit runs a page's script again at every click. So what was asked, what came back and what went wrong are kept in
the session, the button is off while a call runs, and the call has an idempotency key that a reload finds again in the
address: nobody pays twice for one wish.
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
# A second click of a double click arrives when the first one's answer is already there.
_DOUBLE_CLICK_SECONDS = 0.6


@dataclass
class _State:
    running: bool = False
    ended: float = 0.0
    body: Mapping[str, Any] | None = None
    answer: dict[str, Any] | None = None
    failure: Failure | None = None
    problem: str | None = None
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)


class Work:
    """A `POST` of a use case, at most one at a time. `begin` goes to the button's `on_click`."""

    def __init__(self, use_case: str, path: str) -> None:
        self.use_case = use_case
        self.path = path

    @property
    def _state(self) -> _State:
        state: _State = st.session_state.setdefault(f"work {self.use_case} {self.path}", _State())
        return state

    @property
    def running(self) -> bool:
        """Whether a call is under way: the button is disabled meanwhile."""
        return self._state.running

    @property
    def answer(self) -> dict[str, Any] | None:
        """The last call's answer."""
        return self._state.answer

    @property
    def body(self) -> Mapping[str, Any] | None:
        """What the last call sent."""
        return self._state.body

    @property
    def failure(self) -> Failure | None:
        """Why the last call did not succeed."""
        return self._state.failure

    @property
    def problem(self) -> str | None:
        """What has to be mended before there is anything to send."""
        return self._state.problem

    def begin(self) -> None:
        """The click."""
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
        """If it was begun: sends `body`, or says the `problem`, and keeps what comes of it.

        With `show` the answer comes as a stream, from the path's `/stream`: it is given the text so far each time.
        """
        state = self._state
        # The second click of a double click has a run of its own, beside the first one that waits for its answer.
        with state.one_at_a_time:
            if not state.running:
                return
            state.problem, state.failure = problem, None
            if not problem:
                state.body, state.answer = body, None
                with st.spinner(waiting, show_time=True):
                    self._send(state, body, show)
            state.running = False
        st.rerun()

    def show(self, answer: dict[str, Any] | None) -> None:
        """Puts another answer (an earlier one, or none) in the place of the last."""
        self._state.answer, self._state.failure = answer, None

    def _send(self, state: _State, body: Mapping[str, Any], show: Callable[[str], None] | None) -> None:
        # All is kept before anything is drawn: after a click meanwhile, this run ends at the next drawing.
        try:
            if show:
                state.answer = self._streamed(body, show)
            else:
                state.answer = client().post(self.use_case, self.path, body, self._key(body))
        except Failure as failure:
            state.failure = failure
            if failure.code == "idempotency_key_reused":
                _forget_attempt()
        else:
            _forget_attempt()
        finally:
            state.running, state.ended = False, time.monotonic()

    def _streamed(self, body: Mapping[str, Any], show: Callable[[str], None]) -> dict[str, Any]:
        """The stream's last event. After a click meanwhile the next attempt has the same key, and gets its answer."""
        said, answer = "", dict[str, Any]()
        for event in client().events(self.use_case, f"{self.path}/stream", body, self._key(body)):
            if event.name == "delta":
                said += event.data["text"]
                show(said)
            else:
                answer = event.data
        return answer

    def _key(self, body: Mapping[str, Any]) -> str:
        wish = json.dumps([_attempt(), self.use_case, self.path, body], sort_keys=True)
        return hashlib.sha256(wish.encode()).hexdigest()[:32]


def _attempt() -> str:
    """This attempt's name, from the address after a reload."""
    if "attempt" not in st.session_state:
        st.session_state["attempt"] = st.query_params.get(_PARAMETER) or secrets.token_hex(4)
    return str(st.session_state["attempt"])


def _forget_attempt() -> None:
    st.session_state.pop("attempt", None)
    st.query_params.pop(_PARAMETER, None)
