"""Every text in every language, with the same placeholders."""

import re
import string
from pathlib import Path

import pytest

from ui.texts import LANGUAGES, translations

UI = Path(__file__).parents[2] / "ui"


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", translations())
def test_every_language_says_it(key: str) -> None:
    texts = translations()[key]
    assert set(texts) == set(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert len({frozenset(_placeholders(text)) for text in texts.values()}) == 1, texts


def test_what_pages_say_is_there() -> None:
    said = {
        key for file in UI.rglob("*.py") for key in re.findall(r'\bt\(\s*"([a-z_]+\.\w+)"', file.read_text("utf-8"))
    }
    assert said
    assert said <= set(translations())
