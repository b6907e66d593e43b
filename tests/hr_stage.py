"""An in-memory HR Q&A that stands in for `bedrock_endpoints.Client`."""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bedrock_endpoints.errors import EndpointError, from_response

Canned = Mapping[str, Any] | Exception


def error(status: int, code: str, *, body: bytes | None = None, **headers: str) -> EndpointError:
    """The error that the client raises for such a response."""
    content = json.dumps({"error": {"code": code}}).encode() if body is None else body
    return from_response(status, {name.replace("_", "-").title(): value for name, value in headers.items()}, content)


class FakeStage:
    """`searches` and `questions`: the response to each question; of several, one per request.

    An uploaded document is ready when it was read `reads` times; those named in `unreadable` fail.
    """

    def __init__(
        self,
        *,
        documents: Iterable[dict[str, Any]] = (),
        searches: Mapping[str, Canned | Sequence[Canned]] | None = None,
        questions: Mapping[str, Canned | Sequence[Canned]] | None = None,
        reads: int = 1,
        unreadable: Iterable[str] = (),
    ) -> None:
        self.documents = list(documents)
        self.uploads: dict[str, bytes] = {}
        self.bodies: list[dict[str, Any]] = []
        self._answers = {"/searches": _queues(searches or {}), "/questions": _queues(questions or {})}
        self._reads = reads
        self._unreadable = set(unreadable)
        self._lock = threading.Lock()

    def request(self, use_case: str, method: str, path: str, body: Any = None, *, query: Any = None) -> Any:
        assert use_case == "hr-qa"
        with self._lock:
            if body:
                self.bodies.append(body)
            if path in self._answers:
                return self._canned(self._answers[path][body.get("query") or body["question"]])
            if method == "POST":
                return self._create(body)
            return self._list(query) if path == "/documents" else self._read(path.rpartition("/")[2])

    def upload(self, form: Mapping[str, Any], content: bytes) -> None:
        self.uploads[form["url"]] = content

    def _canned(self, queue: list[Canned]) -> Any:
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _create(self, body: Mapping[str, Any]) -> Any:
        document = {"id": f"id-{len(self.documents)}", "name": body["name"], "status": "awaitingUpload", "reads": 0}
        self.documents.insert(0, document)
        return {**document, "upload": {"url": body["name"], "fields": {}}}

    def _list(self, query: Mapping[str, str]) -> Any:
        """Two per page, so that there are several pages."""
        start = int(query.get("cursor", "0"))
        next_cursor = {"nextCursor": str(start + 2)} if start + 2 < len(self.documents) else {}
        return {"items": self.documents[start : start + 2], **next_cursor}

    def _read(self, document_id: str) -> Any:
        document = next(document for document in self.documents if document["id"] == document_id)
        document["reads"] = document.get("reads", 0) + 1
        if document["reads"] < self._reads:
            document["status"] = "processing"
        else:
            document["status"] = "failed" if document["name"] in self._unreadable else "ready"
        return {**document, **({"error": {"code": "damaged"}} if document["status"] == "failed" else {})}


def _queues(answers: Mapping[str, Canned | Sequence[Canned]]) -> dict[str, list[Canned]]:
    return {key: list(value) if isinstance(value, list | tuple) else [value] for key, value in answers.items()}
