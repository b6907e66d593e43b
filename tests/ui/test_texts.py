"""The texts in all languages."""

import re
import string
from pathlib import Path

import pytest

from ui.texts import LANGUAGES, translations

UI = Path(__file__).parents[2] / "ui"


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", translations())
def test_every_text_has_all_languages_and_the_same_placeholders(key: str) -> None:
    texts = translations()[key]
    assert set(texts) == set(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert len({frozenset(_placeholders(text)) for text in texts.values()}) == 1, texts


def test_every_used_text_exists() -> None:
    used = {
        key for file in UI.rglob("*.py") for key in re.findall(r'\bt\(\s*"([a-z_]+\.\w+)"', file.read_text("utf-8"))
    }
    assert used
    missing = sorted(used - set(translations()))
    assert not missing, f"add {missing} to ui/texts, or correct the keys in ui"
