"""The summarization page: turns a technician's notes and photos into a report to read, print and download."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from ui import components, lists
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.details import details, json_box
from ui.entry import Entry
from ui.fields import Fields, kept
from ui.photos import EXTENSIONS, MAX_COUNT, MAX_MEGABYTES, UPLOAD_MEGABYTES, File, prepare
from ui.texts import language, t

USE_CASE = "summarization"
SAMPLES = {"en": "incident-report.txt", "pt": "incident-report-pt.txt"}
FOLDER = Path(__file__).parents[2] / "samples"
AUDIENCES = ("technician", "manager", "customer")
# In the report's order: the most important first.
SECTIONS = ("symptoms", "causes", "actionsTaken", "actionsNeeded", "parts", "safety", "missing")
FACTS = ("equipment", "location", "occurredAt")
_BADGES = {"low": "good", "medium": "warn", "high": "bad", "critical": "bad"}
_TEXT = "reports.text"


def page() -> None:
    """The form, the report, and the list of earlier reports."""
    request = ApiRequest(USE_CASE, "/summaries")
    with st.container(key="no-print-above"):
        components.header("summarization")
        st.button(t("summarization.example"), icon=":material/description:", on_click=_use_example, args=(language(),))
        body, problem = _form(request)
    request.run(body, t("summarization.writing"), problem)
    components.outcome(request)
    if request.response:
        _report(request.response)
    with st.container(key="no-print-below"):
        if request.body:
            details(USE_CASE, "POST", "/summaries", request.body, request.response)
        _earlier(request)


ENTRY = Entry(USE_CASE, page, probe="/summaries?limit=1", icon=":material/summarize:", position=2)


def _use_example(sample_language: str) -> None:
    st.session_state[_TEXT] = (FOLDER / SAMPLES[sample_language]).read_text(encoding="utf-8")


def _form(request: ApiRequest) -> tuple[dict[str, Any], str | None]:
    fields = Fields()
    with st.form("reports"):
        text = fields.text_area(
            t("summarization.text"),
            _TEXT,
            components.MAX_CHARACTERS,
            height=220,
            placeholder=t("summarization.text_hint"),
        )
        with st.container(key="photo-uploader"):
            files = st.file_uploader(
                t("summarization.photos", megabytes=MAX_MEGABYTES),
                EXTENSIONS,
                accept_multiple_files=True,
                max_upload_size=UPLOAD_MEGABYTES,
                help=t("photos.help"),
            )
        left, right = st.columns(2)
        audience = left.selectbox(
            t("summarization.audience"),
            AUDIENCES,
            format_func=lambda audience: t(f"summarization.audience_{audience}"),
            **kept("reports.audience"),
        )
        lines = fields.number(t("summarization.lines"), "reports.lines", 1, 20, 5, parent=right)
        st.form_submit_button(
            t("summarization.write"),
            type="primary",
            icon=":material/summarize:",
            on_click=request.start,
            disabled=request.running,
        )
    body: dict[str, Any] = {"audience": audience, "lines": int(lines)}
    if text:
        body["text"] = text
    return body, fields.problem or _add_photos(body, files or [])


def _add_photos(body: dict[str, Any], files: Sequence[File]) -> str | None:
    """Adds the photos to the body, and returns what the user has to correct first."""
    if not files:
        return None if "text" in body else t("summarization.no_notes")
    if len(files) > MAX_COUNT:
        return t("photos.too_many", count=MAX_COUNT)
    with st.spinner(t("photos.preparing")):
        photos = prepare(files, USE_CASE)
    body["photos"] = photos.items
    return photos.problem


def _report(summary: Mapping[str, Any]) -> None:
    report = summary["report"]
    with st.container(border=True, key="report"):
        st.html(as_html(report, components.local_time(summary["createdAt"])))
    with st.container(key="no-print-report"):
        components.usage_line(summary)
        with st.container(horizontal=True):
            components.print_button()
            st.download_button(
                t("summarization.download"),
                as_text(report),
                f"{summary['id']}.txt",
                "text/plain",
                icon=":material/download:",
                on_click="ignore",
            )
            components.delete_button(
                t("components.delete"),
                t("summarization.confirm_delete"),
                USE_CASE,
                f"/summaries/{summary['id']}",
                lambda: ApiRequest(USE_CASE, "/summaries").replace_response(None),
            )
        with st.expander(t("summarization.copy"), icon=":material/content_copy:"):
            st.code(as_text(report), language=None, wrap_lines=True)
        json_box(report, summary["id"])


def as_html(report: Mapping[str, Any], created: str) -> str:
    """The report as HTML, escaped, because the model writes all of it."""
    lines = [
        f'<article class="report" dir="auto" lang="{html.escape(report["language"])}">',
        f"<h2>{html.escape(report['title'])}</h2>",
        f'<p><span class="badge {_BADGES[report["severity"]]}">{html.escape(_severity(report))}</span></p>',
        f'<p class="model-text">{html.escape(report["summary"])}</p>',
    ]
    facts = [(t(f"summarization.{name}"), report[name]) for name in FACTS if report.get(name)]
    facts.append((t("summarization.created"), created))
    cells = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts)
    lines.append(f"<dl>{cells}</dl>")
    for name in SECTIONS:
        items = "".join(f"<li>{html.escape(item)}</li>" for item in report[name])
        if items:
            lines.append(f'<section class="{name}"><h3>{html.escape(_heading(name))}</h3><ul>{items}</ul></section>')
    return "".join([*lines, "</article>"])


def as_text(report: Mapping[str, Any]) -> str:
    """The report as plain text, for an email or a ticket."""
    lines = [report["title"], _severity(report), "", report["summary"]]
    lines += [f"{t(f'summarization.{name}')}: {report[name]}" for name in FACTS if report.get(name)]
    for name in SECTIONS:
        if report[name]:
            lines += ["", _heading(name), *(f"- {item}" for item in report[name])]
    return "\n".join(lines) + "\n"


def _severity(report: Mapping[str, Any]) -> str:
    return t("summarization.severity", severity=t(f"summarization.severity_{report['severity']}"))


def _heading(name: str) -> str:
    return t(f"summarization.section_{name}")


def _earlier(request: ApiRequest) -> None:
    components.section(t("summarization.earlier"))
    shown = st.session_state.setdefault("reports.shown", 5)
    try:
        summaries, more = lists.newest(USE_CASE, "/summaries", shown)
    except Failure as failure:
        components.error_box(failure, "earlier")
        return
    if not summaries:
        st.caption(t("summarization.nothing_yet"))
    for summary in summaries:
        st.button(
            f"{components.plain(summary['report']['title'])} · {components.local_time(summary['createdAt'])}",
            key=f"report {summary['id']}",
            type="tertiary",
            icon=":material/article:",
            on_click=request.replace_response,
            args=(summary,),
        )
    if more and st.button(t("components.more"), icon=":material/expand_more:"):
        st.session_state["reports.shown"] = shown + 20
        st.rerun()
