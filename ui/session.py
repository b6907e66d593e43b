"""The client that all pages share."""

import streamlit as st

from ui import stage
from ui.client import Client


@st.cache_resource(show_spinner=False)
def _client(stage_name: str | None) -> Client:
    return Client(stage.current())


def client() -> Client:
    """The client of this process's stage: one for all sessions, so that they share connections."""
    return _client(stage.current().name)
