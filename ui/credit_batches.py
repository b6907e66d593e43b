"""Credit risk: files of applications, outcomes and loans, and the trainings made with them."""

import csv
import gzip
import hashlib
import html
import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from ui import components, credit_examples, credit_terms
from ui import credit_fields as fields
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.credit_fields import AUDITOR, MODELLER, SCORER, USE_CASE
from ui.details import details
from ui.fields import Fields, choice
from ui.file_names import file_name
from ui.number_format import money, number, percent
from ui.session import client
from ui.texts import language, t, translations
from ui.uploads import ask_for_file, printable, uploads

PURPOSES = ("scoring", "outcomes", "training")
# The API's limits (docs/api.md).
MAX_MEGABYTES = 100
_MAX_NAME = 100
_BADGES = {
    "ready": "good", "failed": "bad", "processing": "warn", "running": "warn", "awaitingUpload": "off",
    "waiting": "off", "deleting": "off",
}  # fmt: skip
_SHOWN, _TRAININGS_SHOWN, _PROBLEM = "credit.batches", "credit.trainings", "credit.upload_problem"
_NO_FILE = "no_file"
_PAGE_SIZE = 10
_MOST_BATCHES = 100
_POLL_SECONDS = 2.0
_PREVIEW_ROWS = 20
_PREVIEW_BYTES = 200_000

Item = Mapping[str, Any]


def view() -> None:
    """Uploads with their progress, and trainings."""
    components.section(t("credit_risk.batches"))
    _upload()
    _batches()
    components.section(t("credit_risk.trainings"))
    _trainings()


def _upload() -> None:
    upload_round = uploads(USE_CASE).round
    purpose: str = st.radio(
        t("credit_risk.purpose"), PURPOSES, horizontal=True, key="credit.purpose",
        format_func=lambda name: t(f"credit_risk.purpose_{name}"), persist_state="session",
    )  # fmt: skip
    st.caption(t(f"credit_risk.columns_{purpose}"))
    st.download_button(
        t("credit_risk.example_file"), credit_examples.file(purpose), f"{purpose}.csv", "text/csv", on_click="ignore",
        key=f"credit example {purpose}", icon=":material/download:",
    )  # fmt: skip
    form = Fields()
    with st.form("credit batch"):
        name = form.text_input(t("credit_risk.batch_name"), f"credit batch name {upload_round}", _MAX_NAME)
        file = st.file_uploader(
            t("credit_risk.file", megabytes=MAX_MEGABYTES), ["csv", "gz"], key=f"credit file {upload_round}",
            max_upload_size=MAX_MEGABYTES,
        )  # fmt: skip
        if st.form_submit_button(t("credit_risk.upload"), type="primary", icon=":material/upload_file:"):
            _send(purpose, name, file, form.problem)
    if problem := st.session_state.get(_PROBLEM):
        if isinstance(problem, Failure):
            fields.failure_box(problem, "upload", (SCORER, MODELLER))
        else:
            ask_for_file()


def _send(purpose: str, name: str, file: Any, problem: str | None) -> None:
    """Creates the batch and uploads its file. After a failure, both stay in the form."""
    state = uploads(USE_CASE)
    st.session_state[_PROBLEM] = None
    if problem:
        # It is written below its field.
        return
    if file is None:
        if not state.is_double_click():
            st.session_state[_PROBLEM] = _NO_FILE
        return
    content = file.getvalue()
    body = {
        "name": printable(name or file.name, _MAX_NAME) or purpose,
        "purpose": purpose,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "language": language(),
    }
    try:
        with st.spinner(t("credit_risk.sending"), show_time=True):
            state.send("/batches", body, file.name, content)
    except Failure as failure:
        st.session_state[_PROBLEM] = failure
        return
    state.empty_field()
    st.rerun()


def _batches() -> None:
    shown = st.session_state.get(_SHOWN, _PAGE_SIZE)
    try:
        batches, more = client().newest(USE_CASE, "/batches", shown)
    except Failure as failure:
        fields.failure_box(failure, "batches", (SCORER, MODELLER, AUDITOR))
        return
    if not batches:
        st.caption(t("credit_risk.no_batches"))
    for batch in batches:
        with st.container(border=True, key=f"credit-batch-{batch['id']}"):
            if _is_in_progress(batch):
                poll = st.fragment(_poll, run_every=_POLL_SECONDS, key=f"poll {batch['id']}")
                poll("/batches", batch)
            else:
                _batch(batch)
            _batch_buttons(batch)
    if more and st.button(t("components.more"), key="credit more batches", icon=":material/expand_more:"):
        st.session_state[_SHOWN] = shown + _PAGE_SIZE
        st.rerun()


def _is_in_progress(item: Item) -> bool:
    """Whether the status is about to change."""
    return uploads(USE_CASE).status(item) in ("processing", "waiting", "running")


