"""The HR Q&A page: uploads, questions, and answers with the cited pages."""

import hashlib
import html
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from ui import components, hr_answer, hr_feedback, lists, stage
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.details import curl, details
from ui.documents import reason as failure_reason
from ui.entry import Entry
from ui.fields import Fields, choice, kept
from ui.hr_answer import PDF, PPTX
from ui.hr_feedback import USE_CASE, Turn
from ui.number_format import number
from ui.session import client
from ui.texts import LANGUAGES, language, t
from ui.uploads import ask_for_file, printable, uploads

# English where there is none in the language: questions may be in another one than the document.
SAMPLES = {"pt": "clt_jornada_ferias_maternidade_rescisao.pdf"}
ENGLISH_SAMPLE = "tts_leave_handbook.pdf"
FOLDER = Path(__file__).parents[2] / "samples" / "handbooks"
EXAMPLES = ("example_sick", "example_vacation", "example_parents")
# The API's limits (docs/api.md). A stage may have lower ones, which its errors state.
MAX_MEGABYTES = 100
_MAX_DOCUMENTS = 100
_MAX_CHARACTERS = 2000
_MAX_NAME = 200
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_TYPES = {
    "pdf": PDF,
    "docx": _DOCX,
    "docm": _DOCX,
    "pptx": PPTX,
    "pptm": PPTX,
    "html": "text/html",
    "htm": "text/html",
    "md": "text/markdown",
    "markdown": "text/markdown",
    "txt": "text/plain",
}
# PDF readers search this much of a file for its header.
_HEADER_BYTES = 1024
_BADGES = {"ready": "good", "failed": "bad", "processing": "warn", "awaitingUpload": "off", "deleting": "off"}
_QUESTION, _SELECTED, _SHOWN = "hr.question", "hr.chosen", "hr.shown"
_SPACES = "hr.spaces"
# The API's name of the user's own documents.
_OWN = "own"
_PAGE_SIZE = 20
# All that can be found by name and chosen for a question, in five requests.
_MAX_LISTED = 500
_SEARCH, _PROBLEMS, _SENT, _NO_FILE = "hr.search", "hr.problems", "hr.sent", "no_file"
# Each document is polled separately: with more than four, less often, to limit the total.
_POLL_SECONDS, _POLL_SECONDS_PER_DOCUMENT = 2.0, 0.5
# S3 requires the form's fields before the file.
_POST_FORM = """python3 -c 'import json, sys; form = json.loads(sys.argv[1])["upload"]
print("url =", json.dumps(form["url"])); [print("form-string =", json.dumps(f"{k}={v}")) for k, v in form["fields"].items()]' "$document" |
  curl -sS -K - -F file=@handbook.pdf"""  # noqa: E501


def page() -> None:
    """The question form if a document is ready, the list of documents, and what they lack."""
    request = ApiRequest(USE_CASE, "/questions")
    components.header("hr_qa")
    try:
        spaces = _spaces()
        space = _choose_space(spaces)
        documents, more = lists.newest(USE_CASE, "/documents", _MAX_LISTED, space=None if space == _OWN else space)
    except Failure as failure:
        components.error_box(failure, "documents")
        return
    ready = [document for document in documents if document["status"] == "ready"]
    # Other spaces than the shown one may have documents.
    if ready or spaces or request.response or hr_feedback.topic():
        _ask(request, ready)
    writable = space == _OWN or spaces[space]
    _documents(documents, more, space, writable=writable)
    if writable:
        hr_feedback.open_questions(None if space == _OWN else space)


ENTRY = Entry(USE_CASE, page, probe="/documents?limit=1", icon=":material/quiz:", position=4)


def _spaces() -> dict[str, bool]:
    """The spaces that the user may read, and whether they may change them. Read once in a session."""
    if _SPACES not in st.session_state:
        listed = client().get(USE_CASE, "/documents", limit=1).get("spaces", ())
        st.session_state[_SPACES] = {space["name"]: space["writable"] for space in listed}
    spaces: dict[str, bool] = st.session_state[_SPACES]
    return spaces


