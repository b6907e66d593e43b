"""Stop sequences and whitespace, across the boundaries of pieces."""

import itertools
from collections.abc import Iterator

import pytest

from dev.local.models.pieces import in_pieces, trimmed, until_stop


def _cuts(text: str) -> Iterator[list[str]]:
    """All splits of a text into three pieces, which can be empty."""
    for first, second in itertools.combinations_with_replacement(range(len(text) + 1), 2):
        yield [text[:first], text[first:second], text[second:]]


@pytest.mark.parametrize(
    ("text", "sequences", "expected", "stopped"),
    [
        ("one END two", ["END"], "one ", True),
        ("one EN two", ["END"], "one EN two", False),
        ("one EN", ["END"], "one EN", False),
        ("aabaac", ["aac"], "aab", True),
        ("xabcd", ["abcd", "c"], "xab", True),
        ("STOP", ["STOP"], "", True),
        ("plain", [], "plain", False),
    ],
)
def test_a_stop_sequence_across_pieces_ends_the_text(
    text: str, sequences: list[str], expected: str, stopped: bool
) -> None:
    for pieces in _cuts(text):
        *released, last = [*until_stop(pieces, sequences), "end"][: None if not stopped else -1]
        assert "".join(filter(None, released)) == expected, pieces
        assert (last is None) == stopped, pieces


def test_only_a_possible_stop_sequence_is_held() -> None:
    # given one piece that could start a stop sequence
    pieces = iter(["Hello ", "world", "\n", "next"])
    released = until_stop(pieces, ["\n\n"])
    # then other pieces are released immediately
    assert [next(released), next(released)] == ["Hello ", "world"]
    assert next(released) == "\nnext"


def test_surrounding_whitespace_is_removed() -> None:
    for pieces in _cuts("  a  b \n"):
        assert "".join(trimmed(pieces)) == "a  b"
    assert list(trimmed([" ", "\n"])) == []


def test_a_complete_text_is_split_into_a_few_pieces() -> None:
    for text in ("short", "some words of a text " * 50, ""):
        pieces = list(in_pieces(text))
        assert "".join(pieces) == text
        assert len(pieces) <= 8
    assert len(list(in_pieces("words " * 20))) > 1
