"""The start: which endpoints answer, and how fast."""

import html
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import streamlit as st

from ui import components
from ui.client import Client, Failure
from ui.entries import entries
from ui.session import client
from ui.texts import t, translations


def page() -> None:
    """A card an endpoint."""
    components.header("home")
    with st.spinner(t("home.asking")):
        found = _look([(entry.use_case, entry.probe) for entry in entries()])
    with st.container(key="cards"):
        for entry in entries():
            with st.container(border=True, key=f"card-{entry.use_case}"):
                st.subheader(f"{entry.icon} {t(f'{entry.key}.card')}", anchor=False)
                st.html(f'<p class="lead">{html.escape(t(f"{entry.key}.card_lead"))}</p>')
                _state(found.get(entry.use_case))
                made = st.session_state["pages"].get(entry.use_case)
                if made and entry.use_case in found:
                    st.page_link(
                        made, label=t("home.open", name=t(f"{entry.key}.card")), icon=":material/arrow_forward:"
                    )
    st.button(t("home.again"), icon=":material/refresh:")


def _look(probes: list[tuple[str, str]]) -> dict[str, float | Failure]:
    """Seconds until each deployed API answered, or why it did not; all at once."""
    with ThreadPoolExecutor(max_workers=len(probes) or 1) as pool:
        calling: Client = client()
        results = pool.map(lambda probe: _probe(calling, *probe), probes)
        named = zip((use_case for use_case, _ in probes), results, strict=True)
        return {use_case: result for use_case, result in named if not _is_missing(result)}


def _is_missing(result: float | Failure) -> bool:
    return isinstance(result, Failure) and result.code == "not_deployed"


def _probe(calling: Client, use_case: str, path: str) -> float | Failure:
    try:
        return calling.probe(use_case, path)
    except Failure as failure:
        return failure


def _state(found: Any) -> None:
    if found is None:
        components.badge("off", t("home.not_deployed"), t("home.not_deployed_do", command=components.stage_command()))
    elif isinstance(found, Failure):
        known = found.code if f"errors.{found.code}_what" in translations() else "unexpected"
        components.badge("bad", t(f"errors.{known}_what"), t(f"errors.{known}_do", command=components.stage_command()))
    else:
        components.badge("good", t("home.answers"), t("home.answered_in", milliseconds=f"{found * 1000:,.0f}"))