def _choose_space(spaces: Mapping[str, bool]) -> str:
    """The space whose documents are shown and added to."""
    if not spaces:
        return _OWN
    chosen: str = st.selectbox(
        t("hr_qa.space"),
        (_OWN, *spaces),
        format_func=lambda name: t("hr_qa.space_own") if name == _OWN else name,
        **choice("hr.space"),
    )
    return chosen


def _ask(request: ApiRequest, ready: list[dict[str, Any]]) -> None:
    components.section(t("hr_qa.ask_title"))
    if request.response and request.body and hr_feedback.is_new(request):
        hr_feedback.topic().append(Turn(request.body["question"], request.response))
        st.session_state[_QUESTION] = ""
    turns = hr_feedback.topic()
    if not turns:
        _examples()
    body, problem = _form(request, ready)
    request.run(body, t("hr_qa.searching"), problem)
    components.outcome(request)
    if turns:
        hr_feedback.new_topic_button(request)
    # The newest answer is next to the form.
    for turn in reversed(turns):
        _turn(turn)
        if turn is turns[-1] and turn.understood_as:
            _ask_alone_button(request, turn)
    if request.body:
        details(USE_CASE, "POST", "/questions", request.body, request.response)


def _examples() -> None:
    with st.container(horizontal=True, gap="small"):
        for name in EXAMPLES:
            question = t(f"hr_qa.{name}")
            st.button(question, key=f"hr {name}", on_click=_use_example, args=(question,))


def _use_example(question: str) -> None:
    st.session_state[_QUESTION] = question


def _form(request: ApiRequest, ready: list[dict[str, Any]]) -> tuple[dict[str, Any], str | None]:
    names = {document["id"]: document["name"] for document in ready}
    options = kept(_SELECTED, [])
    # A selected document may have been deleted in the meantime.
    st.session_state[_SELECTED] = [selected for selected in st.session_state.get(_SELECTED, []) if selected in names]
    fields = Fields()
    with st.form("questions"):
        question = fields.text_area(
            t("hr_qa.follow_up" if hr_feedback.topic() else "hr_qa.question"),
            _QUESTION,
            _MAX_CHARACTERS,
            placeholder=t("hr_qa.question_hint"),
        )
        left, right = st.columns([2, 1])
        selected = left.multiselect(
            t("hr_qa.documents_filter"),
            list(names),
            format_func=lambda document_id: names.get(document_id, document_id),
            max_selections=_MAX_DOCUMENTS,
            placeholder=t("hr_qa.all_documents"),
            **options,
        )
        # By default, the API answers in the question's language.
        answer_language = right.selectbox(
            t("hr_qa.language"),
            ("", *LANGUAGES),
            format_func=lambda code: LANGUAGES.get(code) or t("hr_qa.language_same"),
            **choice("hr.language"),
        )
        st.form_submit_button(
            t("hr_qa.ask"), type="primary", icon=":material/search:", on_click=request.start, disabled=request.running
        )
    body: dict[str, Any] = {"question": question}
    if turns := hr_feedback.history():
        body["history"] = turns
    if selected:
        body["documents"] = selected
    problem = fields.problem or (None if question else t("hr_qa.no_question"))
    return {**body, "language": answer_language} if answer_language else body, problem


def _ask_alone_button(request: ApiRequest, turn: Turn) -> None:
    """Asks the question again without the topic, for one that was wrongly taken for a part of it."""

    def ask() -> None:
        hr_feedback.forget_topic(request)
        st.session_state[_QUESTION] = turn.question
        request.start()

    st.button(t("hr_qa.ask_alone"), icon=":material/call_split:", on_click=ask, disabled=request.running)


