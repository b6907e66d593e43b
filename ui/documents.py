"""Documents in a chat's messages. The API reads them; here they are only separated from photos, and counted."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import streamlit as st

from ui import components, photos
from ui.client import Failure
from ui.number_format import percent
from ui.photos import File
from ui.texts import t, translations
from ui.uploads import printable

EXTENSIONS = ["pdf", "docx", "docm", "pptx", "pptm", "html", "htm", "md", "markdown", "txt"]
MAX_COUNT = 3
# Of a message's documents and photos.
MAX_MEGABYTES = 4
_MAX_NAME = 200
_PATH = "body.documents["
# Of those that are kept from the message that is edited, or sent again.
_EARLIER = "body.replaces"


class Attached(NamedTuple):
    """Uploaded files by what they are."""

    photos: list[File]
    documents: list[File]


def sort_files(files: Sequence[File]) -> Attached:
    """Photos and documents. The ending of a name decides, as for the file dialog."""
    attached = Attached([], [])
    for file in files:
        is_photo = file.name.rpartition(".")[2].lower() in photos.EXTENSIONS
        (attached.photos if is_photo else attached.documents).append(file)
    return attached


def encode(files: Sequence[File]) -> list[dict[str, str]]:
    """The documents in the API's format."""
    return [
        {"name": printable(file.name, _MAX_NAME), "content": base64.b64encode(file.getvalue()).decode()}
        for file in files
    ]


def problem(
    documents: Sequence[Mapping[str, str]], attached_photos: Sequence[Mapping[str, str]], kept: int
) -> str | None:
    """What the user has to correct before the message is sent. `kept`: how many documents the message has already."""
    if len(documents) + kept > MAX_COUNT:
        return t("documents.too_many", count=MAX_COUNT)
    contents = [document["content"] for document in documents] + [photo["data"] for photo in attached_photos]
    if documents and sum(len(content) * 3 // 4 for content in contents) > MAX_MEGABYTES * 1024**2:
        return t("documents.too_large", megabytes=MAX_MEGABYTES)
    return None


def refusal(failure: Failure, documents: Sequence[Mapping[str, str]]) -> str | None:
    """Why one of the documents that were sent was not read, if that is the failure."""
    found = [each for each in failure.details if str(each.get("path")).startswith((_PATH, _EARLIER))]
    reasons = [_reason(detail, documents) for detail in found]
    if not reasons:
        return None
    return "  \n".join([t("documents.refused"), *map(components.plain, reasons)])


def _reason(detail: Mapping[str, Any], documents: Sequence[Mapping[str, str]]) -> str:
    if "limit" in detail:
        return t("documents.too_long", share=percent(detail["limit"] / detail["length"], 0))
    text = reason(str(detail.get("reason")))
    names = [each["name"] for number, each in enumerate(documents) if detail["path"] == f"{_PATH}{number}]"]
    # The API's own message names the document, too.
    return f"{names[0]}: {text}" if text and names else str(detail["message"])


def reason(code: str) -> str | None:
    """Why a document can't be read and what helps; None if the code is unknown."""
    key = f"documents.failed_{code}"
    return t(key) if key in translations() else None


def chips(documents: Sequence[Mapping[str, Any]]) -> None:
    """The documents of a message by their names."""
    for document in documents:
        facts = []
        if "pages" in document:
            facts.append(t("documents.pages", count=document["pages"]))
        if "pagesWithoutText" in document:
            facts.append(t("documents.without_text", count=document["pagesWithoutText"]))
        components.badge("off", document["name"], " · ".join(facts))


def removable(documents: list[Any], key: str) -> None:
    """The documents of a message that was not sent, each with a button that removes it."""
    for number, document in enumerate(documents):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            chips([document])
            st.button(
                t("documents.remove", name=components.plain(document["name"])),
                key=f"{key} {number}",
                type="tertiary",
                on_click=documents.pop,
                args=(number,),
            )
