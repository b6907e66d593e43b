"""Iterators release what they hold however they end."""

from collections.abc import Generator
from typing import Any

import pytest

from lambda_src.shared.streams import ClosingIterator, text_then_result


class Resource:
    """Counts how often it is closed, and yields `items`; an exception among them is raised."""

    def __init__(self, *items: Any) -> None:
        self._items = items
        self.closed = 0

    def __iter__(self) -> Generator[Any]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item

    def open(self) -> ClosingIterator[Any]:
        return ClosingIterator(iter(self), self._close)

    def _close(self) -> None:
        self.closed += 1


def test_an_iterator_read_to_its_end_is_closed_once() -> None:
    resource = Resource("a", "b")
    items = resource.open()
    assert list(items) == ["a", "b"]
    items.close()
    assert resource.closed == 1


@pytest.mark.parametrize("read", [0, 1, 2])
def test_closing_after_any_number_of_items_releases_the_resource(read: int) -> None:
    resource = Resource("a", "b")
    items = resource.open()
    for _ in range(read):
        next(items)
    items.close()
    assert resource.closed == 1
    assert list(items) == []


def test_a_failure_releases_the_resource() -> None:
    resource = Resource("a", ValueError("x"))
    with pytest.raises(ValueError, match="x"):
        list(resource.open())
    assert resource.closed == 1


def test_the_result_follows_the_text() -> None:
    texts = Resource("Once ", "upon").open()
    assert list(text_then_result(texts, len)) == ["Once ", "upon", 9]


@pytest.mark.parametrize("read", [0, 1, 2, 3])
def test_closing_the_text_and_result_closes_the_texts(read: int) -> None:
    resource = Resource("Once ", "upon")
    items = text_then_result(resource.open(), len)
    for _ in range(read):
        next(items)
    items.close()
    assert resource.closed == 1


def test_a_failing_result_closes_the_texts() -> None:
    resource = Resource("a")

    def fail(text: str) -> None:
        raise ValueError(text)

    with pytest.raises(ValueError, match="a"):
        list(text_then_result(resource.open(), fail))
    assert resource.closed == 1