def _turn(turn: Turn) -> None:
    st.html(f'<h3 class="source" dir="auto">{html.escape(turn.question)}</h3>')
    if turn.understood_as:
        components.model_text(t("hr_qa.understood_as", question=turn.understood_as))
    hr_answer.show(turn.response)
    hr_feedback.rating(turn)


def _documents(documents: list[dict[str, Any]], more: bool, space: str, *, writable: bool) -> None:
    components.section(t("hr_qa.documents"))
    if not writable:
        st.caption(t("hr_qa.read_only"))
    elif not documents:
        st.caption(t("hr_qa.nothing_yet"))
    if writable:
        _upload(documents, space)
    found = _found(documents, more=more)
    shown = found[: st.session_state.get(_SHOWN, _PAGE_SIZE)]
    in_progress = [document for document in shown if _is_in_progress(document)]
    interval = max(_POLL_SECONDS, _POLL_SECONDS_PER_DOCUMENT * len(in_progress))
    for document in shown:
        with st.container(border=True, key=f"document-{document['id']}"):
            left, right = st.columns([4, 1], vertical_alignment="center")
            with left:
                if document in in_progress:
                    poll = st.fragment(_poll, run_every=interval, key=f"poll {document['id']}")
                    poll(document["id"], document["status"])
                else:
                    _status(document)
            # A document with a source is deleted there.
            if not writable or "source" in document or document["status"] == "deleting":
                continue
            with right:
                components.name_buttons(document["name"])
                components.delete_button(
                    t("components.delete"),
                    t("hr_qa.confirm_delete", name=components.plain(document["name"])),
                    USE_CASE,
                    f"/documents/{document['id']}",
                    lambda: None,
                )
    if len(found) > len(shown) and st.button(t("components.more"), key="hr more", icon=":material/expand_more:"):
        st.session_state[_SHOWN] = st.session_state.get(_SHOWN, _PAGE_SIZE) + _PAGE_SIZE
        st.rerun()
    if writable:
        _upload_as_curl(space)


def _found(documents: list[dict[str, Any]], *, more: bool) -> list[dict[str, Any]]:
    """The documents whose names have what the user searches for; all if there are few."""
    if len(documents) <= _PAGE_SIZE:
        return documents
    search: str = st.text_input(t("hr_qa.search"), placeholder=t("hr_qa.search_hint"), **kept(_SEARCH)) or ""
    if more:
        st.caption(t("hr_qa.only_newest", count=_MAX_LISTED))
    found = [document for document in documents if search.strip().casefold() in document["name"].casefold()]
    st.caption(t("hr_qa.found", count=number(len(found))))
    return found


def _is_in_progress(document: Mapping[str, Any]) -> bool:
    """Whether the status is about to change."""
    return uploads(USE_CASE).status(document) == "processing"


def _poll(document_id: str, previous_status: str) -> None:
    """Shows a document's status. When it changes, reruns the page, because other parts depend on it."""
    try:
        document = client().get(USE_CASE, f"/documents/{document_id}")
    except Failure as failure:
        if failure.code == "not_found":
            lists.forget(USE_CASE)
            st.rerun()
        components.error_box(failure, document_id)
        return
    if document["status"] != previous_status:
        lists.forget(USE_CASE)
        st.rerun()
    _status(document)


def _status(document: Mapping[str, Any]) -> None:
    """The document's name, status and details."""
    status = uploads(USE_CASE).status(document)
    st.html(
        f'<p class="source" dir="auto">{html.escape(document["name"])}</p>'
        f'<p class="state"><span class="badge {_BADGES[status]}">{html.escape(t(f"hr_qa.status_{status}"))}</span> '
        f"<span>{html.escape(' · '.join(_facts(document)))}</span></p>"
    )
    if status == "processing":
        pages, done = document.get("pages"), document.get("pagesDone", 0)
        text = t("hr_qa.progress", done=number(done), pages=number(pages)) if pages else t("hr_qa.progress_starting")
        st.progress(min(1.0, done / pages) if pages else 0.0, text=text)
    if document.get("error") or status == "failed":
        _error(document.get("error", {}))


