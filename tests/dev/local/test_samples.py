"""The sample handbooks are uploaded once, and `up` waits for their ingestion."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.local import samples
from dev.local.paths import ROOT


class FakeClient:
    """A mock of HR Q&A's documents; each is ready after it is listed `polls` times."""

    def __init__(self, polls: int = 2) -> None:
        self.documents: list[dict[str, Any]] = []
        self.files: list[bytes] = []
        self._polls = polls

    def request(self, use_case: str, method: str, path: str, body: Any = None) -> Any:
        if method == "DELETE":
            (deleted,) = [each for each in self.documents if path == f"/documents/{each.get('id')}"]
            self.documents.remove(deleted)
            return None
        assert (use_case, method, path) == ("hr-qa", "POST", "/documents")
        self.documents.insert(0, {"name": body["name"], "status": "processing", "pages": 3, "polls": self._polls})
        return {"id": "1", "upload": {}}

    def pages(self, use_case: str, path: str) -> Iterator[Any]:
        assert (use_case, path) == ("hr-qa", "/documents")
        for document in self.documents:
            document["polls"] -= 1
            if document["polls"] < 0:
                document["status"] = "ready"
        yield {"items": self.documents}

    def upload(self, _form: Any, content: bytes) -> None:
        self.files.append(content)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_POLL_SECONDS", 0.0)


def load(client: Any, messages: list[str], root: Path = ROOT) -> bool:
    return samples.load(root, client, messages.append)


def test_each_handbook_is_uploaded_under_its_title_and_ingested() -> None:
    client, messages = FakeClient(), list[str]()
    assert load(client, messages)
    assert len(client.files) == 14
    assert "Leave Handbook" in [document["name"] for document in client.documents]
    assert all(content.startswith(b"%PDF") for content in client.files)
    assert messages[-1] == "sample handbooks ingested (14 ready)"


def test_handbooks_are_uploaded_once() -> None:
    client = FakeClient()
    load(client, [])
    messages: list[str] = []
    assert load(client, messages)
    assert len(client.files) == 14
    assert messages == []


@pytest.mark.parametrize("status", ["awaitingUpload", "processing"])
def test_other_documents_are_not_waited_for(status: str) -> None:
    client, messages = FakeClient(), list[str]()
    client.documents.append({"name": "Mine", "status": status, "polls": 10**9})
    assert load(client, messages)
    assert messages[-1] == "sample handbooks ingested (14 ready)"


def test_a_handbook_whose_file_was_never_uploaded_is_uploaded() -> None:
    client, messages = FakeClient(), list[str]()
    client.documents.append({"name": "Leave Handbook", "status": "awaitingUpload", "polls": 10**9})
    assert load(client, messages)
    assert [document["name"] for document in client.documents].count("Leave Handbook") == 2
    assert messages[-1] == "sample handbooks ingested (14 ready)"


def test_a_handbook_of_an_earlier_start_is_waited_for() -> None:
    client = FakeClient()
    load(client, [])
    client.documents[0].update(status="processing", polls=5)
    assert load(client, [])
    assert client.documents[0]["status"] == "ready"
    assert len(client.files) == 14


def test_waiting_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_INGESTION_SECONDS", 0.05)
    messages: list[str] = []
    assert not load(FakeClient(polls=10**9), messages)
    assert messages[-1].startswith("still ingesting ")
