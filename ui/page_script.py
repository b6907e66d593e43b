"""The script and styles of every page, with the texts in the user's language."""

import functools
import hashlib
import json
from pathlib import Path

import streamlit as st

from ui import tab_state
from ui.sign_in import is_signed_in
from ui.texts import LANGUAGE_COOKIE, language, translations

_FOLDER = Path(__file__).parent
# What Streamlit writes where the English text is another: its button only chooses files.
_RENAMED = {"streamlit.upload": ("Upload", "Upload files")}


def add() -> None:
    """Adds both to the page."""
    st.html(_FOLDER / "style.css")
    st.html(_script(language(), _user(), is_signed_in()), unsafe_allow_javascript=True)


def _user() -> str:
    """Whose drafts the browser may show: a digest, empty without sign-in."""
    subject = tab_state.owner().strip()
    return hashlib.sha256(subject.encode()).hexdigest()[:16] if subject else ""


@functools.lru_cache(maxsize=200)
def _script(user_language: str, user: str, signed_in: bool) -> str:
    settings = {
        "language": user_language,
        "languageCookie": LANGUAGE_COOKIE,
        "user": user,
        "signedIn": signed_in,
        "texts": _texts(user_language),
        "streamlit": _replacements(user_language),
    }
    # `</` would end the script.
    values = json.dumps(settings, ensure_ascii=False).replace("</", "<\\/")
    return f"<script>{(_FOLDER / 'page.js').read_text('utf-8').replace('SETTINGS', values, 1)}</script>"


def _texts(user_language: str) -> dict[str, str]:
    return {
        key.removeprefix("page."): texts[user_language]
        for key, texts in translations().items()
        if key.startswith("page.")
    }


def _replacements(user_language: str) -> list[tuple[str, str]]:
    """What Streamlit writes, and what replaced it before the language was switched, with what replaces it."""
    streamlit = {key: texts for key, texts in translations().items() if key.startswith("streamlit.")}
    return [
        (shown, texts[user_language])
        for key, texts in streamlit.items()
        for shown in (*_RENAMED.get(key, ()), *texts.values())
        if shown != texts[user_language]
    ]
