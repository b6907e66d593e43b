"""Chatbot: conversations that a model remembers, with its answers as they come."""

import base64
import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import chat, components
from ui.chat import USE_CASE, Talk, Turn
from ui.client import Failure
from ui.entries import Entry
from ui.photos import ENDINGS, photo, too_much
from ui.session import client
from ui.texts import t

STARTERS = ("starter_plan", "starter_explain", "starter_letter")
_CHARACTERS = 50_000
_INSTRUCTIONS = 10_000
_TITLE = 100
_SHOWN = 10
_MENU_WIDTH = 420
_DRAWING_SECONDS = 0.08
# The input was off while the answer came. On a phone its keyboard would hide the answer.
_FOCUS = """<script>{
  let tries = 0;
  const trying = setInterval(() => {
    const input = document.querySelector("[data-testid=stChatInputTextArea]");
    const idle = [null, document.body].includes(document.activeElement) && matchMedia("(pointer: fine)").matches;
    if (idle && input && !input.disabled) input.focus();
    else if (idle && ++tries < 20) return;
    clearInterval(trying);
  }, 50);
}</script>"""
_AVATARS = {"user": ":material/person:", "assistant": ":material/smart_toy:"}


def page() -> None:
    """The conversation that is open; without one, the start of a new one and the list of all."""
    conversation = chat.chosen()
    if not conversation:
        _start()
        return
    try:
        talk = chat.talk(conversation)
    except Failure as failure:
        components.header("chatbot")
        components.error_box(failure, "talk")
        st.button(t("chatbot.new"), icon=":material/edit_square:", on_click=chat.choose, args=("",))
        return
    _talk(conversation, talk)


ENTRY = Entry("chatbot", page, probe="/conversations?limit=1", icon=":material/forum:", position=6)


def _start() -> None:
    components.header("chatbot")
    turn = chat.turns().get("")
    beginning = _beginning()
    if turn is None:
        st.caption(t("chatbot.starters"))
        with st.container(horizontal=True, gap="small"):
            for name in STARTERS:
                told = t(f"chatbot.{name}")
                st.button(t(f"chatbot.{name}_label"), key=f"chat {name}", on_click=_say, args=("", told, []))
        # In a container it stands here, not at the window's end: the list follows it.
        with st.container():
            _input("", t("chatbot.first"))
    elif turn.running:
        with st.container(key="chat-running"):
            _said("user", "turn", turn.text, _photos(turn))
            try:
                with st.spinner(t("chatbot.thinking"), show_time=True):
                    chat.begin(turn, beginning)
            except Failure as failure:
                turn.failed(failure)
        st.rerun()
    else:
        _unsent("", turn)
    components.section(t("chatbot.yours"))
    _list("start")
    components.request_box(USE_CASE, "POST", "/conversations", beginning)


def _beginning() -> dict[str, str]:
    """What a new conversation is to have."""
    with st.expander(t("chatbot.settings"), icon=":material/tune:"):
        instructions = st.text_area(
            t("chatbot.instructions"),
            key="chat.instructions",
            max_chars=_INSTRUCTIONS,
            placeholder=t("chatbot.instructions_hint"),
            persist_state="session",
        )
        model = st.selectbox(
            t("chatbot.model"),
            chat.models(),
            index=None,
            key="chat.model",
            placeholder=t("chatbot.model_usual"),
            accept_new_options=True,
            persist_state="session",
        )
    told = {"instructions": (instructions or "").strip(), "model": (model or "").strip()}
    return {name: value for name, value in told.items() if value}


def _talk(conversation: str, talk: Talk) -> None:
    turn = chat.turns().get(conversation)
    _head(talk, naming=bool(talk.looks) and turn is None)
    if talk.cursor:
        _earlier(talk)
    for message in talk.messages:
        _said(message["role"], message["id"], message["text"], _photos_of(message))
    unsent = turn is not None and not turn.running
    _input(conversation, t("chatbot.unsent_first" if unsent else "chatbot.next"), disabled=turn is not None)
    if turn is not None and not unsent:
        # In the place of what was below, an error's box perhaps: else that would stay until the answer is whole.
        st.empty()
        with st.container(key="chat-running"):
            _answer(talk, turn)
        st.rerun()
    with st.container():
        _below(conversation, talk, turn)


def _below(conversation: str, talk: Talk, turn: Turn | None) -> None:
    """What follows the messages while nothing is being answered."""
    if turn is not None:
        _unsent(conversation, turn)
    elif talk.answer:
        _footnote(talk.answer)
    if talk.body:
        components.request_box(USE_CASE, "POST", f"{talk.path}/messages/stream", talk.body)
    if talk.fresh:
        talk.fresh = False
        st.html(_FOCUS, unsafe_allow_javascript=True)


