"""
Completes follow-up questions.

SmolLM2 cannot: a follow-up gets the question before it as its context, which is enough for a search.
"""

import re
from collections.abc import Mapping
from typing import Any

_ASKED = re.compile(r"<asked>(.{1,4000}?)</asked>", re.S)
_QUESTION = re.compile(r"<question>(.{1,4000}?)</question>", re.S)
_FIELDS = {"question", "queries"}


def complete(schema: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """The complete question, for a schema with a question and its queries; None for other schemas and texts."""
    question = _QUESTION.search(text)
    if question is None or set(schema.get("properties") or {}) != _FIELDS:
        return None
    earlier = [match[1] for match in _ASKED.finditer(text)][-1:]
    return {"question": " ".join([*earlier, question[1]]), "queries": []}
