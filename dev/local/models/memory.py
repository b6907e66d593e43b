"""The local model's view of a conversation, and extractive summaries and titles.

Generated ones are unreliable: SmolLM2 invents facts, and the conversation would remember them.
"""

import re

from dev.local.models import reading
from dev.local.models.simulate import without_markers

_MESSAGES = re.compile(r"<messages>\n(.*)\n</messages>", re.DOTALL)
_SUMMARY = re.compile(r"<summary>\n(.*)\n</summary>", re.DOTALL)
_AT_MOST = re.compile(r"at most (\d+) words", re.IGNORECASE)
_TURN = re.compile(r"^(user|assistant): ", re.MULTILINE)
_FIRST_PERSON = re.compile(r"\b(?:I|I'm|my|we|our|eu|meu|minha|nós|nosso|nossa|chamo)\b", re.IGNORECASE)
_STOP_WORDS = {
    "what",
    "which",
    "when",
    "where",
    "have",
    "does",
    "about",
    "tell",
    "qual",
    "quais",
    "quand",
    "onde",
    "está",
}
_WORDS = 100
_TITLE_WORDS = 8


def summarize(system: str, source: str) -> str | None:
    """The requested summary or title; None if the request is for neither."""
    messages = _MESSAGES.search(source)
    if not messages:
        return None
    texts = _by_user(messages.group(1))
    if "title" in system:
        return " ".join(" ".join(texts).split()[:_TITLE_WORDS]).rstrip(".,;:!?")
    before = _SUMMARY.search(source)
    limit = _AT_MOST.search(system)
    facts = [*reading.sentences(before.group(1) if before else ""), *_facts(texts)]
    return _shortened(list(dict.fromkeys(facts)), int(limit.group(1)) if limit else _WORDS)


def recall(system: str, turns: list[dict[str, str]]) -> str | None:
    """The user's earlier statement that answers a question about themselves; None if there is none."""
    question = without_markers(turns[-1]["content"])
    if not question.endswith("?") or not _FIRST_PERSON.search(question):
        return None
    before = _SUMMARY.search(system)
    earlier = [without_markers(turn["content"]) for turn in turns[:-1] if turn["role"] == "user"]
    stems = _stems(question)
    statements = [*reading.sentences(before.group(1) if before else ""), *_facts(earlier)]
    # Of equal matches the latest, which may correct earlier ones.
    best = max(reversed(statements), key=lambda statement: len(stems & _stems(statement)), default="")
    return f"You mentioned: {best}" if stems & _stems(best) else None


def _stems(text: str) -> set[str]:
    return {word[:5].lower() for word in re.findall(r"\w{4,}", text)} - _STOP_WORDS


def last_turns(turns: list[dict[str, str]], characters: int) -> list[dict[str, str]]:
    """The last turns that fit into the number of characters; a last turn that is too long is cut."""
    fitting: list[dict[str, str]] = []
    for turn in reversed(turns):
        text = without_markers(turn["content"])
        if fitting and len(text) > characters:
            break
        fitting.insert(0, {"role": turn["role"], "content": text[:characters]})
        characters -= len(text)
    return fitting


def _by_user(messages: str) -> list[str]:
    parts = _TURN.split(messages)
    return [text.strip() for role, text in zip(parts[1::2], parts[2::2], strict=True) if role == "user"]


def _facts(texts: list[str]) -> list[str]:
    """The user's statements, without questions."""
    return [sentence for text in texts for sentence in reading.sentences(text) if not sentence.endswith("?")]


def _shortened(facts: list[str], limit: int) -> str:
    """The facts in order, without the least informative ones, up to the word limit."""
    remaining = list(facts)
    while len(" ".join(remaining).split()) > limit and len(remaining) > 1:
        remaining.remove(min(remaining, key=_informativeness))
    return " ".join(" ".join(remaining).split()[:limit]) or "Nothing to remember yet."


def _informativeness(sentence: str) -> float:
    figures_and_names = len(re.findall(r"\d+|(?<=[\w,] )[A-ZÀ-Þ]\w+", sentence))
    return figures_and_names + 2 * bool(_FIRST_PERSON.search(sentence))
