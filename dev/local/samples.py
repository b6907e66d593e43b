"""The sample handbooks in the local stage's HR Q&A: uploaded once, by the API, as any caller would."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bedrock_endpoints import Client

FOLDER = "samples/handbooks"
_USE_CASE = "hr-qa"
_READING_SECONDS = 300.0
_LOOK_SECONDS = 1.0
_TELL_SECONDS = 20.0


def load(root: Path, client: Client, say: Callable[[str], None]) -> bool:
    """Uploads the handbooks that are not there, and waits until they are read.

    Returns whether all are done; what cannot be read (one is encrypted, one is broken) is done, too.
    """
    titles = {entry["title"]: root / FOLDER / Path(entry["file"]).name for entry in _manifest(root)}
    missing = [title for title in titles if title not in _documents(client)]
    for title in missing:
        _upload(client, title, titles[title].read_bytes())
    if missing:
        say(f"reading {len(missing)} sample handbooks: two minutes on two cores, the first time only")
    if not _wait(client, say):
        return False
    if missing:
        say(f"sample handbooks read ({_summary(_documents(client), titles)})")
    return True


def _wait(client: Client, say: Callable[[str], None]) -> bool:
    begun = told = time.monotonic()
    while waiting := [one for one in _documents(client).values() if one["status"] in ("awaitingUpload", "processing")]:
        now = time.monotonic()
        if now > begun + _READING_SECONDS:
            say(f"still reading {', '.join(one['name'] for one in waiting)}: GET /documents tells how far they are")
            return False
        if now > told + _TELL_SECONDS:
            told = now
            pages = sum(one.get("pages", 0) - one.get("pagesDone", 0) for one in waiting)
            say(f"still {len(waiting)} to be read, {pages} pages")
        time.sleep(_LOOK_SECONDS)
    return True


def _manifest(root: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((root / FOLDER / "MANIFEST.json").read_text(encoding="utf-8"))
    return entries


def _documents(client: Client) -> dict[str, dict[str, Any]]:
    """The caller's documents by name; of several with one name the newest."""
    documents: dict[str, dict[str, Any]] = {}
    for page in client.pages(_USE_CASE, "/documents"):
        for document in page["items"]:
            documents.setdefault(document["name"], document)
    return documents


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
