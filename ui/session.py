"""The client that all pages use."""

import streamlit as st

from ui import own_token, stage, tab_state
from ui.client import Client, Failure

_OWN = "client"


@st.cache_resource(show_spinner=False)
def _client(stage_name: str | None) -> Client:
    return Client(stage.current())


def client() -> Client:
    """The client of this process's stage: one for all sessions, so that they share connections.

    Where users call with their own tokens, it is the session's. Raises `Failure` if the user has none.
    """
    return _own_client() if own_token.required() else _client(stage.current().name)


def caller() -> str:
    """Who calls, for the keys of caches that all sessions share; empty where all users are one caller."""
    return tab_state.owner() if own_token.required() else ""


def _own_client() -> Client:
    token = own_token.current()
    if token is None:
        raise Failure("signed_out")
    # In the session's state, never in a cache that sessions share.
    cached: tuple[own_token.OwnToken, Client] | None = st.session_state.get(_OWN)
    if cached is None or cached[0] != token:
        cached = st.session_state[_OWN] = token, Client(stage.for_token(token))
    return cached[1]
