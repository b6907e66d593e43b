"""The user's conversations: by day, searched, and as files."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import streamlit as st

from ui import chat, components
from ui.chat import USE_CASE, OpenConversation
from ui.client import Client, Failure
from ui.fields import Fields
from ui.file_names import file_name
from ui.session import client
from ui.texts import t

_LISTED = 10
_PAGE = 100
_MAX_SEARCH = 200


def conversation_list(location: str) -> None:
    """The conversations in one of the places that show them, newest first, with a search."""
    form = Fields()
    search = form.text_input(t("chatbot.search"), f"chat.search {location}", _MAX_SEARCH, icon=":material/search:")
    if form.problem:
        return
    # A new search begins with its first results.
    count_key = f"chat.shown {location} {search}"
    try:
        conversations, more = chat.newest(st.session_state.get(count_key, _LISTED), search)
    except Failure as failure:
        components.error_box(failure, f"conversations {location}")
        return
    if not conversations:
        st.caption(t("chatbot.nothing_found" if search else "chatbot.nothing_yet"))
    for day, group in groupby(conversations, lambda each: components.local_date(each["createdAt"])):
        _day(location, day, [*group])
    if more and st.button(t("components.more"), key=f"chat more {location}", icon=":material/expand_more:"):
        st.session_state[count_key] = st.session_state.get(count_key, _LISTED) + _LISTED
        st.rerun()


def _day(location: str, day: date, conversations: Sequence[Mapping[str, Any]]) -> None:
    st.caption(f"**{components.plain(_day_name(day))}**")
    with st.container(key=f"chat-list-{location}-{day}", gap="small"):
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


def _day_name(day: date) -> str:
    today = components.today()
    if day == today:
        return t("chatbot.today")
    return t("chatbot.yesterday") if day == today - timedelta(days=1) else day.isoformat()


def download_buttons(conversation: OpenConversation) -> None:
    """Downloads the complete conversation. Its messages are read when a button is clicked."""
    api, header = client(), conversation.header
    names = {role: t(f"chatbot.{name}") for role, name in (("user", "you"), ("assistant", "assistant"))}
    untitled, day = t("chatbot.untitled"), components.local_date(header["createdAt"])

    def as_markdown() -> str:
        return markdown(header["title"] or untitled, all_messages(api, conversation.path), names)

    def as_json() -> str:
        messages = all_messages(api, conversation.path)
        return json.dumps({**header, "messages": messages}, ensure_ascii=False, indent=2)

    st.caption(t("chatbot.download"))
    with st.container(horizontal=True, gap="small"):
        for name, content, ending, mime in (
            ("Markdown", as_markdown, "md", "text/markdown"),
            ("JSON", as_json, "json", "application/json"),
        ):
            st.download_button(
                name,
                content,
                file_name(header["title"], day, ending, "chat"),
                mime,
                key=f"chat download {ending} {conversation.path}",
                on_click="ignore",
                icon=":material/download:",
            )


def all_messages(api: Client, path: str) -> list[dict[str, Any]]:
    """All messages of a conversation, oldest first. Links to photos work for an hour only, so they are left out."""
    messages: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = api.get(USE_CASE, f"{path}/messages", limit=_PAGE, cursor=cursor)
        messages += page["items"]
        cursor = page.get("nextCursor")
        if not cursor:
            return [_without_links(message) for message in reversed(messages)]


def _without_links(message: dict[str, Any]) -> dict[str, Any]:
    if "photos" not in message:
        return message
    return {**message, "photos": [{"contentType": photo["contentType"]} for photo in message["photos"]]}


def markdown(title: str, messages: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    """The conversation as Markdown, with the texts as they are. `names` are those of the roles."""
    parts = [f"# {' '.join(title.split())}"]
    for message in messages:
        parts.append(f"## {names[message['role']]} · {message['createdAt']}")
        parts += ["*[photo]*"] * len(message.get("photos", ()))
        parts += [f"*[document: {' '.join(document['name'].split())}]*" for document in message.get("documents", ())]
        parts.append(message["text"].strip())
    return "\n\n".join(parts) + "\n"
