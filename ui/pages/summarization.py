"""The summarization page: turns a technician's notes and photos into a report to read, correct, print and download."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from ui import components, lists, report_files, report_versions
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.details import details, json_box
from ui.entry import Entry
from ui.fields import Fields, choice
from ui.file_names import file_name
from ui.photos import EXTENSIONS, MAX_COUNT, MAX_MEGABYTES, UPLOAD_MEGABYTES, File, prepare
from ui.report_document import Document, as_html, as_text, make_document, photo_description
from ui.report_photos import photos_of
from ui.texts import language, t

USE_CASE = "summarization"
SAMPLES = {"en": "incident-report.txt", "es": "incident-report-es.txt", "pt": "incident-report-pt.txt"}
FOLDER = Path(__file__).parents[2] / "samples"
AUDIENCES = ("technician", "manager", "customer")
_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "txt": "text/plain",
}
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
        _report(request, request.response)
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
            **choice("reports.audience"),
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


def _report(request: ApiRequest, summary: Mapping[str, Any]) -> None:
    # A stage that is older than this page has neither versions nor photos.
    summary = {"version": 1, "photos": [], **summary}
    if report_versions.is_edited(summary):
        with st.container(key="no-print-edit"):
            report_versions.edit_form(request, summary)
            report_versions.versions(summary)
        return
    document = make_document(summary["report"], summary["createdAt"], summary.get("editedAt"))
    photos = photos_of(summary)
    with st.container(border=True, key="report"):
        st.html(as_html(document))
        with st.container(horizontal=True, key="report-photos"):
            for number, photo in enumerate(photos, 1):
                st.image(photo, alt=photo_description(number), width=320)
    with st.container(key="no-print-report"):
        if len(photos) < len(summary["photos"]):
            st.caption(t("summarization.photos_missing"))
        components.usage_line(summary)
        _actions(summary, document.with_photos(photos))
        report_versions.versions(summary)
        with st.expander(t("summarization.copy"), icon=":material/content_copy:"):
            st.code(as_text(document), language=None, wrap_lines=True)
        json_box(summary["report"], summary["id"], _file_name(summary, "json"))


def _actions(summary: Mapping[str, Any], document: Document) -> None:
    with st.container(horizontal=True):
        report_versions.edit_button(summary)
        components.print_button()
        uncovered = report_files.uncovered(document)
        # The files are written when they are asked for.
        _download("download_pdf", partial(report_files.as_pdf, document), summary, "pdf", disabled=bool(uncovered))
        _download("download_docx", partial(report_files.as_docx, document), summary, "docx")
        _download("download", as_text(document), summary, "txt")
        components.delete_button(
            t("components.delete"),
            t("summarization.confirm_delete"),
            USE_CASE,
            f"/summaries/{summary['id']}",
            lambda: ApiRequest(USE_CASE, "/summaries").replace_response(None),
        )
    if uncovered:
        st.caption(t("summarization.not_in_pdf", characters=components.plain(" ".join(uncovered))))


def _download(name: str, content: Any, summary: Mapping[str, Any], ending: str, *, disabled: bool = False) -> None:
    """`content` is the file, or a function that writes it."""
    st.download_button(
        t(f"summarization.{name}"),
        content,
        _file_name(summary, ending),
        _TYPES[ending],
        icon=":material/download:",
        on_click="ignore",
        disabled=disabled,
    )


def _file_name(summary: Mapping[str, Any], ending: str) -> str:
    day = components.local_date(summary["createdAt"])
    return file_name(summary["report"]["title"], day, ending, t("summarization.file"))


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
