"""Summaries and titles by extraction."""

from dev.local.models import memory

SUMMARY = "Write the new summary of both. Write at most {words} words, in the language of the conversation."
SAID = """<messages>
user: Good morning. My name is Ana Sousa and pump 7 is mine.
assistant: Good morning, Ana. The moon is made of cheese.
user: The weather is fine. What is a seal?
assistant: A seal closes.
</messages>"""


def test_a_summary_keeps_what_the_user_stated_and_nothing_that_the_assistant_made_up() -> None:
    summary = memory.read(SUMMARY.format(words=100), SAID)
    assert summary is not None
    assert "My name is Ana Sousa and pump 7 is mine." in summary
    assert "cheese" not in summary
    assert "What is a seal?" not in summary


def test_it_keeps_the_old_summary_and_drops_what_tells_least() -> None:
    source = f"<summary>\nThe order has the number 4711.\n</summary>\n{SAID}"
    summary = memory.read(SUMMARY.format(words=16), source)
    assert summary == "The order has the number 4711. My name is Ana Sousa and pump 7 is mine."


def test_a_title_is_the_first_words() -> None:
    assert memory.read("Answer with its title and nothing else", SAID) == ("Good morning. My name is Ana Sousa and")


def turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def test_who_asks_about_oneself_is_told_what_was_said() -> None:
    turns = [
        turn("user", "My name is Ana. I like tea."),
        turn("assistant", "My name is Claude."),
        turn("user", "My name is Ana Sousa."),
        turn("assistant", "I see."),
    ]
    assert memory.recall("", [*turns, turn("user", "What is my name?")]) == "You said: My name is Ana Sousa."
    assert memory.recall("", [*turns, turn("user", "What is a name?")]) is None
    assert memory.recall("", [*turns, turn("user", "Where are my keys?")]) is None
    assert memory.recall("", [turn("user", "What is my name?")]) is None


def test_the_summary_is_remembered_too() -> None:
    system = "Sums it up. <summary>\nO meu nome é Ana Sousa.\n</summary>"
    assert memory.recall(system, [turn("user", "Qual é o meu nome?")]) == "You said: O meu nome é Ana Sousa."


def test_other_requests_are_not_its_business() -> None:
    assert memory.read("You are helpful", "What is a seal?") is None


def test_a_conversation_too_long_for_the_model_loses_its_oldest_turns() -> None:
    turns = [{"role": "user", "content": f"{number} " + "x" * 1_000} for number in range(20)]
    kept = memory.last_turns(turns, 7_000)
    assert [turn["content"][:2] for turn in kept] == ["14", "15", "16", "17", "18", "19"]
    (only,) = memory.last_turns([{"role": "user", "content": "y" * 20_000}], 7_000)
    assert len(only["content"]) == 7_000
