"""Stop sequences and white space, wherever the pieces' borders are."""

import itertools
from collections.abc import Iterator

import pytest

from dev.local.models.pieces import in_pieces, trimmed, until_stop


def _cuts(text: str) -> Iterator[list[str]]:
    """Every way to cut a text into three pieces, some of them empty."""
    for one, two in itertools.combinations_with_replacement(range(len(text) + 1), 2):
        yield [text[:one], text[one:two], text[two:]]


@pytest.mark.parametrize(
    ("text", "sequences", "left", "stopped"),
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
def test_a_stop_sequence_ends_the_text_across_borders(
    text: str, sequences: list[str], left: str, stopped: bool
) -> None:
    for pieces in _cuts(text):
        *said, last = [*until_stop(pieces, sequences), "end"][: None if not stopped else -1]
        assert "".join(filter(None, said)) == left, pieces
        assert (last is None) == stopped, pieces


def test_only_what_may_be_a_stop_sequence_waits() -> None:
    # given a text of which each piece but one is clear
    pieces = iter(["Hello ", "world", "\n", "next"])
    written = until_stop(pieces, ["\n\n"])
    # then each is handed on before the next is asked for
    assert [next(written), next(written)] == ["Hello ", "world"]
    assert next(written) == "\nnext"


def test_white_space_at_the_ends_is_left_out() -> None:
    for pieces in _cuts("  a  b \n"):
        assert "".join(trimmed(pieces)) == "a  b"
    assert list(trimmed([" ", "\n"])) == []


def test_a_whole_text_comes_in_a_few_pieces() -> None:
    for text in ("short", "some words of a text " * 50, ""):
        pieces = list(in_pieces(text))
        assert "".join(pieces) == text
        assert len(pieces) <= 8
    assert len(list(in_pieces("words " * 20))) > 1
