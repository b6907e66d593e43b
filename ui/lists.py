"""Lists of stored things, read once for several runs of a page: each click in a form runs the page again."""

import time
from typing import Any

import streamlit as st

from ui import usage_line
from ui.session import client

# Long enough to fill in a form; what this session changes is seen at once.
_MAX_AGE_SECONDS = 30.0
_LISTS = "lists"

_Page = tuple[list[dict[str, Any]], bool]


def newest(use_case: str, path: str, count: int, **query: str | int | None) -> _Page:
    """The newest `count` items, and whether there are more. Raises `Failure`."""
    lists: dict[Any, tuple[float, _Page]] = st.session_state.setdefault(_LISTS, {})
    key = (use_case, path, count, *sorted(query.items()))
    read, page = lists.get(key, (0.0, None))
    if page is None or time.monotonic() - read > _MAX_AGE_SECONDS:
        page = client().newest(use_case, path, count, **query)
        lists[key] = time.monotonic(), page
    return page


def forget(use_case: str) -> None:
    """Reads the lists of a use case again, and what was used, because this session has changed them."""
    usage_line.forget()
    lists: dict[Any, Any] = st.session_state.get(_LISTS, {})
    for key in [key for key in lists if key[0] == use_case]:
        del lists[key]
