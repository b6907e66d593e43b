"""Extractive summaries and titles."""

from dev.local.models import memory

SUMMARY = "Write the new summary of both. Write at most {words} words, in the language of the conversation."
MESSAGES = """<messages>
user: Good morning. My name is Ana Sousa and pump 7 is mine.
assistant: Good morning, Ana. The moon is made of cheese.
user: The weather is fine. What is a seal?
assistant: A seal closes.
</messages>"""


def test_a_summary_has_the_users_statements_and_none_of_the_assistants() -> None:
    summary = memory.summarize(SUMMARY.format(words=100), MESSAGES)
    assert summary is not None
    assert "My name is Ana Sousa and pump 7 is mine." in summary
    assert "cheese" not in summary
    assert "What is a seal?" not in summary


def test_a_summary_keeps_the_previous_one_and_drops_the_least_informative_statements() -> None:
    source = f"<summary>\nThe order has the number 4711.\n</summary>\n{MESSAGES}"
    summary = memory.summarize(SUMMARY.format(words=16), source)
    assert summary == "The order has the number 4711. My name is Ana Sousa and pump 7 is mine."


def test_a_title_has_the_first_words() -> None:
    assert memory.summarize("Answer with its title and nothing else", MESSAGES) == (
        "Good morning. My name is Ana Sousa and"
    )


def turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def test_a_question_about_the_user_is_answered_from_their_statements() -> None:
    turns = [
        turn("user", "My name is Ana. I like tea."),
        turn("assistant", "My name is Claude."),
        turn("user", "My name is Ana Sousa."),
        turn("assistant", "I see."),
    ]
    assert memory.recall("", [*turns, turn("user", "What is my name?")]) == "You mentioned: My name is Ana Sousa."
    assert memory.recall("", [*turns, turn("user", "What is a name?")]) is None
    assert memory.recall("", [*turns, turn("user", "Where are my keys?")]) is None
    assert memory.recall("", [turn("user", "What is my name?")]) is None


def test_the_summary_is_searched_too() -> None:
    system = "Sums it up. <summary>\nO meu nome é Ana Sousa.\n</summary>"
    assert memory.recall(system, [turn("user", "Qual é o meu nome?")]) == "You mentioned: O meu nome é Ana Sousa."


def test_other_requests_are_not_summarized() -> None:
    assert memory.summarize("You are helpful", "What is a seal?") is None


def test_the_oldest_turns_of_a_long_conversation_are_dropped() -> None:
    turns = [{"role": "user", "content": f"{number} " + "x" * 1_000} for number in range(20)]
    turns_left = memory.last_turns(turns, 7_000)
    assert [turn["content"][:2] for turn in turns_left] == ["14", "15", "16", "17", "18", "19"]
    (only,) = memory.last_turns([{"role": "user", "content": "y" * 20_000}], 7_000)
    assert len(only["content"]) == 7_000
