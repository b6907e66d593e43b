"""
Failures on request: a marker in a prompt or text makes the stand-in fail as Bedrock would.

`[[simulate:ThrottlingException]]` fails always, `[[simulate:ThrottlingException:2:some-key]]` for the first two calls
with that key. `[[simulate:slow:40]]` waits 40 seconds first (`[[simulate:slow:40:1:key]]` once).
`[[simulate:refusal]]` and `[[simulate:invalid-json]]` change the answer.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable

from local.models.errors import STATUSES, ModelError, invalid

_MARKER = re.compile(r"\[\[simulate:([A-Za-z-]+)((?::[^\]:]*)*)\]\]")
_MAX_WAIT_SECONDS = 110.0
ANSWERS = {"refusal", "invalid-json"}
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


class Simulator:
    """Remembers how often each counted marker was met."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._met: Counter[str] = Counter()
        self._lock = threading.Lock()

    def apply(self, text: str) -> set[str]:
        """
        Do what the markers say, and return those that change the answer.

        Raises `ModelError` for a simulated one.
        """
        asked: set[str] = set()
        for found in _MARKER.finditer(text):
            name, arguments = found.group(1), found.group(2).split(":")[1:]
            seconds = 0.0
            if name == "slow":
                seconds = _number(arguments[0] if arguments else "10")
                arguments = arguments[1:]
            if not self._still(name, arguments):
                continue
            if name == "slow":
                self._sleep(min(seconds, _MAX_WAIT_SECONDS))
            elif name in ANSWERS:
                asked.add(name)
            elif name in STATUSES:
                raise ModelError(name, _MESSAGES.get(name, f"Simulated {name}."))
            else:
                raise invalid(f"Unknown simulation {name}.")
        return asked

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