def _facts(document: Mapping[str, Any]) -> list[str]:
    facts = []
    if document["status"] == "ready":
        facts.append(t("hr_qa.pages", pages=number(document.get("pages", 0))))
        if document.get("pagesWithoutText"):
            facts.append(t("hr_qa.pages_without_text", pages=number(document["pagesWithoutText"])))
        if document.get("hiddenCharacters"):
            facts.append(t("hr_qa.hidden_characters", characters=number(document["hiddenCharacters"])))
        facts += [t(f"hr_qa.notice_{notice['code']}") for notice in document.get("notices", [])]
    if source := document.get("source"):
        facts.append(t("hr_qa.source", place=f"{source['bucket']}/{source['key']}"))
    return [*facts, components.local_time(document["createdAt"])]


def _error(error: Mapping[str, str]) -> None:
    """Why processing failed and what to do; for an unknown code, the API's message."""
    code = error.get("code", "")
    if reason := failure_reason(code):
        st.html(f'<p class="state">{html.escape(reason)}</p>')
    else:
        components.model_text(error.get("message", ""))
        st.caption(t("hr_qa.code", code=components.plain(code)))


@dataclass(frozen=True, eq=False)
class NotAdded:
    """A file of the last upload that was not added, and why. `content` is kept if it may be sent again.

    `id` is part of its buttons' keys: the second click of a double click must not be for the next file.
    """

    name: str
    reason: str | Failure
    content: bytes = b""
    space: str = _OWN
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def has_failed(self) -> bool:
        """Whether only the upload failed."""
        return isinstance(self.reason, Failure) and bool(self.content)


def _upload(documents: list[dict[str, Any]], space: str) -> None:
    with st.form("documents"):
        files = st.file_uploader(
            t("hr_qa.files", megabytes=MAX_MEGABYTES),
            list(_TYPES),
            accept_multiple_files=True,
            key=f"hr files {uploads(USE_CASE).round}",
            max_upload_size=MAX_MEGABYTES,
        )
        submitted = st.form_submit_button(t("hr_qa.upload"), type="primary", icon=":material/upload_file:")
    sample = not documents and st.button(t("hr_qa.example"), icon=":material/description:")
    if submitted:
        _upload_files([(file.name, file.getvalue()) for file in files], space, documents)
    elif sample:
        name = SAMPLES.get(language(), ENGLISH_SAMPLE)
        _upload_files([(name, (FOLDER / name).read_bytes())], space, documents)
    for place, problem in enumerate(_problems()):
        _not_added(place, problem)


def _problems() -> list[NotAdded]:
    problems: list[NotAdded] = st.session_state.setdefault(_PROBLEMS, [])
    return problems


def _not_added(place: int, problem: NotAdded) -> None:
    """Why a file was not added, and what can be done about it here."""
    if problem.reason == _NO_FILE:
        ask_for_file()
        return
    st.html(f'<p class="source">{html.escape(problem.name)}</p>')
    if isinstance(problem.reason, Failure):
        components.error_box(problem.reason, f"upload {place}")
    else:
        st.warning(t(problem.reason), icon=":material/edit:")
    if not problem.content:
        return
    with st.container(horizontal=True, gap="small"):
        components.name_buttons(problem.name)
        label = t("chatbot.again" if problem.has_failed else "hr_qa.upload_duplicates")
        if st.button(label, key=f"hr again {problem.id}", icon=":material/refresh:"):
            _upload_again(problem)
        if problem.has_failed:
            st.button(
                t("hr_qa.discard_file"),
                key=f"hr discard {problem.id}",
                icon=":material/close:",
                on_click=_discard,
                args=(problem,),
            )


