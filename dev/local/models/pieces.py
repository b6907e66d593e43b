"""Text that arrives in pieces, handed on in pieces."""

from collections.abc import Generator, Iterable, Iterator

_PIECES = 8
_SHORTEST = 16


def until_stop(pieces: Iterable[str], sequences: list[str]) -> Iterator[str | None]:
    """
    The text before the first stop sequence, then None if there was one.

    What may be the beginning of a sequence waits for the next piece. Of two sequences the one that is complete first
    ends the text, so where the pieces' borders are makes no difference.
    """
    held = ""
    for piece in pieces:
        held += piece
        ends = [(at + len(sequence), at) for sequence in sequences if (at := held.find(sequence)) >= 0]
        if ends:
            yield from filter(None, [held[: min(ends)[1]]])
            yield None
            return
        free = len(held) - max((_begun(held, sequence) for sequence in sequences), default=0)
        yield from filter(None, [held[:free]])
        held = held[free:]
    yield from filter(None, [held])


def _begun(text: str, sequence: str) -> int:
    """How many characters at the text's end are the sequence's beginning."""
    return next((length for length in range(len(sequence) - 1, 0, -1) if text.endswith(sequence[:length])), 0)


def trimmed(pieces: Iterable[str]) -> Iterator[str]:
    """The text without white space at its ends."""
    spaces, begun = "", False
    for piece in pieces:
        text = spaces + piece if begun else piece.lstrip()
        ready = text.rstrip()
        spaces = text[len(ready) :]
        if ready:
            begun = True
            yield ready


def in_pieces(text: str) -> Generator[str, None, None]:
    """A whole text in a few pieces."""
    size = max(_SHORTEST, -(-len(text) // _PIECES))
    for start in range(0, len(text), size):
        yield text[start : start + size]
