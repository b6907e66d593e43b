"""Names of downloaded files."""

from datetime import date

import pytest

from ui.file_names import file_name

DAY = date(2026, 11, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A lighthouse, at night", "A-lighthouse-at-night"),
        ("../../etc/passwd", "etc-passwd"),
        ('a<b>c:"d"/e\\f|g?h*i\n\0j', "a-b-c-d-e-f-g-h-i-j"),
        ("It's Ana’s", "Its-Anas"),
        ("con", "con"),
        ("Um pôr do sol. ", "Um-pôr-do-sol"),
        ("灯台の夜", "灯台の夜"),
        # A direction override and tags, which are invisible.
        ("a\u202egnp.exe\U000e0041", "a-gnp-exe"),
        ("🎉 !!!", "image"),
        ("", "image"),
    ],
)
def test_a_name_is_safe_and_says_what_the_file_contains(text: str, words: str) -> None:
    assert file_name(text, DAY, "png", "image") == f"{words}-2026-11-03.png"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lighthouse " * 50, "-".join(["lighthouse"] * 9)),
        ("x" * 500, "x" * 100),
        ("灯" * 500, "灯" * 33),
        # One character that has eighteen in its plain form.
        ("\ufdfa" * 20, None),
    ],
)
def test_a_long_text_is_cut_between_words(text: str, words: str | None) -> None:
    name = file_name(text, DAY, "png", "image")
    assert len(name.encode()) <= 120
    assert words is None or name == f"{words}-2026-11-03.png"
