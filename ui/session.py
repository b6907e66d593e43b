"""What pages share in one run: the stage and its client."""

import streamlit as st

from ui import stage
from ui.client import Client


@st.cache_resource(show_spinner=False)
def _client(of: str) -> Client:
    return Client(stage.current())


def client() -> Client:
    """The client of this process's stage: one for everybody, so that connections are kept."""
    return _client(stage.current().name)
