"""
Failures on request: a marker in a prompt or text makes the stand-in fail as Bedrock would.

`[[simulate:ThrottlingException]]` fails always, `[[simulate:ThrottlingException:2:some-key]]` for the first two calls
with that key. `[[simulate:slow:40]]` waits 40 seconds first (`[[simulate:slow:40:1:key]]` once).
`[[simulate:refusal]]` and `[[simulate:invalid-json]]` change the answer. `[[simulate:cut]]`, `[[simulate:no-stop]]` and
`[[simulate:stream-error]]` end a stream after its first pieces, `[[simulate:slow-stream:2]]` waits two seconds before
each of them; they do nothing to an answer that is sent whole.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from dev.local.models.errors import STATUSES, ModelError, StreamCut, StreamError, invalid

_MARKER = re.compile(r"\[\[simulate:([A-Za-z-]+)((?::[^\]:]*)*)\]\]")
_MAX_WAIT_SECONDS = 110.0
# In a stream, the first pieces arrive before a fault, and a wait comes before each of them.
_FIRST_PIECES = 3
_ANSWERS = {"refusal", "invalid-json"}
_TIMED = {"slow", "slow-stream"}
_STREAM_FAULTS = {"cut", "no-stop", "stream-error"}
_STREAMED = {*_STREAM_FAULTS, "slow-stream"}
Event = tuple[str, dict[str, Any]]
Events = Generator[Event, None, None]
_MESSAGES = {
    "AccessDeniedException": "You don't have access to the model with the specified model ID.",
    "ModelErrorException": "The system encountered an unexpected error during processing. Try your request again.",
    "ModelTimeoutException": "The model has timed out in processing the request. Try your request again.",
    "ServiceUnavailableException": "Bedrock is unable to process your request.",
    "ThrottlingException": "Too many requests, please wait before trying again.",
}


def without_markers(text: str) -> str:
    """The text as the model should see it."""
    return _MARKER.sub("", text).strip()


@dataclass
class Asked:
    """What the markers change about an answer. `pause` is in seconds, before each of a stream's first pieces."""

    names: set[str] = field(default_factory=set)
    pause: float = 0.0

    def __contains__(self, name: str) -> bool:
        return name in self.names


class Simulator:
    """Remembers how often each counted marker was met."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._met: Counter[str] = Counter()
        self._lock = threading.Lock()

    def apply(self, text: str, *, streamed: bool = False) -> Asked:
        """
        Do what the markers say, and return what they change about the answer.

        Raises `ModelError` for a simulated one.
        """
        asked = Asked()
        for found in _MARKER.finditer(text):
            name, arguments = found.group(1), found.group(2).split(":")[1:]
            seconds = 0.0
            if name in _TIMED:
                seconds = min(_number(arguments[0] if arguments else "10"), _MAX_WAIT_SECONDS)
                arguments = arguments[1:]
            if name in _STREAMED and not streamed:
                continue
            if not self._still(name, arguments):
                continue
            if name == "slow":
                self._sleep(seconds)
            elif name == "slow-stream":
                asked.pause = seconds
            elif name in _ANSWERS or name in _STREAM_FAULTS:
                asked.names.add(name)
            elif name in STATUSES:
                raise ModelError(name, _MESSAGES.get(name, f"Simulated {name}."))
            else:
                raise invalid(f"Unknown simulation {name}.")
        return asked

    def disturb(self, events: Events, asked: Asked) -> Events:
        """A stream's events with its waits and its fault. Raises `StreamError` and `StreamCut`."""
        pieces = 0
        faulty = bool(asked.names & _STREAM_FAULTS)
        # Closed by hand: what writes must hear that nobody listens any more.
        with closing(events):
            for event in events:
                is_piece = event[0] == "contentBlockDelta"
                if is_piece and pieces < _FIRST_PIECES and asked.pause:
                    self._sleep(asked.pause)
                # An answer of fewer pieces fails before its end.
                if faulty and ((is_piece and pieces == _FIRST_PIECES) or event[0] == "contentBlockStop"):
                    break
                yield event
                pieces += is_piece
        if "cut" in asked:
            raise StreamCut
        if "stream-error" in asked:
            raise StreamError("modelStreamErrorException", "The model stream failed. Try your request again.")

    def _still(self, name: str, arguments: list[str]) -> bool:
        """Whether a marker with count and key still has to act; one without always does."""
        if not arguments or not arguments[0]:
            return True
        key = ":".join([name, *arguments[1:]])
        with self._lock:
            self._met[key] += 1
            return self._met[key] <= _number(arguments[0])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as failure:
        raise invalid(f"A simulation's number is not one: {text!r}.") from failure
