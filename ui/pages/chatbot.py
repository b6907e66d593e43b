"""The chatbot's page: conversations that the model remembers, with streamed answers."""

import base64
import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import chat, components
from ui.chat import USE_CASE, OpenConversation, PendingMessage
from ui.client import Failure
from ui.details import details
from ui.entry import Entry
from ui.photos import EXTENSIONS, MAX_COUNT, UPLOAD_MEGABYTES, prepare
from ui.session import client
from ui.texts import t

STARTERS = ("starter_plan", "starter_explain", "starter_letter")
_MAX_INSTRUCTIONS = 10_000
_MAX_TITLE = 100
_LISTED = 10
_MENU_WIDTH = 420
_REDRAW_SECONDS = 0.08
# The input is disabled, and loses the focus, while an answer arrives. On phones the keyboard would hide the answer.
_FOCUS_INPUT = """<script>{
  let attempts = 0;
  const timer = setInterval(() => {
    const input = document.querySelector("[data-testid=stChatInputTextArea]");
    const idle = [null, document.body].includes(document.activeElement) && matchMedia("(pointer: fine)").matches;
    if (idle && input && !input.disabled) input.focus();
    else if (idle && ++attempts < 200) return;
    clearInterval(timer);
  }, 50);
}</script>"""
_AVATARS = {"user": ":material/person:", "assistant": ":material/smart_toy:"}


def page() -> None:
    """The open conversation; without one, the form for a new one and the list of all."""
    conversation_id = chat.selected_id()
    if not conversation_id:
        _new_conversation()
        return
    try:
        conversation = chat.load(conversation_id)
    except Failure as failure:
        components.header("chatbot")
        components.error_box(failure, "conversation")
        st.button(t("chatbot.new"), icon=":material/edit_square:", on_click=chat.select, args=("",))
        return
    _conversation(conversation_id, conversation)


ENTRY = Entry("chatbot", page, probe="/conversations?limit=1", icon=":material/forum:", position=6)


def _new_conversation() -> None:
    components.header("chatbot")
    message = chat.pending_messages().get("")
    settings = _settings()
    if message is None:
        st.caption(t("chatbot.starters"))
        with st.container(horizontal=True, gap="small"):
            for name in STARTERS:
                text = t(f"chatbot.{name}")
                st.button(t(f"chatbot.{name}_label"), key=f"chat {name}", on_click=_submit, args=("", text, []))
        # Outside a container Streamlit pins the input to the window's bottom, but the list follows it.
        with st.container():
            _input("", t("chatbot.first"))
    elif message.running:
        with st.container(key="chat-running"):
            _message("user", "pending", message.text, _pending_photos(message))
            try:
                with st.spinner(t("chatbot.thinking"), show_time=True):
                    chat.create(message, settings)
            except Failure as failure:
                message.failed(failure)
        st.rerun()
    else:
        _unsent("", message)
    components.section(t("chatbot.yours"))
    _list("start")
    details(USE_CASE, "POST", "/conversations", settings)


def _settings() -> dict[str, str]:
    """The settings of a new conversation."""
    with st.expander(t("chatbot.settings"), icon=":material/tune:"):
        instructions = st.text_area(
            t("chatbot.instructions"),
            key="chat.instructions",
            max_chars=_MAX_INSTRUCTIONS,
            placeholder=t("chatbot.instructions_hint"),
            persist_state="session",
        )
        model = st.selectbox(
            t("chatbot.model"),
            chat.models(),
            index=None,
            key="chat.model",
            placeholder=t("chatbot.model_default"),
            accept_new_options=True,
            persist_state="session",
        )
    settings = {"instructions": (instructions or "").strip(), "model": (model or "").strip()}
    return {name: value for name, value in settings.items() if value}


