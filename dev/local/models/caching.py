"""
Prompt caching, as far as a caller sees it: the input tokens that `usage` counts as written to and read from the cache.

Nothing is kept but hashes. Bedrock caches a prefix only from some thousand tokens on; here every one counts, so that a
short example shows it.
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
# So many blocks before a cache point Bedrock looks for a prefix that it knows: a conversation moves its point on.
_LOOK_BACK = 20
_CACHING = re.compile(
    r"anthropic\.claude-(?!3-haiku|3-sonnet|3-opus|v2|instant)|amazon\.nova-(?:micro|lite|pro|premier)"
)


def caches(model: str) -> bool:
    """Whether Bedrock takes cache points for the model."""
    return bool(_CACHING.search(model))


@dataclass(frozen=True)
class Cached:
    """Input tokens that are counted apart."""

    read: int
    written: int


class PromptCache:
    """
    Remembers prefixes for five minutes from their last use.

    :param count: the input tokens of some blocks.
    """

    def __init__(self, count: Callable[[list[Block]], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def look(self, model: str, request: Mapping[str, Any]) -> Cached | None:
        """None for a request without cache points. Raises `ModelError` for a model that takes none."""
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
        known = self._remember(prefixes, points)
        read = self._count(blocks[:known])
        return Cached(read, max(self._count(blocks[: points[-1]]) - read, 0))

    def _remember(self, prefixes: list[str], points: list[int]) -> int:
        """Returns how many blocks were known already."""
        with self._lock:
            now = self._clock()
            self._until = {prefix: until for prefix, until in self._until.items() if until > now}
            near = {at for point in points for at in range(max(point - _LOOK_BACK, 0), point + 1)}
            known = max((at for at in near if prefixes[at] in self._until), default=0)
            for at in {known, *points} - {0}:
                self._until[prefixes[at]] = now + _SECONDS
            return known


def _blocks(request: Mapping[str, Any]) -> Iterator[tuple[str, Block]]:
    """In the order in which a prompt is made of them."""
    for tool in (request.get("toolConfig") or {}).get("tools") or []:
        yield "tools", tool
    for block in request.get("system") or []:
        yield "system", block
    for message in request["messages"]:
        for block in message["content"]:
            yield message["role"], block
