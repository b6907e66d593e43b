"""The credit risk page: scores, models, monitoring, batches and trainings."""

import streamlit as st

from ui import components, credit_batches, credit_models, credit_monitoring, credit_scores, credit_terms
from ui.credit_fields import USE_CASE
from ui.entry import Entry
from ui.texts import t

_VIEWS = {
    "score": credit_scores.view,
    "models": credit_models.view,
    "monitoring": credit_monitoring.view,
    "batches": credit_batches.view,
}


def page() -> None:
    """One view at a time: roles differ in what they may see, and each view asks the API for what it shows."""
    components.header("credit_risk")
    chosen = st.segmented_control(
        t("credit_risk.part"), list(_VIEWS), required=True, default="score", key="credit.view",
        format_func=lambda name: t(f"credit_risk.part_{name}"), label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    credit_terms.lead(chosen)
    _VIEWS[chosen]()


ENTRY = Entry(USE_CASE, page, probe="/scores?limit=1", icon=":material/credit_score:", position=7)
