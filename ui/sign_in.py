"""Who may see the page, where it is for those who sign in only."""

import os
import time
from typing import Any

import streamlit as st

from ui import sign_in_settings
from ui.components import plain
from ui.texts import t


def claims() -> dict[str, Any]:
    """What the provider says of the person; empty before sign-in."""
    return dict(st.user)


def let_in() -> bool:
    """Whether the person may see the page; says what to do otherwise."""
    if not sign_in_settings.required(os.environ):
        return True
    person = claims()
    # Streamlit's cookie lasts for a month, and it leaves it to the page to look at the token's end.
    if person.get("is_logged_in") is True and _ends(person) > time.time():
        _signed_in(person)
        return True
    _ask()
    return False


def _ends(person: dict[str, Any]) -> float:
    end = person.get("exp")
    return float(end) if isinstance(end, int | float) else 0.0


def _signed_in(person: dict[str, Any]) -> None:
    st.sidebar.caption(t("sign_in.as", name=plain(str(person.get("email", "")))))
    st.sidebar.button(t("sign_in.leave"), on_click=st.logout, icon=":material/logout:")


def _ask() -> None:
    st.title(t("sign_in.title"), anchor=False)
    if sign_in_settings.known(os.environ):
        st.button(t("sign_in.enter"), on_click=st.login, type="primary", icon=":material/login:")
    else:
        st.info(t("sign_in.unknown"))