def _conversation(conversation_id: str, conversation: OpenConversation) -> None:
    message = chat.pending_messages().get(conversation_id)
    _head(conversation, awaits_title=bool(conversation.title_checks) and message is None)
    if conversation.cursor:
        _earlier_messages(conversation)
    for shown in conversation.messages:
        _message(shown["role"], shown["id"], shown["text"], _message_photos(shown))
    unsent = message is not None and not message.running
    _input(conversation_id, t("chatbot.unsent_first" if unsent else "chatbot.next"), disabled=message is not None)
    if message is not None and not unsent:
        # Replaces what was drawn below, such as an error box, which would otherwise stay until the answer is complete.
        st.empty()
        with st.container(key="chat-running"):
            _answer(conversation, message)
        st.rerun()
    with st.container():
        _below_messages(conversation_id, conversation, message)


def _below_messages(conversation_id: str, conversation: OpenConversation, message: PendingMessage | None) -> None:
    if message is not None:
        _unsent(conversation_id, message)
    elif conversation.answer:
        _footnote(conversation.answer)
    if conversation.body:
        details(USE_CASE, "POST", f"{conversation.path}/messages/stream", conversation.body, conversation.answer)
    if conversation.answer_is_new:
        st.html(_FOCUS_INPUT, unsafe_allow_javascript=True)
        # After it: a run that was ended before has drawn nothing.
        conversation.answer_is_new = False


def _head(conversation: OpenConversation, *, awaits_title: bool) -> None:
    path = conversation.path
    with st.container(horizontal=True, gap="small", key="chat-menu"):
        st.button(t("chatbot.new"), key="chat new", icon=":material/edit_square:", on_click=chat.select, args=("",))
        # One key per conversation: a popover that is open in one conversation is closed in the others.
        menu = st.popover(t("chatbot.all"), icon=":material/forum:", key=f"chat all {path}", on_change="rerun")
        if menu.open:
            with menu, st.container(width=_MENU_WIDTH):
                _list("menu")
        with st.popover(t("chatbot.change"), icon=":material/tune:", key=f"chat change {path}"):
            _change_form(conversation)
    st.fragment(_title, run_every=chat.TITLE_CHECK_SECONDS if awaits_title else None)(conversation, awaits_title)


def _title(conversation: OpenConversation, awaits_title: bool) -> None:
    titled = awaits_title and conversation.title_checks > 0 and _check_title(conversation)
    header = conversation.header
    with st.container(key="chat-title"):
        components.model_text(header["title"] or t("chatbot.untitled"), tag="h1")
    facts = [components.plain(header["model"])]
    if "expiresAt" in header:
        facts.append(t("chatbot.expires", time=components.plain(components.local_time(header["expiresAt"]))))
    st.caption(" · ".join(facts))
    if titled or (awaits_title and not conversation.title_checks):
        # Only a run of the complete page stops the fragment's timer.
        conversation.title_checks = 0
        st.rerun()


def _check_title(conversation: OpenConversation) -> bool:
    conversation.title_checks -= 1
    return conversation.refresh()


def _change_form(conversation: OpenConversation) -> None:
    header = conversation.header
    with st.form(f"chat change form {conversation.path}", border=False):
        title = st.text_input(t("chatbot.name"), header["title"], max_chars=_MAX_TITLE)
        models = list(dict.fromkeys([header["model"], *chat.models()]))
        model = st.selectbox(t("chatbot.model"), models, accept_new_options=True)
        submitted = st.form_submit_button(t("chatbot.save"), type="primary")
    if submitted:
        _save(conversation, (title or "").strip(), (model or "").strip())
    if header.get("instructions"):
        st.caption(t("chatbot.current_instructions"))
        components.model_text(header["instructions"])
    components.delete_button(
        t("components.delete"),
        t("chatbot.confirm_delete"),
        USE_CASE,
        conversation.path,
        lambda: _close_deleted(header["id"]),
    )


