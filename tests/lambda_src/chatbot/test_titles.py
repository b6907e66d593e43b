"""First words, and the title in a model's answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.chatbot.titles import PREVIEW_CHARACTERS, TITLE_CHARACTERS, first_words, parse_title


@given(st.text())
def test_first_words_fit_and_start_the_text(text: str) -> None:
    words = first_words(text, PREVIEW_CHARACTERS)
    assert len(words) <= PREVIEW_CHARACTERS
    assert " ".join(text.split()).startswith(words)
    assert bool(words) == bool(text.split())


@given(st.text())
def test_a_title_is_one_short_line(text: str) -> None:
    title = parse_title(text)
    assert len(title) <= TITLE_CHARACTERS
    assert len(title.splitlines()) <= 1


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Pumps", "Pumps"),
        ('\n "A leak at pump 4" \nMore of it', "A leak at pump 4"),
        ("**Leaking pump**", "Leaking pump"),
        ("“Undichte Pumpe”", "Undichte Pumpe"),
        ("word " * 30, ("word " * 16).strip()),
        (' "" ', ""),
        ("[Leave](//evil.example)", "[Leave] (/ /evil. example)"),
    ],
)
def test_decoration_around_a_title_is_removed(answer: str, title: str) -> None:
    assert parse_title(answer) == title
