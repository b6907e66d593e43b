"""What is kept of a caller is exported, and erased in every use case; others keep theirs.

The callers are owners of new API keys: an erasure of the tests' own callers would take the data of other tests.
"""

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from bedrock_endpoints.errors import ConfigurationError
from lambda_src.shared.callers import caller_namespace
from tests.e2e.caller import Caller, Target
from tests.e2e.conftest import With
from tests.e2e.test_contract import check_error
from tests.local_stores import places_with

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only", "offered")]

API = "caller-data"
NOBODY = "0199aaaa-0000-7000-8000-000000000000"
# Documents are erased when the search index has no chunk of them for a minute and a half.
ERASED_SECONDS = 420
READY_SECONDS = 180
# A list of each use case that stores something, and a request with a response to keep.
LISTS = {
    "chatbot": "/conversations",
    "summarization": "/summaries",
    "image-generation": "/images",
    "hr-qa": "/documents",
}
EMBED = {"texts": ["pump"], "dimensions": 256}


@pytest.fixture(scope="module")
def offered(target: Target) -> None:
    try:
        target.stage.url(API)
    except ConfigurationError:
        pytest.skip("the stage has no `callerData`")


def wait_for(caller: Caller, use_case: str, path: str, statuses: set[str], seconds: float) -> Any:
    """Repeats a request until the body's status is one of these."""
    end = time.monotonic() + seconds
    while True:
        response = caller.call("GET", use_case, path)
        assert response.status == 200, response.raw
        if response.body["status"] in statuses:
            return response.body
        assert time.monotonic() < end, response.raw
        time.sleep(2)


def fill(caller: Caller, text: str) -> None:
    """Stores something in each use case."""
    conversation = caller.call("POST", "chatbot", "/conversations", {"title": text}).body["id"]
    sent = caller.call("POST", "chatbot", f"/conversations/{conversation}/messages", {"text": f"Say {text}."})
    assert sent.status == 200, sent.raw
    for use_case, path, body in (
        ("summarization", "/summaries", {"text": f"The pump leaks. {text}"}),
        ("image-generation", "/images", {"prompt": f"A pump, {text}"}),
    ):
        created = caller.call("POST", use_case, path, body)
        assert created.status == 201, created.raw
    assert embed(caller) == 200
    document = {"name": f"{text}.txt", "contentType": "text/plain"}
    created = caller.call("POST", "hr-qa", "/documents", document)
    assert created.status == 201, created.raw
    uploaded = caller.upload(created.body["upload"], f"Leave of {text} is thirty days.".encode())
    assert uploaded.status < 300, uploaded.raw
    wait_for(caller, "hr-qa", f"/documents/{created.body['id']}", {"ready"}, READY_SECONDS)
    asked = caller.call("POST", "hr-qa", "/questions", {"question": f"How many days of leave does {text} have?"})
    assert asked.status == 200, asked.raw


def embed(caller: Caller) -> int:
    headers = {"Idempotency-Key": "erasure"}
    return caller.call("POST", "embeddings", "/embeddings", EMBED, headers=headers).status


def counts(caller: Caller) -> dict[str, int]:
    return {use_case: len(caller.call("GET", use_case, path).body["items"]) for use_case, path in LISTS.items()}


def not_kept(places: list[str]) -> list[str]:
    """Without the places where the receipt says that a caller's id is kept.

    Until the erasure is final, a chat has an item without texts.
    """
    kept = ("-access-", "-usage", "-budgets", "-caller-data-")
    return [
        place
        for place in places
        if not any(name in place.split(":")[0] for name in kept)
        and "'conversation#" not in place
        and not place.startswith("log ")
    ]


def test_a_caller_exports_and_erases_everything_and_others_keep_theirs(
    using: With, new_key: Callable[..., Any]
) -> None:
    keys = new_key(), new_key()
    ana, bob = (using(key["key"]) for key in keys)
    owner, other = (f"owner:{key['owner']}" for key in keys)
    mine, theirs = f"ana{uuid.uuid4().hex[:8]}", f"bob{uuid.uuid4().hex[:8]}"
    fill(ana, mine)
    fill(bob, theirs)
    searched = {mine, theirs, owner, other, caller_namespace(owner), caller_namespace(other)}
    before = places_with(*searched)
    assert before[mine]
    assert not_kept(before[owner])
    assert not_kept(before[caller_namespace(owner)])

    started = ana.call("POST", API, "/me/exports")
    assert started.status == 202, started.raw
    path = f"/me/exports/{started.body['id']}"
    export = wait_for(ana, API, path, {"ready", "failed"}, READY_SECONDS)
    assert export["status"] == "ready", export
    check_error(bob.call("GET", API, path), 404, "not_found")
    downloaded = ana.fetch(export["url"])
    assert (downloaded.status, len(downloaded.raw)) == (200, export["bytes"])
    with zipfile.ZipFile(io.BytesIO(downloaded.raw)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name) for name in archive.namelist()}
    assert {name.split("/")[0] for name in texts} >= {*LISTS, "README.txt", "manifest.json"}
    assert json.loads(texts["manifest.json"])["useCases"]["hr-qa"] == {"documents": 1, "files": 1, "questions": 1}
    assert any(content.startswith(b"\x89PNG") for content in texts.values())
    everything = b"".join(texts.values())
    assert mine.encode() in everything
    assert theirs.encode() not in everything

    erasure = ana.call("DELETE", API, "/me")
    assert erasure.status == 202, erasure.raw
    assert ana.call("DELETE", API, "/me").body["id"] == erasure.body["id"]
    path = f"/me/erasures/{erasure.body['id']}"
    check_error(bob.call("GET", API, path), 404, "not_found")
    receipt = wait_for(ana, API, path, {"erased", "final", "failed"}, ERASED_SECONDS)

    assert receipt["status"] != "failed", receipt
    erased = {entry["useCase"]: entry["counts"] for entry in receipt["useCases"]}
    assert erased["chatbot"]["messages"] == 2
    assert erased["hr-qa"]["documents"] == 1
    assert erased["embeddings"] == {"keptResponses": 1}
    assert receipt["kept"]
    assert counts(ana) == dict.fromkeys(LISTS, 0)
    # The key of an erased response stays used.
    assert embed(ana) == 422
    check_error(ana.call("GET", API, f"/me/exports/{started.body['id']}"), 404, "not_found")
    assert ana.fetch(export["url"]).status in (403, 404)
    assert counts(bob) == dict.fromkeys(LISTS, 1)
    assert embed(bob) == 200
    # In no store, and in no log.
    after = places_with(*searched)
    assert after[mine] == []
    assert not_kept([*after[owner], *after[caller_namespace(owner)]]) == []
    for text in (theirs, other, caller_namespace(other)):
        assert not_kept(after[text]) == not_kept(before[text])


def test_nobody_erases_others_without_being_an_administrator(
    caller: Caller, using: With, new_key: Callable[..., Any]
) -> None:
    """The local stage has no administrators. The API for tokens and keys has no such routes."""
    for method, path, body in (
        ("POST", "/admin/erasures", {"caller": "owner:somebody"}),
        ("GET", "/admin/erasures", None),
        ("GET", f"/admin/erasures/{NOBODY}", None),
    ):
        check_error(caller.call(method, API, path, body), 403, "forbidden")
        check_error(using(new_key()["key"]).call(method, API, path, body), 404, "not_found")
