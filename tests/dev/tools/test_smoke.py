"""The smoke test over a mock of the client: what it calls, deletes, and advises."""

from pathlib import Path
from typing import Any

import pytest

from bedrock_endpoints import Stage
from bedrock_endpoints.auth import Bearer
from bedrock_endpoints.errors import ConfigurationError, EndpointError, NotDeployed, TimedOut
from dev.tools import smoke
from dev.tools.findings import Finding
from lambda_src.document_reader.reader import open_document
from lambda_src.registry import USE_CASES, find


class Stand:
    """The stage's APIs: answers by method and path; an exception is raised. Ids are those of created resources."""

    def __init__(self, **_options: Any) -> None:
        self.answers: dict[str, Any] = {}
        self.created: list[str] = []
        self.deleted: list[str] = []
        self.uploads: list[bytes] = []
        self.bodies: dict[str, Any] = {}

    def request(self, use_case: str, method: str, path: str, body: Any = None) -> Any:
        answer = self.answers.get(f"{method} {path}")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        if method == "DELETE":
            self.deleted.append(path)
            return None
        self.bodies[path] = body
        if answer is None:
            answer = self._default(use_case, path)
        return answer

    def _default(self, use_case: str, path: str) -> Any:
        if path == "/images":
            self.created += [f"{path}/1", f"{path}/2"]
            return {"items": [{"id": "1"}, {"id": "2"}], "model": "m"}
        if path in ("/summaries", "/conversations", "/documents"):
            self.created.append(f"{path}/1")
            return {"id": "1", "model": "m", "upload": {"url": "u", "fields": {}}}
        if path == "/documents/1":
            return {"status": "ready"}
        if path == "/models":
            return {"champion": "1"}
        if path == "/models/1/scorecard":
            return {"name": "Card", "characteristics": [{}, {}]}
        if path == "/searches":
            return {"items": [{"text": f"Smoke test. {smoke._SENTENCE}"}]}
        return {"dimensions": 256, "model": "m"}

    def upload(self, form: Any, content: bytes) -> None:
        self.uploads.append(content)

    def __enter__(self) -> "Stand":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    stand = Stand()
    monkeypatch.setattr(smoke, "Client", lambda stage, **options: stand)
    monkeypatch.setattr(smoke, "_POLL_SECONDS", 0.01)
    return stand


def stage() -> Stage:
    return Stage(name="dev", lookup=lambda use_case: f"https://{use_case}.example", auth=Bearer("token"))


def results(seconds: float = 5) -> dict[str, Finding]:
    return {finding.check: finding for finding in smoke.findings(stage(), USE_CASES, seconds)}


def test_every_use_case_is_called_and_everything_is_deleted(stand: Stand) -> None:
    found = results()

    assert list(found) == [use_case.id for use_case in USE_CASES]
    assert {found[use_case].level for use_case in smoke.CHECKS} == {"ok"}
    assert sorted(stand.deleted) == sorted(stand.created)
    assert stand.bodies["/searches"]["documents"] == ["1"]


def test_a_use_case_without_a_call_is_listed(stand: Stand) -> None:
    check = smoke.lists(find("summarization"))

    assert check(smoke.Api(stand, "summarization", 9e9)).startswith("/summaries ")  # type: ignore[arg-type]
    assert smoke.lists(find("embeddings"))(smoke.Api(stand, "embeddings", 9e9)) == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (EndpointError("no", status=401, code="unauthorized"), "make token"),
        (EndpointError("no", status=403, code="forbidden"), "execute-api:Invoke"),
        (EndpointError("no", status=404, code="not_found"), "make deploy STAGE=dev"),
        (EndpointError("no", status=429, code="throttled"), "quota"),
        (EndpointError("no", status=503, code="unavailable"), "make doctor STAGE=dev"),
        (EndpointError("no", status=500, code="internal"), "the function's log"),
        (TimedOut("no"), "network"),
        (NotDeployed("no"), "make deploy STAGE=dev"),
        (ConfigurationError("no"), "AWS settings"),
    ],
    ids=lambda value: str(getattr(value, "status", None) or type(value).__name__),
)
def test_each_failure_says_what_to_do(error: Exception, advice: str, stand: Stand) -> None:
    stand.answers["POST /embeddings"] = error

    found = results()

    assert (found["embeddings"].level, found["chatbot"].level) == ("fail", "ok")
    assert advice in found["embeddings"].advice
    assert smoke.report(found.values()) == 1


def test_a_failure_deletes_what_was_created(stand: Stand) -> None:
    stand.answers["POST /conversations/1/messages"] = EndpointError("no", status=503, code="unavailable")
    stand.answers["POST /searches"] = EndpointError("Engine does not support filters", status=503, code="unavailable")

    found = results()

    assert {found["chatbot"].level, found["hr-qa"].level} == {"fail"}
    assert {"/conversations/1", "/documents/1"} <= set(stand.deleted)


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([{"status": "processing"}, {"status": "failed", "error": {"code": "ingestion_failed"}}], "ingestion_failed"),
        ([{"status": "processing"}], "a document is processing after"),
    ],
)
def test_a_document_that_never_gets_ready_fails(documents: list[Any], message: str, stand: Stand) -> None:
    stand.answers["GET /documents/1"] = documents

    found = results(seconds=0.2)

    assert found["hr-qa"].level == "fail"
    assert message in found["hr-qa"].message
    assert "/documents/1" in stand.deleted


def test_a_search_that_finds_something_else_fails(stand: Stand) -> None:
    stand.answers["POST /searches"] = {"items": []}

    assert results()["hr-qa"].message == "a document is ready, but a search does not find it"


def test_the_document_is_a_readable_pdf(tmp_path: Path) -> None:
    path = tmp_path / "smoke.pdf"
    path.write_bytes(smoke.one_page_pdf(smoke._SENTENCE))

    with open_document(path, 10) as document:
        (page,) = document.read(1, 1)
    assert smoke._SENTENCE in str(page)
