"""HR Q&A's requests, sent with patience: what is refused for the moment is sent again, what fails is an error."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dev.tools.caller import Answer, Caller

USE_CASE = "hr-qa"
# Throttled, and not reachable for the moment.
_LATER = (429, 503)
_ATTEMPTS = 10
_LONGEST_WAIT = 30.0


class RequestFailed(Exception):
    """A request that got no answer; the message is its status and code, or what broke the connection."""


class Reply(msgspec.Struct, frozen=True):
    """An answer's body, and the milliseconds of the attempt that brought it."""

    body: Any
    milliseconds: float


class Client:
    """Sends a caller's requests. `repeated` counts those that had to be sent again, by status."""

    def __init__(
        self,
        caller: Caller,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._caller = caller
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self.repeated: Counter[str] = Counter()

    def send(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Reply:
        """Raises `RequestFailed`."""
        for attempt in range(_ATTEMPTS):
            started = self._clock()
            try:
                answer = self._caller.call(method, USE_CASE, path, body, query=query)
            except OSError as error:
                raise RequestFailed(f"no answer: {error}") from error
            milliseconds = (self._clock() - started) * 1000
            if answer.status < 300:
                return Reply(answer.body, milliseconds)
            if answer.status not in _LATER:
                raise RequestFailed(_described(answer))
            with self._lock:
                self.repeated[str(answer.status)] += 1
            if attempt < _ATTEMPTS - 1:
                self._sleep(_wait(answer.headers, attempt))
        raise RequestFailed(f"{_described(answer)}, {_ATTEMPTS} times")

    def upload(self, form: Mapping[str, Any], content: bytes) -> None:
        """Posts a file by the form of `POST /documents`. Raises `RequestFailed`."""
        try:
            answer = self._caller.upload(form, content)
        except OSError as error:
            raise RequestFailed(f"no answer: {error}") from error
        if answer.status >= 300:
            raise RequestFailed(f"upload refused: {answer.status}")


def _described(answer: Answer) -> str:
    try:
        return f"{answer.status} {answer.code}"
    except (ValueError, KeyError, TypeError):  # not from the API, but from something before it
        return str(answer.status)


def _wait(headers: Mapping[str, str], attempt: int) -> float:
    """Seconds: what `Retry-After` says, else longer each time."""
    asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(asked) if asked.isdecimal() else float(2**attempt), _LONGEST_WAIT)