def _poll(path: str, previous: Item) -> None:
    """Shows a batch or a training. When its status changes, reruns the page, because other parts depend on it."""
    try:
        item = client().get(USE_CASE, f"{path}/{previous['id']}")
    except Failure as failure:
        if failure.code == "not_found":
            st.rerun()
        components.error_box(failure, previous["id"])
        return
    if item["status"] != previous["status"]:
        st.rerun()
    (_batch if path == "/batches" else _training)(item)


def _head(item: Item, facts: Sequence[str]) -> None:
    status = item["status"]
    st.html(f'<p class="source" dir="auto">{html.escape(item["name"])}</p>')
    components.badge(
        "warn" if item.get("rowsRejected") else _BADGES[status],
        t(f"credit_risk.batch_{status}"),
        " · ".join([*facts, components.local_time(item["createdAt"])]),
    )


def _batch(batch: Item) -> None:
    batch = {**batch, "status": uploads(USE_CASE).status(batch)}
    facts = [t(f"credit_risk.purpose_{batch['purpose']}")]
    if "rows" in batch:
        facts.append(t("credit_risk.row_count", rows=number(batch["rows"])))
    if batch.get("rowsRejected"):
        facts.append(t("credit_risk.rows_rejected", rows=number(batch["rowsRejected"])))
    _head(batch, facts)
    if batch["status"] == "processing":
        rows, done = batch.get("rows"), batch.get("rowsDone", 0)
        text = (
            t("credit_risk.progress", done=number(done), rows=number(rows))
            if rows
            else t("credit_risk.progress_starting")
        )
        st.progress(min(1.0, done / rows) if rows else 0.0, text=text)
    if summary := batch.get("summary"):
        components.figures(
            {
                t("credit_risk.approval_rate"): percent(summary["approvalRate"]),
                t("credit_risk.mean_score"): number(summary["meanScore"], 1),
                t("credit_risk.mean_pd"): percent(summary["meanProbabilityOfDefault"]),
                t("credit_risk.el"): money(summary["expectedLoss"], summary["currency"]),
                t("credit_risk.ead"): money(summary["exposure"], summary["currency"]),
            }
        )
        credit_terms.explain(f"batch {batch['id']}", "approval_rate", "mean_pd", "el", "ead")
    _error(batch)


def _error(item: Item) -> None:
    """Why the work failed and what to do, and what the API says about it."""
    if error := item.get("error"):
        is_known = (key := f"credit_risk.failed_{error['code']}") in translations()
        if is_known:
            st.html(f'<p class="state">{html.escape(t(key))}</p>')
        components.model_text(error["message"])
        if not is_known:
            st.caption(t("credit_risk.code", code=components.plain(error["code"])))


def _batch_buttons(batch: Item) -> None:
    if batch["status"] in ("deleting", "processing"):
        return
    with st.container(horizontal=True, gap="small"):
        components.name_buttons(batch["name"])
        for kind in ("results", "rejected"):
            if kind in batch:
                _download(batch, kind)
        components.delete_button(
            t("components.delete"),
            t("credit_risk.confirm_delete", name=components.plain(batch["name"])),
            USE_CASE,
            f"/batches/{batch['id']}",
            lambda: None,
        )
    if "rejected" in batch:
        expander = st.expander(
            t("credit_risk.show_rejected"), icon=":material/rule:", key=f"credit show rejected {batch['id']}",
            on_change="rerun",
        )  # fmt: skip
        if expander.open:
            with expander:
                _rejected(batch)


def _download(batch: Item, kind: str) -> None:
    """A file of a batch. This server fetches it on the click: browsers don't trust the local stage's certificate."""
    batch_id = batch["id"]
    name = file_name(f"{kind} {Path(batch['name']).stem}", components.local_date(batch["createdAt"]), "csv.gz", kind)

    def fetch() -> bytes:
        return client().download(client().get(USE_CASE, f"/batches/{batch_id}")[kind]["url"])

    st.download_button(
        t(f"credit_risk.download_{kind}"), fetch, name, "application/gzip", on_click="ignore",
        key=f"credit {kind} {batch_id}", icon=":material/download:",
    )  # fmt: skip


def _rejected(batch: Item) -> None:
    try:
        content = client().download(batch["rejected"]["url"])
    except Failure as failure:
        components.error_box(failure, f"rejected {batch['id']}")
        return
    rows = preview(content)
    if len(rows) < 2:
        st.caption(t("credit_risk.nothing_rejected"))
        return
    caption = t("credit_risk.first_rejected", rows=number(len(rows) - 1))
    components.table(caption, rows[0], rows[1:], texts=len(rows[0]))


