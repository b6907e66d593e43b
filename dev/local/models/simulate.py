"""
Simulated failures: a marker in a prompt or text makes the local models fail as Bedrock would.

`[[simulate:ThrottlingException]]` always fails, `[[simulate:ThrottlingException:2:some-key]]` fails for the first two
calls with that key. `[[simulate:ThrottlingException@nova-2-lite]]` fails for models with this in their id only.
`[[simulate:slow:40]]` waits 40 seconds first (`[[simulate:slow:40:1:key]]` once).
`[[simulate:refusal]]` and `[[simulate:invalid-json]]` change the answer. `[[simulate:cut]]`, `[[simulate:no-stop]]` and
`[[simulate:stream-error]]` end a stream after its first pieces; `[[simulate:slow-stream:2]]` waits two seconds before
each of those. These four do not affect answers that are not streamed.
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

_MARKER = re.compile(r"\[\[simulate:([A-Za-z-]+)(?:@([a-z0-9.-]{1,100}))?((?::[^\]:]*)*)\]\]")
_MAX_WAIT_SECONDS = 110.0
# The pieces that arrive before a simulated stream fault, or that are delayed.
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
    """The text that the model receives."""
    return _MARKER.sub("", text).strip()


@dataclass
class Simulation:
    """The requested changes to an answer. `pause` is the delay in seconds before each of a stream's first pieces."""

    names: set[str] = field(default_factory=set)
    pause: float = 0.0

    def __contains__(self, name: str) -> bool:
        return name in self.names


class Simulator:
    """Counts the occurrences of markers that have a limit."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def apply(self, model: str, text: str, *, streamed: bool = False) -> Simulation:
        """
        Executes the markers for the model and returns the changes to the answer.

        Raises a simulated `ModelError`.
        """
        simulation = Simulation()
        for marker in _MARKER.finditer(text):
            name, part, arguments = marker.group(1), marker.group(2), marker.group(3).split(":")[1:]
            if part and part not in model:
                continue
            seconds = 0.0
            if name in _TIMED:
                seconds = min(_number(arguments[0] if arguments else "10"), _MAX_WAIT_SECONDS)
                arguments = arguments[1:]
            if name in _STREAMED and not streamed:
                continue
            if not self._applies(name, arguments):
                continue
            if name == "slow":
                self._sleep(seconds)
            elif name == "slow-stream":
                simulation.pause = seconds
            elif name in _ANSWERS or name in _STREAM_FAULTS:
                simulation.names.add(name)
            elif name in STATUSES:
                raise ModelError(name, _MESSAGES.get(name, f"Simulated {name}."))
            else:
                raise invalid(f"Unknown simulation {name}.")
        return simulation

    def disturb(self, events: Events, simulation: Simulation) -> Events:
        """Adds the delays and the fault to a stream. Raises `StreamError` and `StreamCut`."""
        pieces = 0
        faulty = bool(simulation.names & _STREAM_FAULTS)
        # Closing the events stops generation.
        with closing(events):
            for event in events:
                is_piece = event[0] == "contentBlockDelta"
                if is_piece and pieces < _FIRST_PIECES and simulation.pause:
                    self._sleep(simulation.pause)
                # A shorter answer fails before its end.
                if faulty and ((is_piece and pieces == _FIRST_PIECES) or event[0] == "contentBlockStop"):
                    break
                yield event
                pieces += is_piece
        if "cut" in simulation:
            raise StreamCut
        if "stream-error" in simulation:
            raise StreamError("modelStreamErrorException", "The model stream failed. Try your request again.")

    def _applies(self, name: str, arguments: list[str]) -> bool:
        """Whether a marker still applies; one without a count always does."""
        if not arguments or not arguments[0]:
            return True
        key = ":".join([name, *arguments[1:]])
        with self._lock:
            self._counts[key] += 1
            return self._counts[key] <= _number(arguments[0])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as failure:
        raise invalid(f"Not a number in a simulation marker: {text!r}.") from failure
