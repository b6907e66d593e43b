"""Uploads the sample handbooks to the local stage's HR Q&A through its API."""

import hashlib
import json
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from bedrock_endpoints import Client

FOLDER = "samples/handbooks"
_USE_CASE = "hr-qa"
_INGESTION_SECONDS = 300.0
_POLL_SECONDS = 1.0
_REPORT_SECONDS = 20.0


def load(root: Path, client: Client, report: Callable[[str], None]) -> bool:
    """Uploads missing handbooks and waits until they are ingested. Other documents of the caller are ignored.

    Returns whether ingestion of all of them ended, for some with a failure: one is encrypted, one is corrupt.
    """
    titles = {entry["title"]: root / FOLDER / Path(entry["file"]).name for entry in _manifest(root)}
    documents = _documents(client)
    # An earlier run may have been stopped before it uploaded the file.
    missing = [title for title in titles if documents.get(title, {}).get("status") in (None, "awaitingUpload")]
    for title in missing:
        _upload(client, title, titles[title].read_bytes())
    if missing:
        report(f"ingesting {len(missing)} sample handbooks; the first start takes two minutes on two cores")
    pending = {title for title in titles if title in missing or documents[title]["status"] == "processing"}
    if not _wait(client, pending, report):
        return False
    if missing:
        report(f"sample handbooks ingested ({_summary(_documents(client), titles)})")
    return True


def _wait(client: Client, titles: Collection[str], report: Callable[[str], None]) -> bool:
    started = reported = time.monotonic()
    while waiting := _unfinished(client, titles):
        now = time.monotonic()
        if now > started + _INGESTION_SECONDS:
            names = ", ".join(document["name"] for document in waiting)
            report(f"still ingesting {names}; GET /documents shows the progress")
            return False
        if now > reported + _REPORT_SECONDS:
            reported = now
            pages = sum(document.get("pages", 0) - document.get("pagesDone", 0) for document in waiting)
            report(f"{len(waiting)} handbooks left, {pages} pages")
        time.sleep(_POLL_SECONDS)
    return True


def _manifest(root: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((root / FOLDER / "MANIFEST.json").read_text(encoding="utf-8"))
    return entries


def _documents(client: Client) -> dict[str, dict[str, Any]]:
    """The caller's documents by name; the newest if several have the same name."""
    documents: dict[str, dict[str, Any]] = {}
    for page in client.pages(_USE_CASE, "/documents"):
        for document in page["items"]:
            documents.setdefault(document["name"], document)
    return documents


def _unfinished(client: Client, titles: Collection[str]) -> list[dict[str, Any]]:
    documents = [document for title, document in _documents(client).items() if title in titles]
    return [document for document in documents if document["status"] in ("awaitingUpload", "processing")]


def _upload(client: Client, title: str, content: bytes) -> None:
    body = {
        "name": title,
        "contentType": "application/pdf",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    document = client.request(_USE_CASE, "POST", "/documents", body)
    client.upload(document["upload"], content)


def _summary(documents: dict[str, dict[str, Any]], titles: dict[str, Path]) -> str:
    states = [documents[title]["status"] for title in titles if title in documents]
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
