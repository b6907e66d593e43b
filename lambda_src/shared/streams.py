"""Iterators that own a resource and release it however they end."""

from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class ClosingIterator(Iterator[Item]):
    """Iterates `items` and calls `on_close` once: at the end, after an error, or on `close()`.

    A generator's `finally` does not run when it is closed before its first item; `on_close` does.
    """

    def __init__(self, items: Generator[Item], on_close: Callable[[], None]) -> None:
        self._items = items
        self._on_close = on_close
        self._closed = False

    def __next__(self) -> Item:
        try:
            return next(self._items)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stops the iteration and releases what it holds. Further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._items.close()
        finally:
            self._on_close()


def text_then_result(texts: ClosingIterator[str], finish: Callable[[str], Result]) -> ClosingIterator[str | Result]:
    """The pieces of a text as they arrive, then `finish(the complete text)`. Closes `texts` in every case."""

    def items() -> Generator[str | Result]:
        pieces = []
        for piece in texts:
            pieces.append(piece)
            yield piece
        yield finish("".join(pieces))

    return ClosingIterator(items(), texts.close)
