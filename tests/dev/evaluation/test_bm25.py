import math

import pytest

from dev.evaluation.bm25 import Bm25

INDEX = Bm25([["leave", "leave", "pay"], ["leave"], ["travel", "pay"]])


def test_scores_match_lucenes() -> None:
    """Computed by hand: three texts with 3, 1, and 2 words, 2 on average; two contain "leave"."""
    weight = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    long = weight * 2 / (2 + 1.2 * (1 - 0.75 + 0.75 * 3 / 2))
    short = weight * 1 / (1 + 1.2 * (1 - 0.75 + 0.75 * 1 / 2))
    assert INDEX.search(["leave"], 10) == [(1, pytest.approx(short)), (0, pytest.approx(long))]


def test_a_repeated_query_word_counts_twice() -> None:
    ((_, once),) = INDEX.search(["travel"], 10)
    assert INDEX.search(["travel", "travel"], 10) == [(2, pytest.approx(2 * once))]


def test_unknown_words_have_no_results_and_the_limit_applies() -> None:
    assert INDEX.search(["parental"], 10) == []
    assert len(INDEX.search(["pay", "leave"], 2)) == 2
    assert Bm25([]).search(["pay"], 2) == []
