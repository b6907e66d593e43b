"""HR Q&A: the answers of a topic, their ratings, and the questions that the documents do not answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ui import components, tab_state
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.fields import Fields
from ui.session import client
from ui.texts import t

USE_CASE = "hr-qa"
# The API's limits (docs/api.md).
_MAX_TURNS = 10
_MAX_ANSWER = 10_000
_MAX_COMMENT = 2_000
_TOPIC, _OPEN_SHOWN = "hr.topic", "hr.open_shown"
_PAGE_SIZE = 20


@dataclass
class Turn:
    """A question, the response to it, and its rating. `failure`: why the last rating was not stored."""

    question: str
    response: dict[str, Any]
    helpful: bool | None = None
    comment: str | None = None
    failure: Failure | None = None

    @property
    def id(self) -> str:
        """The request's id, which every response has."""
        return str(self.response["requestId"])

    @property
    def understood_as(self) -> str | None:
        """The completed question, if it differs from what was asked."""
        understood = self.response.get("understoodAs", "")
        return understood if understood.split() not in ([], self.question.split()) else None

    def rate(self, *, helpful: bool, comment: str | None = None) -> None:
        """Stores a rating, which replaces the one before."""
        if helpful is self.helpful and not comment:
            return
        body = {"helpful": helpful, **({"comment": comment} if comment else {})}
        try:
            client().post(USE_CASE, f"/questions/{self.response['id']}/feedback", body)
        except Failure as failure:
            self.failure = failure
        else:
            self.helpful, self.comment, self.failure = helpful, comment, None


def topic() -> list[Turn]:
    """The questions since the topic began, oldest first."""
    turns: list[Turn] = tab_state.values().setdefault(_TOPIC, [])
    return turns


def is_new(request: ApiRequest) -> bool:
    """Whether the topic lacks the request's response."""
    return request.response is not None and all(turn.id != request.response["requestId"] for turn in topic())


def history() -> list[dict[str, str]]:
    """The topic for `POST /questions`. Unanswered questions are part of it: the next one may only rephrase them."""
    return [
        {"question": turn.question, "answer": turn.response["answer"][:_MAX_ANSWER]} for turn in topic()[-_MAX_TURNS:]
    ]


def forget_topic(request: ApiRequest) -> None:
    """The next question stands alone."""
    topic().clear()
    request.replace_response(None)


def new_topic_button(request: ApiRequest) -> None:
    """Forgets the answers. Says how they are used until then."""
    st.caption(t("hr_qa.topic_note"))
    st.button(
        t("hr_qa.new_topic"), icon=":material/refresh:", on_click=forget_topic, args=(request,),
        disabled=request.running,
    )  # fmt: skip


def rating(turn: Turn) -> None:
    """Buttons to rate an answer, and a form for a comment on an unhelpful one."""
    # A stage that keeps no questions gives no id.
    if "id" not in turn.response:
        return
    with st.container(horizontal=True, gap="small"):
        for helpful, name, icon in ((True, "helpful", "thumb_up"), (False, "unhelpful", "thumb_down")):
            st.button(
                t(f"hr_qa.{name}"),
                key=f"hr {name} {turn.id}",
                icon=f":material/{icon}:",
                type="primary" if turn.helpful is helpful else "secondary",
                on_click=turn.rate,
                kwargs={"helpful": helpful},
            )
    if turn.failure:
        components.error_box(turn.failure, f"feedback {turn.id}")
    if turn.helpful is not None:
        st.caption(t("hr_qa.rated_helpful" if turn.helpful else "hr_qa.rated_unhelpful"))
    if turn.comment:
        components.model_text(turn.comment, tag="blockquote")
    elif turn.helpful is False:
        _comment_form(turn)


def _comment_form(turn: Turn) -> None:
    key = f"hr comment {turn.id}"

    def send() -> None:
        comment = st.session_state[key].strip()
        if len(comment) <= _MAX_COMMENT:
            turn.rate(helpful=False, comment=comment)

    with st.form(f"{key} form"):
        Fields().text_area(t("hr_qa.comment"), key, _MAX_COMMENT)
        st.form_submit_button(t("hr_qa.send_comment"), icon=":material/send:", on_click=send)


def open_questions(space: str | None) -> None:
    """The questions that the documents of a space did not answer, or not well, by default the user's own documents."""
    expander = st.expander(
        t("hr_qa.open_questions"), icon=":material/quiz:", key=f"hr open {space or ''}", on_change="rerun"
    )
    if expander.open:
        with expander:
            _list_open_questions(space)


def _list_open_questions(space: str | None) -> None:
    st.caption(t("hr_qa.open_questions_note"))
    shown = st.session_state.get(_OPEN_SHOWN, _PAGE_SIZE)
    try:
        with st.spinner(t("hr_qa.fetching_questions")):
            questions, more = client().newest(USE_CASE, "/questions", shown, space=space)
    except Failure as failure:
        components.error_box(failure, "open questions")
        return
    if not questions:
        st.caption(t("hr_qa.no_open_questions"))
    for question in questions:
        _open_question(question)
    if more and st.button(t("components.more"), key="hr more questions", icon=":material/expand_more:"):
        st.session_state[_OPEN_SHOWN] = shown + _PAGE_SIZE
        st.rerun()


def _open_question(question: Mapping[str, Any]) -> None:
    with st.container(border=True, key=f"open-question-{question['id']}"):
        components.model_text(question["question"])
        level, state = ("warn", "open_unhelpful") if question["answered"] else ("off", "unanswered")
        components.badge(level, t(f"hr_qa.{state}"), components.local_time(question["askedAt"]))
        if "comment" in question:
            components.model_text(question["comment"], tag="blockquote")
