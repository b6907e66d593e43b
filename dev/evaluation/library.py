"""Prepares the questions' documents in a stage: uploads missing ones and waits for their ingestion."""

import hashlib
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dev.evaluation.client import Client
from dev.evaluation.corpus import titles
from dev.evaluation.questions import Question
from lambda_src.shared.file_types import PDF, content_type

_POLL_SECONDS = 2.0
_PAGE = "100"
# In order of preference, if several documents have the same name. Documents in other states are ignored.
_STATES = ("ready", "processing", "failed")


class LibraryError(Exception):
    """The documents cannot be prepared; the message has the reason."""


class Library(msgspec.Struct, frozen=True):
    """Maps file names to ids of ready documents, and to error codes of unreadable ones."""

    ids: dict[str, str]
    failed: dict[str, str]

    def file(self, document_id: str) -> str:
        """The document's file name, or its id if no question needs it."""
        return next((name for name, identifier in self.ids.items() if identifier == document_id), document_id)


class Progress:
    """Shows progress on one line of a terminal, or on separate lines elsewhere."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, text: str) -> None:
        if text != self._last:
            start, end = ("\r\x1b[K", "") if sys.stderr.isatty() else ("", "\n")
            sys.stderr.write(f"{start}{text}{end}")
            sys.stderr.flush()
            self._last = text

    def end(self) -> None:
        """Ends the current line."""
        if self._last and sys.stderr.isatty():
            sys.stderr.write("\n")
        self._last = ""


def needed(questions: Collection[Question]) -> list[str]:
    """The files that the questions need."""
    return sorted({document for question in questions for pages in question.needed for document, _ in pages})


def provide(
    client: Client,
    folder: Path,
    files: Collection[str],
    *,
    report: Callable[[str], None],
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Library:
    """Ensures that the stage has all files as documents. Raises `LibraryError` and `RequestFailed`."""
    names = {file: titles(folder).get(file, file) for file in files}
    documents = {file: document for file, document in _existing(client, names).items() if document["status"] in _STATES}
    for file in sorted(set(files) - set(documents)):
        report(f"uploading {file}")
        documents[file] = _uploaded(client, folder / file, names[file])
    end = clock() + seconds
    while waiting := [file for file, document in documents.items() if document["status"] not in ("ready", "failed")]:
        if clock() > end:
            raise LibraryError(f"not ingested within {seconds:.0f} s: {', '.join(waiting)}")
        report(_progress(documents, waiting))
        sleep(_POLL_SECONDS)
        for file in waiting:
            documents[file] = client.send("GET", f"/documents/{documents[file]['id']}").body
    ready = {file: document["id"] for file, document in documents.items() if document["status"] == "ready"}
    failed = {file: _error_code(document) for file, document in documents.items() if document["status"] == "failed"}
    return Library(ready, failed)


def _existing(client: Client, names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Maps files to the stage's documents with their names; prefers later states, then newer documents."""
    files = {name: file for file, name in names.items()}
    documents: dict[str, dict[str, Any]] = {}
    for document in _listed(client):
        file = files.get(document["name"])
        if file and (file not in documents or _rank(document) < _rank(documents[file])):
            documents[file] = document
    return documents


def _rank(document: Mapping[str, Any]) -> int:
    status = document["status"]
    return _STATES.index(status) if status in _STATES else len(_STATES)


def _listed(client: Client) -> Iterator[dict[str, Any]]:
    query = {"limit": _PAGE}
    while True:
        page = client.send("GET", "/documents", query=query).body
        yield from page["items"]
        if "nextCursor" not in page:
            return
        query = {"limit": _PAGE, "cursor": page["nextCursor"]}


def _uploaded(client: Client, path: Path, name: str) -> dict[str, Any]:
    if not path.is_file():
        raise LibraryError(f"{path.name} is neither in {path.parent} nor in the stage as '{name}'")
    content = path.read_bytes()
    body = {
        "name": name,
        "contentType": content_type(path.name) or PDF,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    created: dict[str, Any] = client.send("POST", "/documents", body).body
    client.upload(created["upload"], content)
    return created


def _progress(documents: Mapping[str, Mapping[str, Any]], waiting: Collection[str]) -> str:
    pages = sum(document.get("pagesDone", 0) for document in documents.values())
    return f"documents: {len(documents) - len(waiting)} of {len(documents)} ready, {pages} pages ingested"


def _error_code(document: Mapping[str, Any]) -> str:
    return str(document.get("error", {}).get("code", "unknown"))
