"""HR Q&A: documents in, questions out, and every answer with the page that it stands on."""

import hashlib
import html
import math
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from ui import components, pdf, stage
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.entry import Entry
from ui.session import client
from ui.texts import LANGUAGES, language, t, translations

USE_CASE = "hr-qa"
SAMPLES = {"en": "tts_leave_handbook.pdf", "pt": "clt_jornada_ferias_maternidade_rescisao.pdf"}
FOLDER = Path(__file__).parents[2] / "samples" / "handbooks"
EXAMPLES = ("example_sick", "example_vacation", "example_parents")
# The API's limits (docs/api.md); a stage may take less, and says so.
MEGABYTES = 100
_MOST_CHOSEN = 100
_CHARACTERS = 2000
_NAME = 200
# How far into the file a reader looks for the mark of a PDF.
_HEAD = 1024
_BADGES = {"ready": "good", "failed": "bad", "processing": "warn", "awaitingUpload": "off", "deleting": "off"}
_MOVING = ("processing", "awaitingUpload")
_QUESTION, _CHOSEN, _SHOWN = "hr.question", "hr.chosen", "hr.shown"
_PAGE = 20
# Who sends the same file again so soon has clicked twice.
_AGAIN_SECONDS = 10.0
# A stage that reads many documents at once is asked as often as for four.
_LOOK_SECONDS, _LOOK_SECONDS_EACH = 2.0, 0.5
# The form's fields first, the file last; Python is there as the project needs it.
_POST_THE_FORM = """python3 -c 'import json, sys; form = json.loads(sys.argv[1])["upload"]
print("url =", json.dumps(form["url"])); [print("form-string =", json.dumps(f"{k}={v}")) for k, v in form["fields"].items()]' "$made" |
  curl -sS -K - -F file=@handbook.pdf"""  # noqa: E501


def page() -> None:
    """Questions first when there is something to ask; where nothing is ready yet, documents first."""
    request = ApiRequest(USE_CASE, "/questions")
    components.header("hr_qa")
    try:
        documents, more = client().newest(USE_CASE, "/documents", st.session_state.get(_SHOWN, _PAGE))
    except Failure as failure:
        components.error_box(failure, "documents")
        return
    ready = [one for one in documents if one["status"] == "ready"]
    if ready or request.response:
        _ask(request, ready)
    _documents(documents, more)


ENTRY = Entry(USE_CASE, page, probe="/documents?limit=1", icon=":material/quiz:", position=4)


def _ask(request: ApiRequest, ready: list[dict[str, Any]]) -> None:
    components.section(t("hr_qa.ask_title"))
    _examples()
    body = _form(request, ready)
    request.run(body, t("hr_qa.looking"), _problem(body))
    components.outcome(request)
    if request.response:
        _answer(request.response)
    if request.body:
        components.request_box(USE_CASE, "POST", "/questions", request.body)


def _examples() -> None:
    with st.container(horizontal=True, gap="small"):
        for name in EXAMPLES:
            question = t(f"hr_qa.{name}")
            st.button(question, key=f"hr {name}", on_click=_take, args=(question,))


def _take(question: str) -> None:
    st.session_state[_QUESTION] = question


def _form(request: ApiRequest, ready: list[dict[str, Any]]) -> dict[str, Any]:
    names = {one["id"]: one["name"] for one in ready}
    # One that was deleted since cannot be chosen any more.
    st.session_state[_CHOSEN] = [one for one in st.session_state.get(_CHOSEN, []) if one in names]
    with st.form("questions"):
        question = st.text_area(
            t("hr_qa.question"),
            key=_QUESTION,
            max_chars=_CHARACTERS,
            placeholder=t("hr_qa.question_hint"),
            persist_state="session",
        )
        left, right = st.columns([2, 1])
        chosen = left.multiselect(
            t("hr_qa.where"),
            list(names),
            format_func=lambda one: names.get(one, one),
            key=_CHOSEN,
            max_selections=_MOST_CHOSEN,
            placeholder=t("hr_qa.everywhere"),
            persist_state="session",
        )
        # The API answers in the question's language by itself, which is what most people want.
        answer_in = right.selectbox(
            t("hr_qa.language"),
            ("", *LANGUAGES),
            format_func=lambda one: LANGUAGES.get(one) or t("hr_qa.language_same"),
            key="hr.language",
            persist_state="session",
        )
        st.form_submit_button(
            t("hr_qa.ask"), type="primary", icon=":material/search:", on_click=request.start, disabled=request.running
        )
    body: dict[str, Any] = {"question": (question or "").strip()}
    if chosen:
        body["documents"] = chosen
    return {**body, "language": answer_in} if answer_in else body


def _problem(body: Mapping[str, Any]) -> str | None:
    return None if body["question"] else t("hr_qa.no_question")


