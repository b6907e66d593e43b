"""The sample handbooks are uploaded once, and waited for."""

import json
from pathlib import Path
from typing import Any

import pytest

from dev.local import samples
from dev.local.paths import ROOT
from dev.tools.caller import Answer


class FakeCaller:
    """HR Q&A's documents; each is ready so many looks after its upload."""

    def __init__(self, looks: int = 2) -> None:
        self.documents: list[dict[str, Any]] = []
        self.files: list[bytes] = []
        self._looks = looks

    def call(self, method: str, use_case: str, path: str, body: Any = None, **_: Any) -> Answer:
        assert (use_case, path) == ("hr-qa", "/documents")
        if method == "POST":
            self.documents.insert(0, {"name": body["name"], "status": "processing", "pages": 3, "looks": self._looks})
            return Answer(201, {}, json.dumps({"id": "1", "upload": {}}).encode())
        for one in self.documents:
            one["looks"] -= 1
            if one["looks"] < 0:
                one["status"] = "ready"
        return Answer(200, {}, json.dumps({"items": self.documents}).encode())

    def upload(self, _form: Any, content: bytes) -> None:
        self.files.append(content)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_LOOK_SECONDS", 0.0)


def load(caller: Any, said: list[str], root: Path = ROOT) -> bool:
    return samples.load(root, caller, said.append)


def test_each_handbook_is_uploaded_under_its_title_and_waited_for() -> None:
    caller, said = FakeCaller(), list[str]()
    assert load(caller, said)
    assert len(caller.files) == 14
    assert "Leave Handbook" in [one["name"] for one in caller.documents]
    assert all(content.startswith(b"%PDF") for content in caller.files)
    assert said[-1] == "sample handbooks read (14 ready)"


def test_the_second_time_there_is_nothing_to_do() -> None:
    caller = FakeCaller()
    load(caller, [])
    said: list[str] = []
    assert load(caller, said)
    assert len(caller.files) == 14
    assert said == []


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_READING_SECONDS", 0.05)
    said: list[str] = []
    assert not load(FakeCaller(looks=10**9), said)
    assert said[-1].startswith("still reading ")
