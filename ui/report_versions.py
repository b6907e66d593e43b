"""Corrections of a report by hand: the form, and the versions that there are."""

import secrets
from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import components, lists, tab_state
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.fields import Fields, choice
from ui.report_document import FACTS, SECTIONS, SEVERITIES, as_html, heading, make_document
from ui.session import client
from ui.texts import t

USE_CASE = "summarization"
# The API's limits of a corrected report.
MAX_TITLE, MAX_SUMMARY, MAX_LINE, MAX_ITEMS, MAX_VERSIONS = 500, 10_000, 1_000, 50, 20
_EDITING = "reports.editing"


def edit_button(summary: Mapping[str, Any]) -> None:
    """Opens the form. The last version can't be corrected."""
    full = summary["version"] >= MAX_VERSIONS
    st.button(
        t("summarization.edit"),
        icon=":material/edit:",
        on_click=_open,
        args=(summary["id"], summary["version"]),
        disabled=full,
        help=t("summarization.too_many_versions", count=MAX_VERSIONS) if full else None,
    )


def is_edited(summary: Mapping[str, Any]) -> bool:
    """Whether the form of this report is open."""
    return bool(_editing() and _editing()["id"] == summary["id"])


def edit_form(request: ApiRequest, summary: Mapping[str, Any]) -> None:
    """The form in place of the report. Saving makes a version; what was entered stays when that fails."""
    fields = Fields()
    with st.form("report-edit"):
        report = _report_fields(fields, summary)
        with st.container(horizontal=True):
            saved = st.form_submit_button(t("summarization.save"), type="primary", icon=":material/save:")
            st.form_submit_button(t("summarization.cancel"), on_click=_close)
    if saved and not fields.problem:
        _save(request, summary, report)
    elif _editing()["newest"] > _editing()["base"]:
        st.warning(t("summarization.other_version"), icon=":material/sync_problem:")


def _report_fields(fields: Fields, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The corrected report."""
    report = summary["report"]
    key = f"reports.edit {_editing()['draft']}"
    title, text = t("summarization.edit_title"), t("summarization.edit_summary")
    edited: dict[str, Any] = {
        "title": fields.require(title, fields.text_input(title, f"{key} title", MAX_TITLE, report["title"])),
        "summary": fields.require(
            text, fields.text_area(text, f"{key} summary", MAX_SUMMARY, default=report["summary"])
        ),
        "language": report["language"],
        "severity": st.selectbox(
            t("summarization.edit_severity"),
            SEVERITIES,
            format_func=lambda severity: t(f"summarization.severity_{severity}"),
            **choice(f"{key} severity", report["severity"]),
        ),
    }
    for name in FACTS:
        fact = fields.text_input(t(f"summarization.{name}"), f"{key} {name}", MAX_LINE, report.get(name, ""))
        if fact:
            edited[name] = fact
    for name in SECTIONS:
        edited[name] = _lines(fields, name, f"{key} {name}", report[name])
    return edited


def _lines(fields: Fields, name: str, key: str, items: list[str]) -> list[str]:
    label = t("summarization.one_per_line", heading=heading(name))
    default = "\n".join(" ".join(item.split()) for item in items)
    lines = fields.lines(label, key, MAX_ITEMS, default=default) or []
    return [text for line in lines if (text := fields.limited(label, line, MAX_LINE))]


def _save(request: ApiRequest, summary: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    path = f"/summaries/{summary['id']}"
    try:
        body = {"report": report, "expectedVersion": _editing()["newest"]}
        corrected = client().patch(USE_CASE, path, body)
    except Failure as failure:
        if failure.code == "conflict" and _keep_both(request, path):
            st.rerun()
        components.error_box(failure, "edit")
        return
    lists.forget(USE_CASE)
    _close()
    request.replace_response(corrected)
    st.rerun()


def _keep_both(request: ApiRequest, path: str) -> bool:
    """Somebody else has saved a version: the next save comes after theirs. Returns whether it is so."""
    try:
        newest = client().get(USE_CASE, path)
    except Failure:
        return False
    if newest["version"] in (_editing()["newest"], MAX_VERSIONS):
        return False
    _editing()["newest"] = newest["version"]
    lists.forget(USE_CASE)
    request.replace_response(newest)
    return True


def versions(summary: Mapping[str, Any]) -> None:
    """The versions to look at, read when they are opened."""
    if summary["version"] < 2:
        return
    box = st.expander(
        t("summarization.versions", count=summary["version"]),
        icon=":material/history:",
        key=f"versions {summary['id']}",
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        try:
            items = client().get(USE_CASE, f"/summaries/{summary['id']}/versions")["items"]
        except Failure as failure:
            components.error_box(failure, "versions")
            return
        chosen = st.selectbox(
            t("summarization.version"),
            items,
            format_func=_version_name,
            key=f"version {summary['id']} {summary['version']}",
        )
        if chosen:
            edited = chosen["createdAt"] if chosen["version"] > 1 else None
            st.html(as_html(make_document(chosen["report"], summary["createdAt"], edited)))


def _version_name(version: Mapping[str, Any]) -> str:
    name = "version_by_model" if version["version"] == 1 else "version_by_hand"
    time = components.local_time(version["createdAt"])
    return t(f"summarization.{name}", number=version["version"], time=time)


def _editing() -> dict[str, Any]:
    """The report whose form is open, the version that the form began with, and the one that it comes after."""
    editing: dict[str, Any] = tab_state.values().get(_EDITING) or {}
    return editing


def _open(summary_id: str, version: int) -> None:
    # What was entered before and canceled does not come back.
    draft = secrets.token_hex(4)
    tab_state.values()[_EDITING] = {"id": summary_id, "draft": draft, "base": version, "newest": version}


def _close() -> None:
    tab_state.values()[_EDITING] = None
