"""Prompt caching in `usage`."""

from typing import Any

import pytest

from dev.local.models.caching import Block, Cached, PromptCache, caches
from dev.local.models.errors import ModelError
from lambda_src.shared import catalog

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
_POINT = {"cachePoint": {"type": "default"}}


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def cache(clock: _Clock) -> PromptCache:
    """A cache that counts one token per character."""

    def count(blocks: list[Block]) -> int:
        return sum(len(block["text"]) for block in blocks)

    return PromptCache(count, clock)


def _request(*texts: str, system: str = "sys") -> dict[str, Any]:
    """One turn per text, with cache points after the system prompt and after the second-to-last text."""
    blocks: list[list[dict[str, Any]]] = [[{"text": text}] for text in texts]
    if len(blocks) > 1:
        blocks[-2].append(_POINT)
    roles = ("user", "assistant")
    turns = [{"role": roles[number % 2], "content": content} for number, content in enumerate(blocks)]
    return {"system": [{"text": system}, _POINT], "messages": turns}


def test_support_for_caching_matches_the_catalog() -> None:
    for model in catalog.models():
        assert caches(model.id) == model.prompt_caching, model.id


def test_a_second_request_reads_the_first_ones_prefix(cache: PromptCache) -> None:
    assert cache.look_up(HAIKU, _request("hello")) == Cached(read=0, written=3)
    assert cache.look_up(HAIKU, _request("another")) == Cached(read=3, written=0)


def test_a_conversation_reads_earlier_turns_and_writes_new_ones(cache: PromptCache) -> None:
    cache.look_up(HAIKU, _request("ab", "cd", "ef"))
    assert cache.look_up(HAIKU, _request("ab", "cd", "ef", "ghi", "j")) == Cached(read=7, written=5)


def test_a_changed_prefix_or_another_model_reads_nothing(cache: PromptCache) -> None:
    cache.look_up(HAIKU, _request("hello"))
    assert cache.look_up(HAIKU, _request("hello", system="SYS")) == Cached(read=0, written=3)
    assert cache.look_up("amazon.nova-lite-v1:0", _request("hello")) == Cached(read=0, written=3)


def test_a_prefix_lasts_five_minutes_from_its_last_use(cache: PromptCache, clock: _Clock) -> None:
    for now, read in ((0, 0), (299, 3), (598, 3), (899, 0)):
        clock.now = now
        assert cache.look_up(HAIKU, _request("hello")) == Cached(read=read, written=3 - read)


def test_a_prefix_too_far_back_is_not_found(cache: PromptCache) -> None:
    # given a cached prefix
    texts = ["t"] * 30
    cache.look_up(HAIKU, _request(*texts[:3]))
    # when more than twenty blocks follow, and no cache point is close
    request = _request(*texts)
    request["system"].remove(_POINT)
    # then
    assert cache.look_up(HAIKU, request) == Cached(read=0, written=32)


def test_without_cache_points_there_are_no_counts(cache: PromptCache) -> None:
    assert cache.look_up("meta.llama3-1-8b-instruct-v1:0", {"messages": [{"role": "user", "content": []}]}) is None


def test_a_model_without_caching_refuses_cache_points(cache: PromptCache) -> None:
    with pytest.raises(ModelError, match="did not allow prompt caching") as refused:
        cache.look_up("meta.llama3-1-8b-instruct-v1:0", _request("hello"))
    assert refused.value.status == 403
