"""The photos of the report on the page, downloaded by this process: browsers may not reach the stage's storage."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui.client import Failure
from ui.session import client

USE_CASE = "summarization"
_SHOWN = "reports.photos"


def photos_of(summary: Mapping[str, Any]) -> list[bytes]:
    """The photos that can be loaded. Those of one report are kept: their URLs differ every time."""
    if not summary.get("photos"):
        return []
    shown: tuple[str, list[bytes]] | None = st.session_state.get(_SHOWN)
    if shown is None or shown[0] != summary["id"]:
        shown = summary["id"], _download(summary["id"])
        st.session_state[_SHOWN] = shown
    return shown[1]


def _download(summary_id: str) -> list[bytes]:
    """By new URLs: the page may be older than those in it."""
    try:
        links = client().get(USE_CASE, f"/summaries/{summary_id}")["photos"]
    except Failure:
        return []
    photos = []
    for link in links:
        try:
            photos.append(client().download(link["url"]))
        except Failure:
            continue
    return photos