def _answer(answer: Mapping[str, Any]) -> None:
    with st.container(border=True, key="answer"):
        if not answer["answered"]:
            components.badge("off", t("hr_qa.unanswered"))
        components.model_text(answer["answer"])
        if not answer["answered"]:
            st.caption(t("hr_qa.unanswered_do"))
    components.usage_line(answer)
    if answer["citations"]:
        st.markdown(f"**{t('hr_qa.citations')}**")
    for number, citation in enumerate(answer["citations"], 1):
        _citation(citation, number, answer["requestId"])


def _citation(citation: Mapping[str, Any], number: int, request_id: str) -> None:
    with st.container(border=True, key=f"citation-{number}"):
        place = t("hr_qa.place", document=citation["document"], page=citation["page"])
        st.html(f'<p class="source" dir="auto">{number}. {html.escape(place)}</p>')
        components.model_text(citation["quote"], kind="blockquote")
        # Drawn when it is opened: the whole file is fetched for it.
        shown = st.expander(
            t("hr_qa.show_page", page=citation["page"]),
            icon=":material/find_in_page:",
            key=f"hr page {request_id} {number}",
            on_change="rerun",
        )
        if shown.open:
            with shown:
                _picture(citation, number)


def _picture(citation: Mapping[str, Any], number: int) -> None:
    try:
        with st.spinner(t("hr_qa.fetching")):
            document = client().get(USE_CASE, f"/documents/{citation['documentId']}")
            if "url" not in document:
                st.warning(t("hr_qa.no_file"))
                return
            drawn = _drawn(document["id"], document["updatedAt"], citation["page"], citation["quote"], document["url"])
    except Failure as failure:
        components.error_box(failure, f"page {number}")
        return
    except pdf.Unreadable:
        st.warning(t("hr_qa.no_picture"))
        return
    if not drawn.marked:
        st.info(t("hr_qa.not_found"), icon=":material/info:")
    place = t("hr_qa.place", document=citation["document"], page=citation["page"])
    st.image(drawn.png, alt=place, width="stretch")
    # A local stage's certificate is its own, which the browser does not know.
    if not stage.is_local(stage.current()):
        st.link_button(
            t("hr_qa.open_file"), f"{document['url']}#page={citation['page']}", icon=":material/open_in_new:"
        )


@st.cache_data(show_spinner=False, max_entries=32)
def _drawn(document: str, version: str, page: int, quote: str, _url: str) -> pdf.Picture:
    """Kept by the document's version; its URL is another one every time."""
    return pdf.picture(_file(document, version, _url), page, quote)


@st.cache_resource(show_spinner=False, max_entries=2, ttl=600)
def _file(document: str, version: str, _url: str) -> bytes:
    """Two files at most are kept: each may have a hundred megabytes."""
    return client().download(_url)


def _documents(documents: list[dict[str, Any]], more: bool) -> None:
    components.section(t("hr_qa.documents"))
    if not documents:
        st.caption(t("hr_qa.nothing_yet"))
    _upload(first=not documents)
    moving = [one for one in documents if _moves(one)]
    every = max(_LOOK_SECONDS, _LOOK_SECONDS_EACH * len(moving))
    for one in documents:
        with st.container(border=True, key=f"document-{one['id']}"):
            left, right = st.columns([4, 1], vertical_alignment="center")
            with left:
                if one in moving:
                    st.fragment(_watched, run_every=every, key=f"watch {one['id']}")(one["id"], one["status"])
                else:
                    _state(one)
            with right:
                components.delete_button(
                    t("components.delete"),
                    t("hr_qa.sure", name=components.plain(one["name"])),
                    USE_CASE,
                    f"/documents/{one['id']}",
                    lambda: None,
                )
    if more and st.button(t("components.more"), key="hr more", icon=":material/expand_more:"):
        st.session_state[_SHOWN] = st.session_state.get(_SHOWN, _PAGE) + _PAGE
        st.rerun()
    _upload_as_curl()


def _moves(document: Mapping[str, Any]) -> bool:
    """Whether its state is about to change. A form that somebody left unused is no reason to keep asking."""
    sent = st.session_state.get("hr.sent", ())
    return document["status"] == "processing" or (document["status"] == "awaitingUpload" and document["id"] in sent)


def _watched(document: str, before: str) -> None:
    """A document that is being read, looked at again and again. What the rest of the page shows changes with it."""
    try:
        now = client().get(USE_CASE, f"/documents/{document}")
    except Failure as failure:
        if failure.code == "not_found":
            st.rerun()
        components.error_box(failure, document)
        return
    if now["status"] != before:
        st.rerun()
    _state(now)


def _state(document: Mapping[str, Any]) -> None:
    """The document's name, its state in colour and in words, and what there is to know of it."""
    status = document["status"]
    st.html(
        f'<p class="source" dir="auto">{html.escape(document["name"])}</p>'
        f'<p class="state"><span class="badge {_BADGES[status]}">{html.escape(t(f"hr_qa.status_{status}"))}</span> '
        f"<span>{html.escape(' · '.join(_facts(document)))}</span></p>"
    )
    if status == "processing":
        pages, done = document.get("pages"), document.get("pagesDone", 0)
        told = t("hr_qa.progress", done=f"{done:,}", pages=f"{pages:,}") if pages else t("hr_qa.progress_soon")
        st.progress(min(1.0, done / pages) if pages else 0.0, text=told)
    elif status == "failed":
        _why(document.get("error", {}))


