"""
What survives a page change and a reload: drafts, running requests and their responses.

Streamlit forgets its session when the browser loads the page again. This state is kept in the process, under an id in
the page's URL. With sign-in only the same user gets it back, so that a copied URL shows nothing to others.
"""

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

_PARAMETER = "tab"
_SESSION = "tab"
_MAX_TABS = 200
_MAX_AGE_SECONDS = 8 * 3600.0


@dataclass
class _Tab:
    id: str
    owner: str
    values: dict[str, Any] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)
    left: bool = False
    """Whether the user left it to sign in again."""


class _Tabs:
    """The tabs of all users, least recently used first."""

    def __init__(self) -> None:
        self._tabs: OrderedDict[str, _Tab] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, tab_id: str | None, owner: str) -> _Tab:
        """The user's tab with this id, or a new one: an id that someone else chose is never used."""
        with self._lock:
            self._drop_old()
            tab = self._tabs.get(tab_id or "")
            if tab is None or tab.owner != owner:
                tab = self._left(owner) or _Tab(secrets.token_urlsafe(16), owner)
            tab.left = False
        self.keep(tab)
        return tab

    def keep(self, tab: _Tab) -> None:
        """Marks the tab as used."""
        with self._lock:
            self._tabs[tab.id] = tab
            self._tabs.move_to_end(tab.id)
            tab.used = time.monotonic()

    def _left(self, owner: str) -> _Tab | None:
        """The tab that the user left last: signing in loses its id in the URL."""
        return next((tab for tab in reversed(self._tabs.values()) if tab.left and tab.owner == owner), None)

    def _drop_old(self) -> None:
        oldest = time.monotonic() - _MAX_AGE_SECONDS
        while self._tabs and (len(self._tabs) >= _MAX_TABS or next(iter(self._tabs.values())).used < oldest):
            self._tabs.popitem(last=False)


@st.cache_resource(show_spinner=False)
def _tabs() -> _Tabs:
    return _Tabs()


def values() -> dict[str, Any]:
    """The values of this browser tab."""
    return _tab().values


def keep() -> None:
    """Keeps the values, and their id in the URL: Streamlit clears it when the user visits another page."""
    tab = _tab()
    _tabs().keep(tab)
    st.query_params[_PARAMETER] = tab.id


def leave() -> None:
    """The user signs in again, and gets this tab back then."""
    if st.user.get("sub"):
        _tab().left = True


def _tab() -> _Tab:
    tab: _Tab | None = st.session_state.get(_SESSION)
    if tab is None:
        tab = st.session_state[_SESSION] = _tabs().open(st.query_params.get(_PARAMETER), owner())
    return tab


def owner() -> str:
    """Who uses this session: the issuer and the subject of the sign-in; a space without one."""
    return f"{st.user.get('iss', '')} {st.user.get('sub', '')}"
