"""Answers are compared with the expected ones by their figures and words."""

import pytest

from dev.evaluation.correctness import has_figures, numbers, share_of_words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$5,000 or R$ 5.000", {"5000"}),
        ("1,234,567 and 191.900", {"1234567", "191900"}),
        ("2.5 or 2,5 hours", {"2.5"}),
        ("25 hours", {"25"}),
        ("1/3", {"1", "3"}),
        ("1-844-303-6515", {"1", "844", "303", "6515"}),
        ("$120k, 007", {"120", "7"}),
        ("October 17, 2025", {"17", "2025"}),
        ("Six, duas e TRÊS", {"6", "2", "3"}),
        ("one of them, uma vez", set()),
        ("10536", {"10536"}),
        ("1,2345", {"1.2345"}),
        ("no numbers", set()),
    ],
)
def test_numbers_have_one_notation(text: str, found: set[str]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("expected", "text", "right"),
    [
        ("240 hours", "You can carry over up to 240 hours.", True),
        ("240 hours", "You can carry over up to 24.0 hours.", False),
        ("Six", "There are 6 free sessions.", True),
        ("12 weeks, after every 5 years", "12 weeks", False),
        ("Slack", "We use 3 tools", None),
    ],
)
def test_all_figures_of_the_expected_answer_are_needed(expected: str, text: str, right: bool | None) -> None:
    assert has_figures(expected, text) is right


def test_words_are_compared_without_stop_words_and_endings() -> None:
    assert share_of_words("On the Fridays before", "We pay on a Friday.", "en") == 1.0
    assert share_of_words("Diretor Executivo", "Envie ao diretor.", "pt") == 0.5
    assert share_of_words("240 hours", "hours", "en") is None
    assert share_of_words("", "hours", "en") is None