def _facts(document: Mapping[str, Any]) -> list[str]:
    facts = []
    if document["status"] == "ready":
        facts.append(t("hr_qa.pages", pages=f"{document.get('pages', 0):,}"))
        if document.get("pagesWithoutText"):
            facts.append(t("hr_qa.pages_without_text", pages=f"{document['pagesWithoutText']:,}"))
    return [*facts, components.when(document["createdAt"])]


def _why(error: Mapping[str, str]) -> None:
    """Why it could not be read and what to do, in the person's language where the code is a known one."""
    code = error.get("code", "")
    if f"hr_qa.failed_{code}" in translations():
        st.html(f'<p class="state">{html.escape(t(f"hr_qa.failed_{code}"))}</p>')
    else:
        components.model_text(error.get("message", ""))
    if code:
        st.caption(t("hr_qa.code", code=components.plain(code)))


def _upload(*, first: bool) -> None:
    # Another key is an empty field: files that have arrived leave it, files that have not stay.
    turn = st.session_state.setdefault("hr.turn", 0)
    st.session_state.setdefault("hr.one_at_a_time", threading.Lock())
    with st.form("documents"):
        files = st.file_uploader(
            t("hr_qa.files", megabytes=MEGABYTES),
            ["pdf"],
            accept_multiple_files=True,
            key=f"hr files {turn}",
            max_upload_size=MEGABYTES,
        )
        asked = st.form_submit_button(t("hr_qa.upload"), type="primary", icon=":material/upload_file:")
    sample = first and st.button(t("hr_qa.example"), icon=":material/description:")
    if asked:
        _send([(one.name, one.getvalue()) for one in files])
    elif sample:
        name = SAMPLES[language()]
        _send([(name, (FOLDER / name).read_bytes())])
    _problems()


def _problems() -> None:
    """What kept files from being sent the last time, with the files' names."""
    for number, (name, problem) in enumerate(st.session_state.get("hr.problems", ())):
        if name:
            st.html(f'<p class="source">{html.escape(name)}</p>')
        if isinstance(problem, Failure):
            components.error_box(problem, f"upload {number}")
        else:
            st.warning(t(problem), icon=":material/edit:")


def _send(files: Sequence[tuple[str, bytes]]) -> None:
    """Sends each file. What fails is told, and stays in the field."""
    arrived: dict[str, float] = st.session_state.setdefault("hr.arrived", {})
    # The second click of a double click may come when the first one's files have arrived and left the field.
    again = any(time.monotonic() - at < _AGAIN_SECONDS for at in arrived.values())
    problems: list[tuple[str, str | Failure]] = [] if files or again else [("", "hr_qa.no_file_chosen")]
    st.session_state["hr.problems"] = problems
    for name, content in files:
        if b"%PDF-" not in content[:_HEAD]:
            problems.append((name, "hr_qa.failed_not_a_pdf"))
            continue
        try:
            with st.spinner(t("hr_qa.sending", name=components.plain(name)), show_time=True):
                _send_one(name, content, arrived)
        except Failure as failure:
            problems.append((name, failure))
    if not problems:
        st.session_state["hr.turn"] += 1
    st.rerun()


def _send_one(name: str, content: bytes, arrived: dict[str, float]) -> None:
    """The API gives a form, and the file goes to where it says: past the API, whose requests are small."""
    calling, sent = client(), st.session_state.setdefault("hr.sent", set())
    digest = hashlib.sha256(content).hexdigest()
    file = f"{digest} {name}"
    shown = "".join(one if one.isprintable() else " " for one in name).strip()[:_NAME] or "document.pdf"
    body = {"name": shown, "contentType": "application/pdf", "bytes": len(content), "sha256": digest}
    # A second click begins its run while this one waits for the API. Nothing of Streamlit's is touched with the lock
    # held: it would end this run half-way.
    with st.session_state["hr.one_at_a_time"]:
        if time.monotonic() - arrived.get(file, -math.inf) < _AGAIN_SECONDS:
            return
        made = calling.post(USE_CASE, "/documents", body)
        try:
            calling.upload(made["upload"], shown, content)
        except Failure:
            # Nobody else will use its form.
            calling.delete(USE_CASE, f"/documents/{made['id']}")
            raise
        sent.add(made["id"])
        arrived[file] = time.monotonic()


def _upload_as_curl() -> None:
    with st.expander(t("hr_qa.upload_as_curl"), icon=":material/terminal:"):
        st.caption(t("components.as_curl_note"))
        body = {"name": "handbook.pdf", "contentType": "application/pdf"}
        before, _, command = components.curl(stage.current(), USE_CASE, "POST", "/documents", body).partition("curl ")
        st.code(f"{before}made=$(curl {command})\n{_POST_THE_FORM}", language="bash", wrap_lines=True)