def _head(talk: Talk, *, naming: bool) -> None:
    with st.container(horizontal=True, gap="small", key="chat-menu"):
        st.button(t("chatbot.new"), key="chat new", icon=":material/edit_square:", on_click=chat.choose, args=("",))
        # Another key for each: one that was open for another conversation is not open for this one.
        menu = st.popover(t("chatbot.all"), icon=":material/forum:", key=f"chat all {talk.path}", on_change="rerun")
        if menu.open:
            with menu, st.container(width=_MENU_WIDTH):
                _list("menu")
        with st.popover(t("chatbot.change"), icon=":material/tune:", key=f"chat change {talk.path}"):
            _change(talk)
    # The model finds a title a little after the first turn.
    st.fragment(_title, run_every=chat.LOOK_SECONDS if naming else None)(talk, naming)


def _title(talk: Talk, naming: bool) -> None:
    named = naming and talk.looks > 0 and _look(talk)
    conversation = talk.conversation
    with st.container(key="chat-title"):
        components.model_text(conversation["title"] or t("chatbot.untitled"), kind="h1")
    told = [components.plain(conversation["model"])]
    if "expiresAt" in conversation:
        told.append(t("chatbot.expires", time=components.plain(components.when(conversation["expiresAt"]))))
    st.caption(" · ".join(told))
    if named or (naming and not talk.looks):
        # Once without the clock: the fragment keeps its own until the page is drawn again.
        talk.looks = 0
        st.rerun()


def _look(talk: Talk) -> bool:
    talk.looks -= 1
    return talk.refresh()


def _change(talk: Talk) -> None:
    conversation = talk.conversation
    with st.form(f"chat change form {talk.path}", border=False):
        title = st.text_input(t("chatbot.name"), conversation["title"], max_chars=_TITLE)
        known = list(dict.fromkeys([conversation["model"], *chat.models()]))
        model = st.selectbox(t("chatbot.model"), known, accept_new_options=True)
        saved = st.form_submit_button(t("chatbot.save"), type="primary")
    if saved:
        _save(talk, (title or "").strip(), (model or "").strip())
    if conversation.get("instructions"):
        st.caption(t("chatbot.told"))
        components.model_text(conversation["instructions"])
    components.delete_button(
        t("components.delete"), t("chatbot.sure"), USE_CASE, talk.path, lambda: _deleted(conversation["id"])
    )


def _save(talk: Talk, title: str, model: str) -> None:
    wanted = {"title": title, "model": model}
    changes = {name: value for name, value in wanted.items() if value and value != talk.conversation[name]}
    if not changes:
        return
    try:
        talk.conversation = client().patch(USE_CASE, talk.path, changes)
    except Failure as failure:
        components.error_box(failure, "change")
    else:
        talk.looks = 0
        st.rerun()


def _deleted(conversation: str) -> None:
    chat.turns().pop(conversation, None)
    chat.forget(conversation)
    chat.choose("")


def _earlier(talk: Talk) -> None:
    if st.button(t("chatbot.earlier"), icon=":material/expand_less:"):
        try:
            talk.earlier()
        except Failure as failure:
            components.error_box(failure, "messages")
        else:
            st.rerun()


def _said(role: str, key: str, text: str, photos: list[bytes | None]) -> Any:
    """One message. Returns its place, for an answer that grows."""
    name = "you" if role == "user" else "assistant"
    with st.container(key=f"chat-{name}-{key}"):
        said = st.chat_message(t(f"chatbot.{name}"), avatar=_AVATARS[role])
    with said:
        if photos:
            _thumbnails(photos)
        if text:
            components.model_text(text)
    return said


def _thumbnails(photos: list[bytes | None]) -> None:
    with st.container(horizontal=True, gap="small"):
        for number, data in enumerate(photos, 1):
            if data is None:
                st.caption(t("chatbot.photo_not_loaded"))
            else:
                st.image(data, alt=t("chatbot.photo", number=number), width=140)


def _photos_of(message: Mapping[str, Any]) -> list[bytes | None]:
    found: list[bytes | None] = []
    for number in range(len(message.get("photos", ()))):
        try:
            found.append(chat.photo_bytes(message, number))
        except Failure:
            found.append(None)
    return found


def _photos(turn: Turn) -> list[bytes | None]:
    return [base64.b64decode(one["data"]) for one in turn.photos]


def _answer(talk: Talk, turn: Turn) -> None:
    """What is said, and its answer while it comes."""
    _said("user", "turn", turn.text, _photos(turn))
    with _said("assistant", "turn", "", []):
        place = st.empty()

        drawn = 0.0

        def show(text: str) -> None:
            nonlocal drawn
            # Pieces may come in hundreds a second; nobody reads so fast, and each drawing sends all of the text.
            if time.monotonic() - drawn > _DRAWING_SECONDS:
                with place:
                    components.model_text(text)
                drawn = time.monotonic()

        with st.spinner(t("chatbot.thinking"), show_time=True):
            chat.send(talk, turn, show)


