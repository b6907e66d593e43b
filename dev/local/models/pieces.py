"""Processing of text that arrives in pieces."""

from collections.abc import Generator, Iterable, Iterator

_PIECES = 8
_SHORTEST = 16


def until_stop(pieces: Iterable[str], sequences: list[str]) -> Iterator[str | None]:
    """
    Yields the text before the first stop sequence, then None if there is one.

    A possible start of a sequence is held until the next piece. If several sequences match, the one that is complete
    first ends the text, so the boundaries of the pieces do not matter.
    """
    held = ""
    for piece in pieces:
        held += piece
        ends = [(at + len(sequence), at) for sequence in sequences if (at := held.find(sequence)) >= 0]
        if ends:
            yield from filter(None, [held[: min(ends)[1]]])
            yield None
            return
        free = len(held) - max((_partial_match(held, sequence) for sequence in sequences), default=0)
        yield from filter(None, [held[:free]])
        held = held[free:]
    yield from filter(None, [held])


def _partial_match(text: str, sequence: str) -> int:
    """The length of the longest start of the sequence at the end of the text."""
    return next((length for length in range(len(sequence) - 1, 0, -1) if text.endswith(sequence[:length])), 0)


def trimmed(pieces: Iterable[str]) -> Iterator[str]:
    """The text without leading and trailing whitespace."""
    spaces, started = "", False
    for piece in pieces:
        text = spaces + piece if started else piece.lstrip()
        ready = text.rstrip()
        spaces = text[len(ready) :]
        if ready:
            started = True
            yield ready


def in_pieces(text: str) -> Generator[str, None, None]:
    """A complete text in a few pieces."""
    size = max(_SHORTEST, -(-len(text) // _PIECES))
    for start in range(0, len(text), size):
        yield text[start : start + size]
