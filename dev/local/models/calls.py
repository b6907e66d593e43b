"""Logs model calls without their prompts, and keeps the latest calls with prompts in memory."""

import hashlib
import json
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_REMEMBERED = 2000


@dataclass(frozen=True)
class Call:
    """One model call. `prompt` is a hash of the prompt."""

    at: float
    model: str
    operation: str
    status: int
    milliseconds: int
    prompt: str
    input_tokens: int
    output_tokens: int
    images: int
    error: str = ""


class Calls:
    """The log file and the latest calls."""

    def __init__(self, log: Path | None) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._last: deque[tuple[Call, str]] = deque(maxlen=_REMEMBERED)

    def add(self, call: Call, text: str) -> None:
        with self._lock:
            self._last.append((call, text))
            if self._log:
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(asdict(call)) + "\n")

    def matching(self, model: str = "", contains: str = "") -> list[dict[str, Any]]:
        """The latest calls, optionally of one model or with a text in the request."""
        with self._lock:
            return [
                asdict(call) for call, text in self._last if (not model or call.model == model) and contains in text
            ]


def prompt_hash(text: str) -> str:
    """A short hash that identifies equal requests."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def now() -> float:
    """Seconds since the epoch, to the millisecond."""
    return round(time.time(), 3)
