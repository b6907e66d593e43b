"""The menu."""

from typing import Any

import streamlit as st

from ui import home
from ui.entries import offered
from ui.texts import t


def pages() -> dict[str, Any]:
    """Streamlit's pages by use case, titled in the user's language; the home page has the key `home`."""
    start = st.Page(home.page, title=t("home.menu"), icon=":material/home:", default=True)
    use_cases = {
        entry.use_case: st.Page(entry.page, title=t(f"{entry.key}.title"), icon=entry.icon, url_path=entry.use_case)
        for entry in offered()
    }
    return {"home": start, **use_cases}
