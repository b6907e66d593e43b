"""
Prompt caching as a caller sees it: the cached input tokens in `usage`.

Only hashes of prefixes are stored. Bedrock caches prefixes of a thousand tokens or more; here the length does not
matter, so that short examples work.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dev.local.models.errors import ModelError

Block = Mapping[str, Any]

_SECONDS = 300.0
# Bedrock looks for a cached prefix in this many blocks before a cache point.
_LOOK_BACK = 20
_CACHING = re.compile(
    r"anthropic\.claude-(?!3-haiku|3-sonnet|3-opus|v2|instant)|amazon\.nova-(?:2-lite|micro|lite|pro|premier)"
)


def caches(model: str) -> bool:
    """Whether Bedrock supports prompt caching for the model."""
    return bool(_CACHING.search(model))


@dataclass(frozen=True)
class Cached:
    """Input tokens read from and written to the cache."""

    read: int
    written: int


class PromptCache:
    """
    Remembers prefixes until five minutes after their last use.

    :param count: counts the input tokens of blocks.
    """

    def __init__(self, count: Callable[[list[Block]], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def look_up(self, model: str, request: Mapping[str, Any]) -> Cached | None:
        """None for a request without cache points. Raises `ModelError` if the model does not support them."""
        blocks: list[Block] = []
        prefixes, points = [model], []
        running = hashlib.sha256(model.encode())
        for place, block in _blocks(request):
            if "cachePoint" in block:
                points.append(len(blocks))
                continue
            running.update(json.dumps([place, block], sort_keys=True).encode())
            prefixes.append(running.hexdigest())
            blocks.append(block)
        if not points:
            return None
        if not caches(model):
            raise ModelError(
                "AccessDeniedException",
                "You invoked an unsupported model or your request did not allow prompt caching. "
                "See the documentation for more information.",
            )
        cached = self._remember(prefixes, points)
        read = self._count(blocks[:cached])
        return Cached(read, max(self._count(blocks[: points[-1]]) - read, 0))

    def _remember(self, prefixes: list[str], points: list[int]) -> int:
        """Returns the number of cached blocks."""
        with self._lock:
            now = self._clock()
            self._until = {prefix: until for prefix, until in self._until.items() if until > now}
            candidates = {at for point in points for at in range(max(point - _LOOK_BACK, 0), point + 1)}
            longest = max((at for at in candidates if prefixes[at] in self._until), default=0)
            for at in {longest, *points} - {0}:
                self._until[prefixes[at]] = now + _SECONDS
            return longest


def _blocks(request: Mapping[str, Any]) -> Iterator[tuple[str, Block]]:
    """The blocks in the order in which they form the prompt."""
    for tool in (request.get("toolConfig") or {}).get("tools") or []:
        yield "tools", tool
    for block in request.get("system") or []:
        yield "system", block
    for message in request["messages"]:
        for block in message["content"]:
            yield message["role"], block
