"""The home page: what people can do here."""

import html

import streamlit as st

from ui import components
from ui.entries import offered
from ui.stage import current, is_deployed
from ui.texts import t


def page() -> None:
    """One card per use case, each a link to its page."""
    components.header("home")
    st.html(f'<p class="lead">{html.escape(t("home.first"))}</p>')
    with st.container(key="cards"):
        for entry in offered():
            target = st.session_state["pages"].get(entry.use_case)
            if target and is_deployed(current(), entry.use_case):
                with st.container(border=True, key=f"card-{entry.use_case}"):
                    st.page_link(target, label=f"**{t(f'{entry.key}.card')}**", icon=entry.icon)
                    st.html(f"<p>{html.escape(t(f'{entry.key}.card_lead'))}</p>")
