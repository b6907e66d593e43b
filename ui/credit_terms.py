"""Credit risk: what the terms of a table or chart mean, for those who are no statisticians."""

import html

import streamlit as st

from ui.texts import t


def lead(part: str) -> None:
    """What a part of the page is for, and what to do first."""
    st.html(f'<p class="part-lead">{html.escape(t(f"credit_terms.lead_{part}"))}</p>')


def explain(place: str, *terms: str) -> None:
    """The terms with their meanings, on demand. `place` is unique on the page.

    A term is the key of its name in `credit_risk.toml`, and of its meaning in `credit_terms.toml`.
    """
    with st.expander(t("credit_terms.title"), icon=":material/help:", key=f"credit terms {place}"):
        items = "".join(
            f"<dt>{html.escape(t(f'credit_risk.{term}'))}</dt><dd>{html.escape(t(f'credit_terms.{term}'))}</dd>"
            for term in terms
        )
        st.html(f'<dl class="terms">{items}</dl>')