def _save(conversation: OpenConversation, title: str, model: str) -> None:
    fields = {"title": title, "model": model}
    changes = {name: value for name, value in fields.items() if value and value != conversation.header[name]}
    if not changes:
        return
    try:
        conversation.header = client().patch(USE_CASE, conversation.path, changes)
    except Failure as failure:
        components.error_box(failure, "change")
    else:
        conversation.title_checks = 0
        st.rerun()


def _close_deleted(conversation_id: str) -> None:
    chat.pending_messages().pop(conversation_id, None)
    chat.forget(conversation_id)
    chat.select("")


def _earlier_messages(conversation: OpenConversation) -> None:
    if st.button(t("chatbot.earlier"), icon=":material/expand_less:"):
        try:
            conversation.load_earlier()
        except Failure as failure:
            components.error_box(failure, "messages")
        else:
            st.rerun()


def _message(role: str, key: str, text: str, photos: list[bytes | None]) -> Any:
    """Draws a message and returns its container, for an answer that grows."""
    name = "you" if role == "user" else "assistant"
    with st.container(key=f"chat-{name}-{key}"):
        container = st.chat_message(t(f"chatbot.{name}"), avatar=_AVATARS[role])
    with container:
        if photos:
            _thumbnails(photos)
        if text and role == "user":
            components.model_text(text)
        elif text:
            components.markdown(text)
    return container


def _thumbnails(photos: list[bytes | None]) -> None:
    with st.container(horizontal=True, gap="small"):
        for number, data in enumerate(photos, 1):
            if data is None:
                st.caption(t("chatbot.photo_not_loaded"))
            else:
                st.image(data, alt=t("chatbot.photo", number=number), width=140)


def _message_photos(message: Mapping[str, Any]) -> list[bytes | None]:
    """The photos of a stored message, None for each that can't be loaded."""
    photos: list[bytes | None] = []
    for number in range(len(message.get("photos", ()))):
        try:
            photos.append(chat.photo_bytes(message, number))
        except Failure:
            photos.append(None)
    return photos


def _pending_photos(message: PendingMessage) -> list[bytes | None]:
    return [base64.b64decode(photo["data"]) for photo in message.photos]


def _answer(conversation: OpenConversation, message: PendingMessage) -> None:
    """Draws the message and its answer while it arrives."""
    _message("user", "pending", message.text, _pending_photos(message))
    with _message("assistant", "pending", "", []):
        placeholder = st.empty()

        last_drawn = 0.0

        def show(text: str) -> None:
            nonlocal last_drawn
            # Hundreds of pieces may arrive per second, and each redraw sends the complete text.
            if time.monotonic() - last_drawn > _REDRAW_SECONDS:
                with placeholder:
                    components.markdown(text)
                last_drawn = time.monotonic()

        with st.spinner(t("chatbot.thinking"), show_time=True):
            chat.send(conversation, message, show)


def _footnote(answer: Mapping[str, Any]) -> None:
    notes = {
        "max_tokens": "too_long",
        "model_context_window_exceeded": "too_long",
        "guardrail_intervened": "declined",
        "content_filtered": "declined",
    }
    if answer["stopReason"] in notes:
        st.caption(t(f"chatbot.{notes[answer['stopReason']]}"))
    components.usage_line(answer)


def _unsent(conversation_id: str, message: PendingMessage) -> None:
    """A message without an answer, to be sent again as it is or after a change."""
    if message.partial_answer:
        with _message("assistant", "pending", message.partial_answer, []):
            components.badge("warn", t("chatbot.not_saved"), t("chatbot.not_saved_more"))
    with st.container(border=True, key="chat-unsent"):
        components.badge("warn", t("chatbot.not_sent" if message.problem else "chatbot.not_answered"))
        text = st.text_area(
            t("chatbot.your_message"), message.text, key=f"chat.text {conversation_id} {message.attempt}"
        )
        message.text = text or ""
        _removable_photos(message)
        if message.problem:
            st.warning(message.problem, icon=":material/edit:")
        elif message.failure and message.failure.code == "conflict":
            st.warning(t("chatbot.conflict"), icon=":material/forum:")
        elif message.failure:
            components.error_box(message.failure, "message")
        with st.container(horizontal=True):
            st.button(
                t("chatbot.again"),
                type="primary",
                icon=":material/refresh:",
                on_click=_retry,
                args=(conversation_id,),
            )
            st.button(t("chatbot.discard"), icon=":material/close:", on_click=_discard, args=(conversation_id,))