def _footnote(answer: Mapping[str, Any]) -> None:
    ended = {"max_tokens": "too_long", "guardrail_intervened": "declined", "content_filtered": "declined"}
    if answer["stopReason"] in ended:
        st.caption(t(f"chatbot.{ended[answer['stopReason']]}"))
    components.usage_line(answer)


def _unsent(conversation: str, turn: Turn) -> None:
    """What was not answered, to be sent again as it is or changed."""
    if turn.said:
        with _said("assistant", "turn", turn.said, []):
            components.badge("warn", t("chatbot.not_kept"), t("chatbot.not_kept_more"))
    with st.container(border=True, key="chat-unsent"):
        components.badge("warn", t("chatbot.not_sent" if turn.problem else "chatbot.not_answered"))
        text = st.text_area(t("chatbot.your_message"), turn.text, key=f"chat.text {conversation} {turn.attempt}")
        turn.text = text or ""
        _removable(turn)
        if turn.problem:
            st.warning(turn.problem, icon=":material/edit:")
        elif turn.failure and turn.failure.code == "conflict":
            st.warning(t("chatbot.meanwhile"), icon=":material/forum:")
        elif turn.failure:
            components.error_box(turn.failure, "turn")
        with st.container(horizontal=True):
            st.button(
                t("chatbot.again"), type="primary", icon=":material/refresh:", on_click=_again, args=(conversation,)
            )
            st.button(t("chatbot.drop"), icon=":material/close:", on_click=_drop, args=(conversation,))


def _removable(turn: Turn) -> None:
    with st.container(horizontal=True):
        for number, data in enumerate(_photos(turn), 1):
            with st.container(width=160):
                _thumbnails([data])
                name = t("chatbot.photo_drop", number=number)
                st.button(
                    name, key=f"chat drop {number}", type="tertiary", on_click=_remove_photo, args=(turn, number - 1)
                )


def _remove_photo(turn: Turn, index: int) -> None:
    del turn.photos[index]


def _input(conversation: str, hint: str, *, disabled: bool = False) -> None:
    key = f"chat.input {conversation}"

    def submitted() -> None:
        given = st.session_state[key]
        _say(conversation, given.text, [photo(one.getvalue()) for one in given.files])

    st.chat_input(
        hint,
        key=key,
        accept_file="multiple",
        file_type=ENDINGS,
        max_upload_size=4,
        disabled=disabled,
        on_submit=submitted,
    )


def _say(conversation: str, text: str, photos: list[dict[str, str]]) -> None:
    """The click. A second one, of a double click, finds the first one's turn."""
    if conversation not in chat.turns():
        turn = chat.turns()[conversation] = Turn(text.strip(), photos)
        _check(turn)


def _again(conversation: str) -> None:
    turn = chat.turns()[conversation]
    turn.text = str(st.session_state[f"chat.text {conversation} {turn.attempt}"]).strip()
    turn.failure = None
    _check(turn)


def _check(turn: Turn) -> None:
    turn.problem = _problem(turn)
    turn.running = turn.problem is None


def _problem(turn: Turn) -> str | None:
    if not turn.text:
        return t("chatbot.no_text")
    if len(turn.text) > _CHARACTERS:
        return t("chatbot.too_many_characters", most=f"{_CHARACTERS:,}")
    return t("chatbot.too_much") if too_much([base64.b64decode(one["data"]) for one in turn.photos]) else None


def _drop(conversation: str) -> None:
    chat.turns().pop(conversation, None)
    # It may have been written after all, only its answer did not arrive.
    chat.forget(conversation)


def _list(where: str) -> None:
    shown = f"chat.shown {where}"
    try:
        found, more = chat.listed(st.session_state.get(shown, _SHOWN))
    except Failure as failure:
        components.error_box(failure, f"conversations {where}")
        return
    if not found:
        st.caption(t("chatbot.nothing_yet"))
    with st.container(key=f"chat-list-{where}", gap="small"):
        for one in found:
            title = components.plain(one["title"] or t("chatbot.untitled"))
            count = t("chatbot.messages", count=one["messageCount"])
            st.button(
                f"**{title}** · {components.plain(components.when(one['updatedAt']))} · {count}",
                key=f"chat {where} {one['id']}",
                type="tertiary",
                on_click=chat.choose,
                args=(one["id"],),
            )
    if more and st.button(t("components.more"), key=f"chat more {where}", icon=":material/expand_more:"):
        st.session_state[shown] = st.session_state.get(shown, _SHOWN) + _SHOWN
        st.rerun()