def _duplicate(name: str, digest: str, documents: Sequence[Mapping[str, Any]]) -> str | None:
    """Why the file may be in the list already."""
    usable = [document for document in documents if document["status"] not in ("failed", "deleting", "awaitingUpload")]
    if any(document.get("sha256") == digest for document in usable):
        return "hr_qa.duplicate_content"
    return (
        "hr_qa.duplicate_name" if any(document["name"] == printable(name, _MAX_NAME) for document in usable) else None
    )


def _upload_files(files: Sequence[tuple[str, bytes]], space: str, documents: Sequence[Mapping[str, Any]]) -> None:
    """Uploads each file and empties the field. What was not added is listed below it.

    `sent`: the names of those that were, by their digests. A second click may end a run, and begin with them again.
    """
    state = uploads(USE_CASE)
    if not files and state.is_double_click():
        return
    sent: dict[str, str] = st.session_state.setdefault(_SENT, {})
    names = {name for name, _ in files}
    # A file whose upload failed stays until it is sent again or discarded.
    problems = [problem for problem in _problems() if problem.has_failed and problem.name not in names]
    st.session_state[_PROBLEMS] = problems
    if not files:
        problems.append(NotAdded("", _NO_FILE))
    for name, content in files:
        digest = hashlib.sha256(content).hexdigest()
        if sent.get(digest) == name:
            continue
        problem = _unreadable(name, content)
        duplicate = "hr_qa.duplicate_content" if digest in sent else _duplicate(name, digest, documents)
        if problem:
            problems.append(NotAdded(name, problem))
        elif duplicate:
            problems.append(NotAdded(name, duplicate, content, space))
        elif failed := _send(name, content, space):
            problems.append(failed)
        else:
            sent[digest] = name
    if files:
        state.empty_field()
        sent.clear()
    lists.forget(USE_CASE)
    st.rerun()


def _unreadable(name: str, content: bytes) -> str | None:
    """Why the API could not read the file."""
    if not content:
        return "documents.failed_empty"
    is_pdf = b"%PDF-" in content[:_HEADER_BYTES]
    return "documents.failed_unsupported_type" if _content_type(name) == PDF and not is_pdf else None


def _upload_again(problem: NotAdded) -> None:
    """Uploads a file that was not added. If it fails again, the new failure is shown in place of the old one."""
    failed = _send(problem.name, problem.content, problem.space)
    problems = _problems()
    # The second click of a double click may find it uploaded.
    if problem in problems:
        place = problems.index(problem)
        problems[place : place + 1] = [failed] if failed else []
    lists.forget(USE_CASE)
    st.rerun()


def _discard(problem: NotAdded) -> None:
    if problem in _problems():
        _problems().remove(problem)


def _send(name: str, content: bytes, space: str) -> NotAdded | None:
    """Uploads a file. Returns why that failed."""
    try:
        with st.spinner(t("hr_qa.sending", name=components.plain(name)), show_time=True):
            _upload_file(name, content, hashlib.sha256(content).hexdigest(), space)
    except Failure as failure:
        return NotAdded(name, failure, b"" if failure.is_final else content, space)
    return None


def _upload_file(name: str, content: bytes, digest: str, space: str) -> None:
    document_name = printable(name, _MAX_NAME) or "document"
    body = {"name": document_name, "contentType": _content_type(name), "bytes": len(content), "sha256": digest}
    uploads(USE_CASE).send("/documents", body | _in_space(space), document_name, content)


def _content_type(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2].lower(), PDF)


def _in_space(space: str) -> dict[str, Any]:
    return {} if space == _OWN else {"space": space}


def _upload_as_curl(space: str) -> None:
    with st.expander(t("hr_qa.upload_as_curl"), icon=":material/terminal:"):
        st.caption(t("components.as_curl_note"))
        body = {"name": "handbook.pdf", "contentType": "application/pdf", **_in_space(space)}
        before, _, command = curl(stage.current(), USE_CASE, "POST", "/documents", body).partition("curl ")
        st.code(f"{before}document=$(curl {command})\n{_POST_FORM}", language="bash", wrap_lines=True)
