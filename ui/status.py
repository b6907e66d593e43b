"""The status page for operators: which endpoints respond, and how fast."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import streamlit as st

from ui import components
from ui.client import Client, Failure
from ui.entries import offered
from ui.number_format import number
from ui.session import client
from ui.texts import t, translations


def page() -> None:
    """One card per endpoint."""
    components.header("status")
    with st.spinner(t("status.checking")):
        results = _probe_all([(entry.use_case, entry.probe) for entry in offered()])
    with st.container(key="status-cards"):
        for entry in offered():
            with st.container(border=True, key=f"status-{entry.use_case}"):
                components.section(t(f"{entry.key}.card"))
                _status(results.get(entry.use_case))
    st.button(t("status.again"), icon=":material/refresh:")


def _probe_all(probes: list[tuple[str, str]]) -> dict[str, float | Failure]:
    """Each deployed API's response time in seconds, or its failure. All are probed in parallel."""
    with ThreadPoolExecutor(max_workers=len(probes) or 1) as pool:
        # Streamlit's cache needs the session, which the pool's threads don't have.
        shared: Client = client()
        results = pool.map(lambda probe: _probe(shared, *probe), probes)
        by_use_case = zip((use_case for use_case, _ in probes), results, strict=True)
        return {use_case: result for use_case, result in by_use_case if not _is_missing(result)}


def _is_missing(result: float | Failure) -> bool:
    return isinstance(result, Failure) and result.code == "not_deployed"


def _probe(shared: Client, use_case: str, path: str) -> float | Failure:
    try:
        return shared.probe(use_case, path)
    except Failure as failure:
        return failure


def _status(result: Any) -> None:
    command = components.stage_command()
    if result is None:
        components.badge("off", t("status.not_deployed"), t("status.not_deployed_do", command=command))
    elif isinstance(result, Failure):
        code = result.code if f"errors.{result.code}_what" in translations() else "unexpected"
        components.badge("bad", t(f"errors.{code}_what"), t(f"errors.{code}_do", command=command))
    else:
        components.badge("good", t("status.ready"), t("status.response_time", milliseconds=number(result * 1000)))
