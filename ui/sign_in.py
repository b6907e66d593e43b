"""Access to the web UI where it requires sign-in."""

import html
import os
import time
from typing import Any

import streamlit as st

from ui import own_token, sign_in_settings, tab_state
from ui.texts import t


def claims() -> dict[str, Any]:
    """The user's claims from the identity provider; empty before sign-in."""
    return dict(st.user)


def is_allowed() -> bool:
    """Whether the user may see the web UI. Draws the sign-in page if not."""
    if not sign_in_settings.required(os.environ):
        return True
    if is_signed_in():
        _user_info(claims())
        return True
    _sign_in_page(expired=claims().get("is_logged_in") is True and own_token.required())
    return False


def is_signed_in() -> bool:
    """Whether the user has signed in, and that is still valid."""
    user = claims()
    # Streamlit's cookie lasts for a month, and Streamlit does not check the token's expiry.
    return user.get("is_logged_in") is True and _expiry(user) > time.time() and _can_call()


def _can_call() -> bool:
    """Whether the user has a valid token for the APIs, where each calls with their own."""
    token = own_token.current() if own_token.required() else None
    return not own_token.required() or (token is not None and token.is_valid)


def _expiry(user: dict[str, Any]) -> float:
    expiry = user.get("exp")
    return float(expiry) if isinstance(expiry, int | float) else 0.0


def _user_info(user: dict[str, Any]) -> None:
    name = str(user.get("email") or user.get("name") or user.get("sub", ""))
    # Not Markdown, which makes a link of an address.
    st.sidebar.html(f'<p class="usage">{html.escape(t("sign_in.as", name=name))}</p>')
    st.sidebar.button(t("sign_in.sign_out"), on_click=st.logout, icon=":material/logout:")


def _sign_in_page(*, expired: bool) -> None:
    st.title(t("sign_in.title"), anchor=False)
    if expired:
        tab_state.leave()
        st.info(t("sign_in.expired"), icon=":material/schedule:")
    if sign_in_settings.has_url(os.environ):
        st.button(t("sign_in.sign_in"), key="sign-in", on_click=st.login, type="primary", icon=":material/login:")
    else:
        st.info(t("sign_in.no_url"))
