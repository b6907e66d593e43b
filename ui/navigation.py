"""The menu."""

from typing import Any

import streamlit as st

from ui import home, status
from ui.entries import offered
from ui.texts import t


def pages() -> dict[str, Any]:
    """Streamlit's pages by use case, titled in the user's language, and those with the keys `home` and `status`."""
    start = st.Page(home.page, title=t("home.menu"), icon=":material/home:", default=True)
    use_cases = {
        entry.use_case: st.Page(entry.page, title=t(f"{entry.key}.title"), icon=entry.icon, url_path=entry.use_case)
        for entry in offered()
    }
    health = st.Page(status.page, title=t("status.menu"), icon=":material/monitor_heart:", url_path="status")
    return {"home": start, **use_cases, "status": health}
