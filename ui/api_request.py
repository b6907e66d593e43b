"""
One `POST` that costs money, from the click to its response.

Streamlit runs a page's script again after every click, and ends the run before. The request is therefore sent by a
thread of its own, its state outlives page changes and reloads, and every run of the page waits for the same response.
An idempotency key, which a reload restores from the page's URL, makes sure that nothing is charged twice.
"""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ui import lists, tab_state
from ui.client import Client, Failure
from ui.session import client

_PARAMETER = "try"
# The second click of a double click may arrive when the first response is already there.
_DOUBLE_CLICK_SECONDS = 0.6
_WAIT_SECONDS = 0.1

# Receives the text so far.
Show = Callable[[str], None]


@dataclass
class Call:
    """A request that has been sent. With `stream`, `text` grows while the response arrives."""

    use_case: str
    path: str
    body: Mapping[str, Any]
    key: str
    stream: bool
    text: str = ""
    response: Future[dict[str, Any]] = field(default_factory=Future)

    def send(self, api: Client) -> None:
        """Runs in a thread of its own, which has no access to the session."""
        try:
            self.response.set_result(self._streamed(api) if self.stream else self._posted(api))
        except BaseException as error:  # noqa: BLE001 - the page's run raises it again
            self.response.set_exception(error)

    def _posted(self, api: Client) -> dict[str, Any]:
        return api.post(self.use_case, self.path, self.body, self.key)

    def _streamed(self, api: Client) -> dict[str, Any]:
        """The last event of the stream."""
        response = dict[str, Any]()
        for event in api.events(self.use_case, f"{self.path}/stream", self.body, self.key):
            if event.name == "delta":
                self.text += event.data["text"]
            else:
                response = event.data
        return response


@dataclass
class _State:
    started: bool = False
    """Whether the button was clicked, and nothing sent yet."""
    call: Call | None = None
    """The request whose response is still awaited."""
    ended: float = 0.0
    body: Mapping[str, Any] | None = None
    response: dict[str, Any] | None = None
    failure: Failure | None = None
    problem: str | None = None
    # A click starts another run while the one before may still be ending.
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def running(self) -> bool:
        return self.started or self.call is not None


class ApiRequest:
    """A `POST` of a use case; only one runs at a time. Pass `start` to the button's `on_click`."""

    def __init__(self, use_case: str, path: str, name: str = "") -> None:
        """`name` distinguishes requests to the same path that run at the same time."""
        self.use_case = use_case
        self.path = path
        self.name = name
        # The response may have arrived while another page was shown.
        self.keep_response()
        self.was_running = self.running

    @property
    def _state(self) -> _State:
        state: _State = tab_state.values().setdefault(f"api_request {self.use_case} {self.path} {self.name}", _State())
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
        """Handles the click. A second click, while the request runs or right after its response, is ignored."""
        state = self._state
        if not state.running and time.monotonic() - state.ended > _DOUBLE_CLICK_SECONDS:
            # First: every use of Streamlit may end this run.
            state.started = True
            st.query_params[_PARAMETER] = _attempt()

    def run(self, body: Mapping[str, Any], waiting: str, problem: str | None = None, show: Show | None = None) -> None:
        """Sends `body` if the request was started, or stores the `problem`, and waits for the response.

        With `show` the response is streamed from `<path>/stream`: `show` receives the text so far again and again.
        """
        run_all([(self, body, show)], waiting, problem)

    def replace_response(self, response: dict[str, Any] | None) -> None:
        """Replaces the last response with an earlier one or with none."""
        self._state.response, self._state.failure = response, None

    def has_problem(self, problem: str | None) -> bool:
        """Stores the problem, unless the request has been sent. Returns whether there is nothing to wait for."""
        state = self._state
        with state.lock:
            if state.call is None:
                state.problem, state.failure = problem, None
                state.started = state.started and not problem
            return not state.running

    def send(self, body: Mapping[str, Any], *, stream: bool) -> Call | None:
        """The request that runs, sent now unless an earlier run has sent it."""
        state, api, key = self._state, client(), self._key(body)
        # Every use of Streamlit may end this run: what is inside must not be left half done.
        with state.lock:
            if state.started:
                state.started = False
                state.body, state.response = body, None
                state.call = Call(self.use_case, self.path, body, key, stream)
                threading.Thread(target=state.call.send, args=(api,), daemon=True).start()
            return state.call

    def keep_response(self) -> None:
        """Moves the response, once it has arrived, from the call to the session."""
        state = self._state
        call = state.call
        if call is None or not call.response.done():
            return
        error = call.response.exception()
        if error is None or (isinstance(error, Failure) and error.code == "idempotency_key_reused"):
            _forget_attempt()
        with state.lock:
            if state.call is not call:
                return
            state.call, state.ended = None, time.monotonic()
            lists.forget(self.use_case)
            if error is None:
                state.response = call.response.result()
            elif isinstance(error, Failure):
                state.failure = error
            else:
                raise error

    def _key(self, body: Mapping[str, Any]) -> str:
        content = json.dumps([_attempt(), self.use_case, self.path, body], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def run_all(
    requests: Sequence[tuple[ApiRequest, Mapping[str, Any], Show | None]], waiting: str, problem: str | None = None
) -> None:
    """Runs requests at the same time, each with its body and its `show`, as `ApiRequest.run` does."""
    running = [item for item in requests if item[0].running and not item[0].has_problem(problem)]
    if running:
        with st.spinner(waiting, show_time=True):
            _wait([(request.send(body, stream=show is not None), show) for request, body, show in running])
        for request, _, _ in running:
            request.keep_response()
    if any(request.was_running for request, _, _ in requests):
        # The button was drawn disabled.
        st.rerun()


def _wait(calls: Sequence[tuple[Call | None, Show | None]]) -> None:
    shown: dict[int, str] = {}
    waiting = True
    while waiting:
        waiting = bool(wait([call.response for call, _ in calls if call], _WAIT_SECONDS).not_done)
        for number, (call, show) in enumerate(calls):
            if call and show and call.text != shown.get(number, ""):
                shown[number] = call.text
                show(call.text)
        # Ends this run if the user clicked something; the next run waits on.
        _ = st.session_state.get(_PARAMETER)


def _attempt() -> str:
    """The id of this attempt; after a reload, the one in the page's URL."""
    if "attempt" not in st.session_state:
        st.session_state["attempt"] = st.query_params.get(_PARAMETER) or secrets.token_hex(4)
    return str(st.session_state["attempt"])


def _forget_attempt() -> None:
    st.session_state.pop("attempt", None)
    st.query_params.pop(_PARAMETER, None)
