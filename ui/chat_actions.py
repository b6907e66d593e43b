"""What the user can do with a message: copy it, rate it, have it answered again, or change it."""

from typing import Any

import streamlit as st

from ui import chat, components
from ui.chat import OpenConversation
from ui.client import Failure
from ui.fields import Fields
from ui.texts import t

_MAX_COMMENT = 2_000
_FAILURE = "chat.feedback_failure"
# Stop reasons of answers that are not what they could be.
_NOTES = {
    "stopped": "stopped",
    "max_tokens": "too_long",
    "model_context_window_exceeded": "too_long",
    "guardrail_intervened": "declined",
    "content_filtered": "declined",
}


def stop_note(message: dict[str, Any]) -> None:
    """Why an answer ended early, if it did."""
    if message.get("stopReason") in _NOTES:
        st.caption(t(f"chatbot.{_NOTES[message['stopReason']]}"))


def question_actions(conversation: OpenConversation, message: dict[str, Any]) -> None:
    """Below a message of the user's."""
    with st.container(horizontal=True, gap="small", key=f"chat-actions-you-{message['id']}"):
        components.name_buttons(message["text"])
        st.button(
            t("chatbot.edit"),
            key=f"chat edit {message['id']}",
            icon=":material/edit:",
            type="tertiary",
            on_click=chat.replace,
            args=(conversation, message),
            kwargs={"again": False},
        )


def answer_actions(conversation: OpenConversation, message: dict[str, Any], question: dict[str, Any] | None) -> None:
    """Below an answer. `question`: its message if the answer can be written again."""
    with st.container(horizontal=True, gap="small", key=f"chat-actions-{message['id']}"):
        components.name_buttons(message["text"])
        components.copy_button(message["text"])
        for helpful, name, icon in ((True, "good", "thumb_up"), (False, "bad", "thumb_down")):
            _rating_button(conversation, message, name, icon, helpful=helpful)
        if question is not None:
            st.button(
                t("chatbot.regenerate"),
                key=f"chat again {message['id']}",
                icon=":material/refresh:",
                type="tertiary",
                on_click=chat.replace,
                args=(conversation, question),
                kwargs={"again": True},
            )
    _feedback(conversation, message)


def _rating_button(
    conversation: OpenConversation, message: dict[str, Any], name: str, icon: str, *, helpful: bool
) -> None:
    is_chosen = message.get("feedback", {}).get("helpful") is helpful
    st.button(
        t(f"chatbot.{name}_chosen" if is_chosen else f"chatbot.{name}"),
        key=f"chat {name} {message['id']}",
        icon=f":material/{icon}:",
        type="tertiary",
        on_click=_rate,
        args=(conversation, message),
        kwargs={"helpful": helpful},
    )


def _rate(
    conversation: OpenConversation, message: dict[str, Any], *, helpful: bool, comment: str | None = None
) -> None:
    failures: dict[str, Failure] = st.session_state.setdefault(_FAILURE, {})
    failures.pop(message["id"], None)
    if not comment and message.get("feedback", {}).get("helpful") is helpful:
        return
    try:
        chat.rate(conversation, message, helpful=helpful, comment=comment)
    except Failure as failure:
        failures[message["id"]] = failure


def _feedback(conversation: OpenConversation, message: dict[str, Any]) -> None:
    """The failure of the last rating, and the reason of a bad one or a form for it."""
    failure = st.session_state.get(_FAILURE, {}).get(message["id"])
    if failure:
        components.error_box(failure, f"feedback {message['id']}")
    feedback = message.get("feedback", {})
    if "comment" in feedback:
        components.model_text(feedback["comment"], tag="blockquote")
    elif feedback.get("helpful") is False:
        _comment_form(conversation, message)


def _comment_form(conversation: OpenConversation, message: dict[str, Any]) -> None:
    key = f"chat comment {message['id']}"

    def send() -> None:
        comment = str(st.session_state[key]).strip()
        if 0 < len(comment) <= _MAX_COMMENT:
            _rate(conversation, message, helpful=False, comment=comment)

    with st.form(f"{key} form"):
        Fields().text_input(t("chatbot.comment"), key, _MAX_COMMENT)
        st.form_submit_button(t("chatbot.send_comment"), icon=":material/send:", on_click=send)