def _removable_photos(message: PendingMessage) -> None:
    with st.container(horizontal=True):
        for number, data in enumerate(_pending_photos(message), 1):
            with st.container(width=160):
                _thumbnails([data])
                label = t("chatbot.photo_remove", number=number)
                st.button(
                    label,
                    key=f"chat remove {number}",
                    type="tertiary",
                    on_click=_remove_photo,
                    args=(message, number - 1),
                )


def _remove_photo(message: PendingMessage, index: int) -> None:
    del message.photos[index]


def _input(conversation_id: str, placeholder: str, *, disabled: bool = False) -> None:
    key = f"chat.input {conversation_id}"

    def submitted() -> None:
        value = st.session_state[key]
        photos = prepare(value.files, USE_CASE)
        _submit(conversation_id, value.text, photos.items, photos.problem)

    st.chat_input(
        placeholder,
        key=key,
        accept_file="multiple",
        file_type=EXTENSIONS,
        max_upload_size=UPLOAD_MEGABYTES,
        disabled=disabled,
        on_submit=submitted,
    )


def _submit(conversation_id: str, text: str, photos: list[dict[str, str]], refused: str | None = None) -> None:
    """Handles the click. The second click of a double click finds the first one's message and does nothing."""
    if conversation_id not in chat.pending_messages():
        message = chat.pending_messages()[conversation_id] = PendingMessage(text.strip(), photos)
        _validate(message)
        if refused:
            # Nothing goes without a photo that was meant to be in it, unless the user then chooses so.
            message.problem = "  \n".join(filter(None, (refused, t("chatbot.without_photo"), message.problem)))
            message.running = False


def _retry(conversation_id: str) -> None:
    message = chat.pending_messages()[conversation_id]
    message.text = str(st.session_state[f"chat.text {conversation_id} {message.attempt}"]).strip()
    message.failure = None
    _validate(message)


def _validate(message: PendingMessage) -> None:
    message.problem = _problem(message)
    message.running = message.problem is None


def _problem(message: PendingMessage) -> str | None:
    if not message.text:
        return t("chatbot.no_text")
    if len(message.text) > components.MAX_CHARACTERS:
        return t("chatbot.too_many_characters", most=f"{components.MAX_CHARACTERS:,}")
    return t("photos.too_many", count=MAX_COUNT) if len(message.photos) > MAX_COUNT else None


def _discard(conversation_id: str) -> None:
    chat.pending_messages().pop(conversation_id, None)
    # The API may have stored the message although its answer did not arrive.
    chat.forget(conversation_id)


def _list(location: str) -> None:
    count_key = f"chat.shown {location}"
    try:
        conversations, more = chat.newest(st.session_state.get(count_key, _LISTED))
    except Failure as failure:
        components.error_box(failure, f"conversations {location}")
        return
    if not conversations:
        st.caption(t("chatbot.nothing_yet"))
    with st.container(key=f"chat-list-{location}", gap="small"):
        for conversation in conversations:
            title = components.plain(conversation["title"] or t("chatbot.untitled"))
            count = t("chatbot.messages", count=conversation["messageCount"])
            st.button(
                f"**{title}** · {components.plain(components.local_time(conversation['updatedAt']))} · {count}",
                key=f"chat {location} {conversation['id']}",
                type="tertiary",
                on_click=chat.select,
                args=(conversation["id"],),
            )
    if more and st.button(t("components.more"), key=f"chat more {location}", icon=":material/expand_more:"):
        st.session_state[count_key] = st.session_state.get(count_key, _LISTED) + _LISTED
        st.rerun()
