"""What the stand-in sees of a conversation, and its summary and title: taken from what was said, not written.

SmolLM2 would invent what is then remembered.
"""

import re

from dev.local.models import reading
from dev.local.models.simulate import without_markers

_MESSAGES = re.compile(r"<messages>\n(.*)\n</messages>", re.DOTALL)
_SUMMARY = re.compile(r"<summary>\n(.*)\n</summary>", re.DOTALL)
_AT_MOST = re.compile(r"at most (\d+) words", re.IGNORECASE)
_TURN = re.compile(r"^(user|assistant): ", re.MULTILINE)
_ABOUT_ONESELF = re.compile(r"\b(?:I|I'm|my|we|our|eu|meu|minha|nós|nosso|nossa|chamo)\b", re.IGNORECASE)
_EMPTY = {"what", "which", "when", "where", "have", "does", "about", "tell", "qual", "quais", "quand", "onde", "está"}
_WORDS = 100
_TITLE_WORDS = 8


def read(system: str, source: str) -> str | None:
    """The summary or the title that is asked for; None when the request asks for neither."""
    messages = _MESSAGES.search(source)
    if not messages:
        return None
    said = _by_user(messages.group(1))
    if "title" in system:
        return " ".join(" ".join(said).split()[:_TITLE_WORDS]).rstrip(".,;:!?")
    before = _SUMMARY.search(source)
    limit = _AT_MOST.search(system)
    facts = [*reading.sentences(before.group(1) if before else ""), *_facts(said)]
    return _shortened(list(dict.fromkeys(facts)), int(limit.group(1)) if limit else _WORDS)


def recall(system: str, turns: list[dict[str, str]]) -> str | None:
    """What the user has said of what is now asked about themselves; None when it is no such question, or not said."""
    question = without_markers(turns[-1]["content"])
    if not question.endswith("?") or not _ABOUT_ONESELF.search(question):
        return None
    before = _SUMMARY.search(system)
    earlier = [without_markers(turn["content"]) for turn in turns[:-1] if turn["role"] == "user"]
    asked = _stems(question)
    told = [*reading.sentences(before.group(1) if before else ""), *_facts(earlier)]
    # Of equals the latest: it may correct the others.
    best = max(reversed(told), key=lambda one: len(asked & _stems(one)), default="")
    return f"You said: {best}" if asked & _stems(best) else None


def _stems(text: str) -> set[str]:
    return {word[:5].lower() for word in re.findall(r"\w{4,}", text)} - _EMPTY


def last_turns(turns: list[dict[str, str]], room: int) -> list[dict[str, str]]:
    """The last turns that fit into so many characters; of the very last at least the beginning."""
    fitting: list[dict[str, str]] = []
    for turn in reversed(turns):
        text = without_markers(turn["content"])
        if fitting and len(text) > room:
            break
        fitting.insert(0, {"role": turn["role"], "content": text[:room]})
        room -= len(text)
    return fitting


def _by_user(messages: str) -> list[str]:
    parts = _TURN.split(messages)
    return [text.strip() for role, text in zip(parts[1::2], parts[2::2], strict=True) if role == "user"]


def _facts(said: list[str]) -> list[str]:
    """What the user stated; questions are not facts."""
    return [one for text in said for one in reading.sentences(text) if not one.endswith("?")]


def _shortened(facts: list[str], limit: int) -> str:
    """The facts in their order, those that tell the least left out until the rest fits."""
    kept = list(facts)
    while len(" ".join(kept).split()) > limit and len(kept) > 1:
        kept.remove(min(kept, key=_worth))
    return " ".join(" ".join(kept).split()[:limit]) or "Nothing to remember was said."


def _worth(sentence: str) -> float:
    figures_and_names = len(re.findall(r"\d+|(?<=[\w,] )[A-ZÀ-Þ]\w+", sentence))
    return figures_and_names + 2 * bool(_ABOUT_ONESELF.search(sentence))