def preview(content: bytes) -> list[list[str]]:
    """The header and the first rows of a CSV or CSV.gz file, all with the header's length."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(_PREVIEW_BYTES)
        except (OSError, EOFError, zlib.error):
            return []
    text = content[:_PREVIEW_BYTES].decode("utf-8-sig", "replace")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text)):
            if len(rows) > _PREVIEW_ROWS:
                break
            width = len(rows[0]) if rows else len(row)
            rows.append([*row[:width], *[""] * (width - len(row))])
    except csv.Error:
        return rows
    return rows


def _trainings() -> None:
    try:
        batches, _ = client().newest(USE_CASE, "/batches", _MOST_BATCHES, purpose="training")
        _start([batch for batch in batches if batch["status"] == "ready"])
        shown = st.session_state.get(_TRAININGS_SHOWN, _PAGE_SIZE)
        trainings, more = client().newest(USE_CASE, "/trainings", shown)
    except Failure as failure:
        fields.failure_box(failure, "trainings", (MODELLER, AUDITOR))
        return
    if not trainings:
        st.caption(t("credit_risk.no_trainings"))
    for training in trainings:
        with st.container(border=True, key=f"credit-training-{training['id']}"):
            if _is_in_progress(training):
                poll = st.fragment(_poll, run_every=_POLL_SECONDS, key=f"poll {training['id']}")
                poll("/trainings", training)
            else:
                _training(training)
    if more and st.button(t("components.more"), key="credit more trainings", icon=":material/expand_more:"):
        st.session_state[_TRAININGS_SHOWN] = shown + _PAGE_SIZE
        st.rerun()


def _start(batches: Sequence[Item]) -> None:
    request = ApiRequest(USE_CASE, "/trainings")
    if not batches:
        st.caption(t("credit_risk.no_training_data"))
        return
    names = {batch["id"]: batch["name"] for batch in batches}
    form = Fields()
    with st.form("credit training"):
        batch = st.selectbox(t("credit_risk.training_data"), list(names), format_func=names.__getitem__)
        name = form.text_input(t("credit_risk.model_name"), "credit.training_name", _MAX_NAME)
        exclude = st.multiselect(
            t("credit_risk.exclude"), [field.name for field in fields.FIELDS], format_func=fields.name,
            **choice("credit.exclude"), help=t("credit_risk.exclude_help"), placeholder=t("credit_risk.none"),
        )  # fmt: skip
        settings = _training_settings(form)
        st.form_submit_button(
            t("credit_risk.train"), type="primary", icon=":material/model_training:", on_click=request.start,
            disabled=request.running,
        )  # fmt: skip
    body = {"batch": batch, "name": name, "exclude": exclude, **settings}
    request.run(body, t("credit_risk.saving"), form.problem or _training_problem(body))
    fields.outcome(request, (MODELLER,))
    if request.body:
        details(USE_CASE, "POST", "/trainings", request.body, request.response)


def _training_settings(form: Fields) -> dict[str, Any]:
    with st.expander(t("credit_risk.settings")), st.container(key="credit-fields-training"):
        currency = form.text_input(t("credit_risk.currency"), "credit.currency", 3, default="USD")
        low = form.number(t("credit_risk.scale_min"), "credit.scale_min", 0, 100_000, 300, step=10)
        high = form.number(t("credit_risk.scale_max"), "credit.scale_max", 0, 100_000, 850, step=10)
        p_value = form.number(
            t("credit_risk.maximum_p"), "credit.maximum_p", 0.0001, 1.0, 0.05, step=0.01, format="%.4f",
            help=t("credit_terms.p_value"),
        )  # fmt: skip
        value = form.number(
            t("credit_risk.minimum_iv"), "credit.minimum_iv", 0.0, 1.0, 0.01, step=0.01, format="%.4f",
            help=t("credit_terms.iv"),
        )  # fmt: skip
        month = form.text_input(
            t("credit_risk.test_from"), "credit.test_from", 7, placeholder="2011-01",
            help=t("credit_risk.test_from_help"),
        )  # fmt: skip
    settings: dict[str, Any] = {
        "currency": currency.upper(),
        "scale": {"min": low, "max": high},
        "maximumPValue": p_value,
        "minimumInformationValue": value,
    }
    return {**settings, "testFrom": month} if month else settings


def _training_problem(body: Mapping[str, Any]) -> str | None:
    if not body["name"]:
        return t("credit_risk.no_model_name")
    return t("credit_risk.scale_order") if body["scale"]["min"] >= body["scale"]["max"] else None


def _training(training: Item) -> None:
    _head(training, [training["createdBy"]])
    icons = {"done": "✓", "running": "…", "waiting": "·"}
    steps = "".join(
        f'<li class="{step["status"]}"><span aria-hidden="true">{icons[step["status"]]}</span> '
        f"{html.escape(t('credit_risk.step_' + step['name']))} "
        f"<small>{html.escape(t('credit_risk.step_is_' + step['status']))}</small></li>"
        for step in training["steps"]
    )
    st.html(f'<ol class="steps">{steps}</ol>')
    if "model" in training:
        st.caption(t("credit_risk.model_made", model=components.plain(training["model"])))
    _error(training)
