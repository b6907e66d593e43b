"""The texts of the web UI: one TOML file per page, with all languages side by side so that none is forgotten."""

import functools
import tomllib
from pathlib import Path

import streamlit as st

LANGUAGES = {"en": "English", "es": "Español", "pt": "Português"}
FALLBACK = "en"
# Written by ui/page.js. It contains the language and nothing else.
LANGUAGE_COOKIE = "language"


@functools.cache
def translations() -> dict[str, dict[str, str]]:
    """`file.key` -> language -> text."""
    texts = {}
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        for key, languages in tomllib.loads(file.read_text(encoding="utf-8")).items():
            texts[f"{file.stem}.{key}"] = languages
    return texts


def language() -> str:
    """The user's language: the chosen one, or the browser's."""
    chosen = st.session_state.get("lang")
    return chosen if chosen in LANGUAGES else FALLBACK


def first_language() -> str:
    """The language of a visit: the address's, the one chosen in an earlier visit, the browser's, or the fallback."""
    asked = (st.query_params.get("lang"), st.context.cookies.get(LANGUAGE_COOKIE))
    return next((code for code in asked if code in LANGUAGES), _browser_language())


def _browser_language() -> str:
    """The browser's first language if it is supported, otherwise the fallback."""
    preferred = (st.context.locale or "").partition("-")[0].lower()
    return preferred if preferred in LANGUAGES else FALLBACK


def t(key: str, **values: object) -> str:
    """The text of `file.key` with its placeholders filled. Escape values from users and models with `plain`."""
    return translations()[key][language()].format(**values)
