"""The page's words: a TOML file a page, with every language beside the other, so that none is forgotten."""

import functools
import tomllib
from pathlib import Path

import streamlit as st

LANGUAGES = {"en": "English", "pt": "Português"}
FALLBACK = "en"


@functools.cache
def words() -> dict[str, dict[str, str]]:
    """`page.key` -> language -> text."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        for key, languages in tomllib.loads(file.read_text(encoding="utf-8")).items():
            found[f"{file.stem}.{key}"] = languages
    return found


def language() -> str:
    """The one that the person reads: chosen, or the browser's."""
    chosen = st.session_state.get("lang")
    return chosen if chosen in LANGUAGES else FALLBACK


def from_browser() -> str:
    """The first language of the browser, if the page speaks it."""
    asked = (st.context.locale or "").partition("-")[0].lower()
    return asked if asked in LANGUAGES else FALLBACK


def say(key: str, **values: object) -> str:
    """The words of `page.key`, its placeholders filled. What comes from a person or a model goes through `plain`."""
    return words()[key][language()].format(**values)
