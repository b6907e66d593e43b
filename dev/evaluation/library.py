"""A stage's documents that questions are about: those that are missing are uploaded and waited for."""

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

_POLL_SECONDS = 2.0
_PAGE = "100"
# Of several documents of one name the furthest is taken. One that waits for a file that never came is none.
_STATES = ("ready", "processing", "failed")


class LibraryError(Exception):
    """The documents cannot be made ready; the message says which and why."""


class Library(msgspec.Struct, frozen=True):
    """File name -> id of the documents that are ready; file name -> error code of those that cannot be read."""

    ids: dict[str, str]
    failed: dict[str, str]

    def file(self, document_id: str) -> str:
        """The file's name; for a document that no question is about, its id."""
        return next((name for name, known in self.ids.items() if known == document_id), document_id)


class Progress:
    """One line that is written over on a terminal; elsewhere a line for each change."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, text: str) -> None:
        if text != self._last:
            start, end = ("\r\x1b[K", "") if sys.stderr.isatty() else ("", "\n")
            sys.stderr.write(f"{start}{text}{end}")
            sys.stderr.flush()
            self._last = text

    def end(self) -> None:
        """What is written next begins a line of its own."""
        if self._last and sys.stderr.isatty():
            sys.stderr.write("\n")
        self._last = ""


def needed(questions: Collection[Question]) -> list[str]:
    """The files that the questions are about."""
    return sorted({document for question in questions for pages in question.needed for document, _ in pages})


def provide(
    client: Client,
    folder: Path,
    files: Collection[str],
    *,
    say: Callable[[str], None],
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Library:
    """Every file as a document of the stage, by the folder's titles. Raises `LibraryError` and `RequestFailed`."""
    names = {file: titles(folder).get(file, file) for file in files}
    documents = {file: found for file, found in _known(client, names).items() if found["status"] in _STATES}
    for file in sorted(set(files) - set(documents)):
        say(f"uploading {file}")
        documents[file] = _uploaded(client, folder / file, names[file])
    end = clock() + seconds
    while waiting := [file for file, document in documents.items() if document["status"] not in ("ready", "failed")]:
        if clock() > end:
            raise LibraryError(f"not read within {seconds:.0f} s: {', '.join(waiting)}")
        say(_progress(documents, waiting))
        sleep(_POLL_SECONDS)
        for file in waiting:
            documents[file] = client.send("GET", f"/documents/{documents[file]['id']}").body
    ready = {file: document["id"] for file, document in documents.items() if document["status"] == "ready"}
    failed = {file: _why(document) for file, document in documents.items() if document["status"] == "failed"}
    return Library(ready, failed)


def _known(client: Client, names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """File -> the document of its name that is furthest; the newest of those."""
    files = {name: file for file, name in names.items()}
    found: dict[str, dict[str, Any]] = {}
    for document in _listed(client):
        file = files.get(document["name"])
        if file and (file not in found or _rank(document) < _rank(found[file])):
            found[file] = document
    return found


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
        raise LibraryError(f"{path.name} is neither in {path.parent} nor in the stage, where it would be «{name}»")
    content = path.read_bytes()
    body = {
        "name": name,
        "contentType": "application/pdf",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    created: dict[str, Any] = client.send("POST", "/documents", body).body
    client.upload(created["upload"], content)
    return created


def _progress(documents: Mapping[str, Mapping[str, Any]], waiting: Collection[str]) -> str:
    pages = sum(document.get("pagesDone", 0) for document in documents.values())
    return f"documents: {len(documents) - len(waiting)} of {len(documents)} ready, {pages} pages read"


def _why(document: Mapping[str, Any]) -> str:
    return str(document.get("error", {}).get("code", "unknown"))
