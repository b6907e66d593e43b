"""ApplyGuardrail's calls: how texts are split, and put together again."""

import pytest

from lambda_src.shared.screening import Part, join, plan_calls, screened_parts, split


def test_short_texts_share_a_call_until_its_units_are_used() -> None:
    calls = plan_calls(["short"] * 24 + ["x" * 1_001, "last"])
    assert [len(call) for call in calls] == [24, 2]


def test_a_long_text_is_screened_in_parts() -> None:
    text = "word " * 10_000
    calls = plan_calls([text])
    assert [[len(part.text) for part in call] for call in calls] == [[25_000], [25_000]]
    assert join([text], [part for call in calls for part in call]) == [text]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("one two three", ["one two ", "three"]),
        ("onetwothree!", ["onetwothre", "e!"]),
        ("", [""]),
        ("ten chars!", ["ten chars!"]),
    ],
)
def test_texts_are_cut_after_white_space_if_possible(text: str, parts: list[str]) -> None:
    assert list(split(text, limit=10)) == parts


def test_blank_texts_are_not_screened() -> None:
    assert plan_calls(["", " \n"]) == []
    assert join(["", "a", " "], [Part(1, "b")]) == ["", "b", " "]


def test_an_answer_without_intervention_leaves_the_parts_unchanged() -> None:
    parts = [Part(0, "a"), Part(1, "b")]
    assert screened_parts({"action": "NONE", "outputs": []}, parts) == parts
