"""The chatbot's page: conversations that the model remembers, with streamed answers."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ui import chat, chat_actions, chat_list, components, documents, model_names
from ui.chat import USE_CASE, OpenConversation, PendingMessage
from ui.client import Failure
from ui.details import details
from ui.entry import Entry
from ui.fields import Fields, choice
from ui.number_format import number
from ui.photos import EXTENSIONS, MAX_COUNT, UPLOAD_MEGABYTES, prepare
from ui.session import client
from ui.texts import t

STARTERS = ("starter_plan", "starter_explain", "starter_letter")
_MAX_INSTRUCTIONS = 10_000
_MAX_TITLE = 100
_MENU_WIDTH = 420
# The input is disabled, and loses the focus, while an answer arrives. On phones the keyboard would hide the answer.
_FOCUS_INPUT = """<script>{
  let attempts = 0, focused = 0;
  const timer = setInterval(() => {
    const input = document.querySelector("[data-testid=stChatInputTextArea]:not(:disabled)");
    const active = document.activeElement;
    const idle = [null, document.body].includes(active) && matchMedia("(pointer: fine)").matches;
    if (idle && input) input.focus();
    // Streamlit may replace the input right after it got the focus.
    if (input && (idle || active === input)) focused++;
    if ((!idle && active !== input) || focused > 40 || ++attempts > 240) clearInterval(timer);
  }, 50);
}</script>"""
# Presses a hidden button while the page is visible: Streamlit's own timers also run in tabs that nobody looks at.
_WATCH = """<script>{
  clearInterval(window.chatWatch);
  window.chatWatch = setInterval(() => {
    const button = document.querySelector(".st-key-chat-watch button");
    // While an answer arrives, the button of the run before is still there.
    // A click anywhere closes an open menu.
    const busy = document.querySelector(".st-key-chat-running, [data-testid=stPopoverBody]");
    if (button && document.visibilityState === "visible" && !busy) button.click();
  }, 4000);
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
                st.button(
                    t(f"chatbot.{name}_label"), key=f"chat {name}", on_click=_submit, args=("", PendingMessage(text))
                )
        # Outside a container Streamlit pins the input to the window's bottom, but the list follows it.
        with st.container():
            _input("", t("chatbot.first"))
    elif message.running:
        with st.container(key="chat-running"):
            _message("user", "pending", message.text, _pending_photos(message), message.document_names)
            try:
                with st.spinner(t("chatbot.thinking"), show_time=True):
                    chat.create(message, settings)
            except Failure as failure:
                message.failed(failure)
        st.rerun()
    else:
        _unsent("", message)
    components.section(t("chatbot.yours"))
    chat_list.conversation_list("start")
    details(USE_CASE, "POST", "/conversations", settings)


def _settings() -> dict[str, str]:
    """The settings of a new conversation."""
    with st.expander(t("chatbot.settings"), icon=":material/tune:"):
        instructions = Fields().text_area(
            t("chatbot.instructions"),
            "chat.instructions",
            _MAX_INSTRUCTIONS,
            placeholder=t("chatbot.instructions_hint"),
        )
        model = st.selectbox(
            t("chatbot.model"),
            model_names.listed("text"),
            index=None,
            format_func=model_names.label,
            placeholder=t("chatbot.model_default"),
            accept_new_options=True,
            **choice("chat.model"),
        )
    settings = {"instructions": instructions, "model": (model or "").strip()}
    return {name: value for name, value in settings.items() if value}


def _conversation(conversation_id: str, conversation: OpenConversation) -> None:
    message = chat.pending_messages().get(conversation_id)
    if message is not None and chat.take_back(conversation, message):
        st.rerun()
    _head(conversation, awaits_title=bool(conversation.title_checks) and message is None)
    if conversation.cursor:
        _earlier_messages(conversation)
    _messages(conversation, message)
    unsent = message is not None and not message.running
    _input(conversation_id, t("chatbot.unsent_first" if unsent else "chatbot.next"), disabled=message is not None)
    if message is not None and message.running and message.stopped_text is not None:
        _stopping(conversation, message)
    elif message is not None and not unsent:
        # Replaces what was drawn below, such as an error box, which would otherwise stay until the answer is complete.
        st.empty()
        with st.container(key="chat-running"):
            _answer(conversation, message)
        st.rerun()
    else:
        with st.container():
            _below_messages(conversation_id, conversation, message)
        if message is None:
            st.fragment(_watch)(conversation)


def _messages(conversation: OpenConversation, pending: PendingMessage | None) -> None:
    """The messages that stay, with what can be done with them while no other waits for its answer."""
    messages = conversation.kept_messages(pending.replaces if pending else None)
    for index, shown in enumerate(messages):
        _message(shown["role"], shown["id"], shown["text"], _message_photos(shown), shown.get("documents", ()))
        chat_actions.stop_note(shown)
        # In a place of its own: what a run leaves out would be drawn next to the wrong message until its end.
        actions = st.empty()
        if pending is not None:
            continue
        with actions.container():
            if shown["role"] == "user":
                chat_actions.question_actions(conversation, shown)
            else:
                is_last = index == len(messages) - 1
                chat_actions.answer_actions(conversation, shown, messages[index - 1] if is_last and index else None)


def _watch(conversation: OpenConversation) -> None:
    """Looks for turns from elsewhere, such as another tab."""
    with st.container(key="chat-watch"):
        if st.button(t("chatbot.refresh"), key="chat watch"):
            conversation.refresh()
    st.html(_WATCH, unsafe_allow_javascript=True)
    if conversation.is_stale:
        st.rerun()


def _stopping(conversation: OpenConversation, message: PendingMessage) -> None:
    """A stopped answer, until the API has stored it."""
    _message("user", "pending", message.text, _pending_photos(message), message.document_names)
    _message("assistant", "pending", message.stopped_text or "", [])
    st.caption(t("chatbot.stopped"))
    chat.await_stopped(conversation, message)
    st.rerun()


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
                chat_list.conversation_list("menu")
        with st.popover(t("chatbot.change"), icon=":material/tune:", key=f"chat change {path}"):
            _change_form(conversation)
    st.fragment(_title, run_every=chat.TITLE_CHECK_SECONDS if awaits_title else None)(conversation, awaits_title)


def _title(conversation: OpenConversation, awaits_title: bool) -> None:
    titled = awaits_title and conversation.title_checks > 0 and _check_title(conversation)
    header = conversation.header
    with st.container(key="chat-title"):
        components.model_text(header["title"] or t("chatbot.untitled"), tag="h1")
    facts = [components.plain(model_names.name(header["model"]))]
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
        form = Fields()
        title = form.limited(t("chatbot.name"), st.text_input(t("chatbot.name"), header["title"]), _MAX_TITLE)
        models = list(dict.fromkeys([header["model"], *model_names.listed("text")]))
        model = st.selectbox(t("chatbot.model"), models, format_func=model_names.label, accept_new_options=True)
        submitted = st.form_submit_button(t("chatbot.save"), type="primary")
    if submitted and not form.problem:
        _save(conversation, title, (model or "").strip())
    if header.get("instructions"):
        st.caption(t("chatbot.current_instructions"))
        components.model_text(header["instructions"])
    chat_list.download_buttons(conversation)
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


def _message(
    role: str, key: str, text: str, photos: list[bytes | None], attached: Sequence[Mapping[str, Any]] = ()
) -> Any:
    """Draws a message and returns its container, for an answer that grows."""
    name = "you" if role == "user" else "assistant"
    with st.container(key=f"chat-{name}-{key}"):
        container = st.chat_message(t(f"chatbot.{name}"), avatar=_AVATARS[role])
    with container:
        if photos:
            _thumbnails(photos)
        documents.chips(attached)
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
    for place in range(len(message.get("photos", ()))):
        try:
            photos.append(chat.photo_bytes(message, place))
        except Failure:
            photos.append(None)
    return photos


def _pending_photos(message: PendingMessage) -> list[bytes | None]:
    return [base64.b64decode(photo["data"]) for photo in message.photos]


def _answer(conversation: OpenConversation, message: PendingMessage) -> None:
    """Draws the message and its answer while it arrives."""
    _message("user", "pending", message.text, _pending_photos(message), message.document_names)
    with _message("assistant", "pending", "", []):
        placeholder = st.empty()

        def show(text: str) -> None:
            with placeholder:
                components.markdown(text)

        st.button(
            t("chatbot.stop"), key="chat stop", icon=":material/stop_circle:", on_click=chat.stop,
            args=(conversation, message),
        )  # fmt: skip
        with st.spinner(t("chatbot.thinking"), show_time=True):
            chat.send(conversation, message, show)


def _footnote(answer: Mapping[str, Any]) -> None:
    components.usage_line(answer)


def _unsent(conversation_id: str, message: PendingMessage) -> None:
    """A message without an answer, to be sent again as it is or after a change."""
    if message.partial_answer:
        with _message("assistant", "pending", message.partial_answer, []):
            components.badge("warn", t("chatbot.not_saved"), t("chatbot.not_saved_more"))
    with st.container(border=True, key="chat-unsent"):
        components.badge("warn", t(f"chatbot.{_unsent_state(message)}"))
        text = st.text_area(
            t("chatbot.your_message"), message.text, key=f"chat.text {conversation_id} {message.attempt}"
        )
        message.text = text or ""
        _removable_photos(message)
        _removable_documents(message)
        refusal = documents.refusal(message.failure, message.sent_documents) if message.failure else None
        if message.problem:
            st.warning(message.problem, icon=":material/edit:")
        elif refusal:
            st.warning(refusal, icon=":material/description:")
        elif message.failure and message.failure.code == "conflict":
            st.warning(t("chatbot.conflict"), icon=":material/forum:")
        elif message.failure and message.failure.code != "stopped":
            components.error_box(message.failure, "message")
        is_edit = message.replaces is not None and message.failure is None
        if is_edit:
            st.caption(t("chatbot.edit_note"))
        with st.container(horizontal=True):
            st.button(
                t("chatbot.send_edited" if is_edit else "chatbot.again"),
                type="primary",
                icon=":material/refresh:",
                on_click=_retry,
                args=(conversation_id,),
            )
            label = t("chatbot.keep" if message.replaces else "chatbot.discard")
            st.button(label, icon=":material/close:", on_click=_discard, args=(conversation_id,))


def _unsent_state(message: PendingMessage) -> str:
    if message.failure:
        return "stopped_early" if message.failure.code == "stopped" else "not_answered"
    if message.replaces:
        return "editing"
    return "not_sent" if message.problem else "not_answered"


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


def _removable_documents(message: PendingMessage) -> None:
    if message.kept_documents:
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            documents.chips(message.kept_documents)
            st.button(
                t("chatbot.documents_remove"),
                key="chat remove kept",
                type="tertiary",
                on_click=message.kept_documents.clear,
            )
    documents.removable(message.documents, "chat remove document")


def _remove_photo(message: PendingMessage, index: int) -> None:
    del message.photos[index]


def _input(conversation_id: str, placeholder: str, *, disabled: bool = False) -> None:
    key = f"chat.input {conversation_id}"

    def submitted() -> None:
        value = st.session_state[key]
        attached = documents.sort_files(value.files)
        photos = prepare(attached.photos, USE_CASE)
        message = PendingMessage(value.text.strip(), photos.items, documents.encode(attached.documents))
        _submit(conversation_id, message, photos.problem)

    st.chat_input(
        placeholder,
        key=key,
        accept_file="multiple",
        file_type=[*EXTENSIONS, *documents.EXTENSIONS],
        max_upload_size=UPLOAD_MEGABYTES,
        disabled=disabled,
        on_submit=submitted,
    )


def _submit(conversation_id: str, message: PendingMessage, refused: str | None = None) -> None:
    """Handles the click. The second click of a double click finds the first one's message and does nothing."""
    if conversation_id not in chat.pending_messages():
        chat.pending_messages()[conversation_id] = message
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
        return t("chatbot.too_many_characters", most=number(components.MAX_CHARACTERS))
    if len(message.photos) > MAX_COUNT:
        return t("photos.too_many", count=MAX_COUNT)
    return documents.problem(message.documents, message.photos, len(message.kept_documents))


def _discard(conversation_id: str) -> None:
    chat.pending_messages().pop(conversation_id, None)
    # The API may have stored the message although its answer did not arrive.
    chat.forget(conversation_id)
