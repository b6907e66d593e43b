"""HR Q&A in memory, with the interface of `dev.tools.caller.Caller`."""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dev.tools.caller import Answer

Canned = Mapping[str, Any] | Answer | Exception


def error(status: int, code: str, **headers: str) -> Answer:
    return Answer(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, _raw(error={"code": code})
    )


def _raw(**body: Any) -> bytes:
    return json.dumps(body).encode()


class FakeStage:
    """`searches` and `questions`: question -> its answer, or a queue of answers whose last one is repeated.

    An uploaded document is ready after it was read `reads` times. Documents named in `unreadable` fail.
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

    def call(self, method: str, use_case: str, path: str, body: Any = None, *, query: Any = None) -> Answer:
        assert use_case == "hr-qa"
        with self._lock:
            if body:
                self.bodies.append(body)
            if path in self._answers:
                return self._canned(self._answers[path][body.get("query") or body["question"]])
            if method == "POST":
                return self._create(body)
            return self._list(query) if path == "/documents" else self._read(path.rpartition("/")[2])

    def upload(self, form: Mapping[str, Any], content: bytes) -> Answer:
        self.uploads[form["url"]] = content
        return Answer(204, {}, b"")

    def _canned(self, queue: list[Canned]) -> Answer:
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(200, {}, json.dumps(answer).encode())

    def _create(self, body: Mapping[str, Any]) -> Answer:
        document = {"id": f"id-{len(self.documents)}", "name": body["name"], "status": "awaitingUpload", "reads": 0}
        self.documents.insert(0, document)
        return Answer(201, {}, _raw(**document, upload={"url": body["name"], "fields": {}}))

    def _list(self, query: Mapping[str, str]) -> Answer:
        """Two documents per page, so that a list has several pages."""
        start = int(query.get("cursor", "0"))
        following = {"nextCursor": str(start + 2)} if start + 2 < len(self.documents) else {}
        return Answer(200, {}, _raw(items=self.documents[start : start + 2], **following))

    def _read(self, document_id: str) -> Answer:
        document = next(each for each in self.documents if each["id"] == document_id)
        document["reads"] = document.get("reads", 0) + 1
        if document["reads"] < self._reads:
            document["status"] = "processing"
        else:
            document["status"] = "failed" if document["name"] in self._unreadable else "ready"
        error = {"error": {"code": "damaged"}} if document["status"] == "failed" else {}
        return Answer(200, {}, _raw(**document, **error))


def _queues(answers: Mapping[str, Canned | Sequence[Canned]]) -> dict[str, list[Canned]]:
    return {key: list(value) if isinstance(value, list | tuple) else [value] for key, value in answers.items()}
