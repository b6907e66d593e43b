"""A fake of HR Q&A: documents with uploads by presigned forms, and prepared answers."""

import email
from pathlib import Path
from typing import Any

from tests.ui.fake_api import ErrorResponse, page_of, timestamp

HANDBOOK = Path(__file__).parents[2] / "samples" / "handbooks" / "tts_leave_handbook.pdf"
QUOTE = "You can carry over a maximum of 240 annual leave hours, from one leave year to the next."
QUOTE_PAGE = 4


class HrQa:
    """HR Q&A. Processing advances with each GET of a document."""

    url = ""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.processing_states: list[dict[str, Any]] = []
        """The states of an uploaded document, one per GET; then it is ready."""
        self.is_paused = False
        """Whether a document stays in its last processing state."""
        self.answers: list[dict[str, Any]] = []
        """The answers to the next questions."""
        self.spaces: list[dict[str, Any]] = []
        """The spaces that the caller may read."""
        self.failing_uploads = 0
        """The number of uploads that fail."""
        self.keeps_questions = True
        """Whether answers have an id for feedback."""
        self._questions = 0
        self.open_questions: list[dict[str, Any]] = []
        """The open questions of any space, newest first."""

    def add(self, name: str, status: str = "ready", content: bytes | None = None, **fields: Any) -> str:
        document = {
            "id": f"00000000-0000-4000-8000-{len(self.documents):012}", "name": name, "space": "own", "status": status,
            "contentType": "application/pdf",
            "createdAt": timestamp(len(self.documents)), "updatedAt": timestamp(len(self.documents)), **fields,
        }  # fmt: skip
        self.documents.append(document)
        if status == "ready":
            self._ready(document, HANDBOOK.read_bytes() if content is None else content)
        return str(document["id"])

    def _ready(self, document: dict[str, Any], content: bytes) -> None:
        self.files[document["id"]] = content
        document.update(
            status="ready", pages=15, pagesDone=15, chunks=61, pagesWithoutText=document.get("pagesWithoutText", 0),
            url=f"{self.url}/stored/hr-qa/{document['id']}", urlExpiresAt="2026-11-03T23:00:00Z",
        )  # fmt: skip

    def _advance(self, document: dict[str, Any]) -> dict[str, Any]:
        if document["id"] in self.files and document["status"] in ("awaitingUpload", "processing"):
            if self.processing_states:
                document.update(self.processing_states.pop(0))
            elif not self.is_paused:
                self._ready(document, self.files[document["id"]])
        return document

    def create_document(self, body: Any) -> dict[str, Any]:
        announced = {"contentType": body.content_type, **({"sha256": body.sha256} if body.sha256 else {})}
        document_id = self.add(body.name, "awaitingUpload", space=body.space or "own", **announced)
        upload = {
            "url": f"{self.url}/stored/hr-qa/{document_id}",
            "fields": {"Content-Type": body.content_type, "policy": f"{body.bytes} {body.sha256}"},
            "expiresAt": "2026-11-03T23:00:00Z",
        }
        return {"id": document_id, "status": "awaitingUpload", "upload": upload}

    def store(self, method: str, name: str, headers: Any, raw: bytes) -> tuple[int, Any, dict[str, str]]:
        """Stores and returns files. Like S3, it rejects a signature in addition to a presigned form or URL."""
        if "Authorization" in headers:
            return 400, b"<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"}
        if method == "GET":
            return 200, self.files[name], {"Content-Type": "application/pdf"}
        if self.failing_uploads:
            self.failing_uploads -= 1
            return 503, b"<Error><Code>SlowDown</Code></Error>", {"Content-Type": "application/xml"}
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        fields = [
            (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
            for part in email.message_from_bytes(head + raw).get_payload()
        ]
        assert [field for field, _ in fields] == ["Content-Type", "policy", "file"]
        self.files[name] = bytes(fields[-1][1])
        return 204, None, {}

    def list_documents(self, query: Any) -> dict[str, Any]:
        listed = [document for document in self.documents[::-1] if document["space"] == (query.space or "own")]
        return {**page_of(listed, query), **({"spaces": self.spaces} if self.spaces else {})}

    def get_document(self, id: str) -> dict[str, Any]:
        for document in self.documents:
            if document["id"] == id:
                return self._advance(document)
        raise ErrorResponse(404, "not_found", "Nothing of this caller has this id.")

    def delete_document(self, id: str) -> dict[str, Any]:
        self.get_document(id)
        self.documents = [document for document in self.documents if document["id"] != id]
        return {"id": id, "status": "deleting"}

    def search(self, body: Any) -> dict[str, Any]:
        return {"items": []}

    def answer_question(self, body: Any) -> dict[str, Any]:
        self._questions += 1
        fields: dict[str, Any] = {"usage": {"inputTokens": 1_904, "outputTokens": 61}}
        if self.keeps_questions:
            fields["id"] = f"question-{self._questions}"
        if body.history:
            fields["understoodAs"] = f"{body.history[-1].question} {body.question}"
        return _with_statements({**fields, **(self.answers.pop(0) if self.answers else self._answer())})

    def _answer(self) -> dict[str, Any]:
        document = next(document for document in self.documents if document["status"] == "ready")
        return {
            "answer": "You can carry over at most 240 hours of annual leave into the next leave year.",
            "answered": True, "model": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "citations": [self.citation(document["id"], document["name"])],
        }  # fmt: skip

    def give_feedback(self, id: str, body: Any) -> dict[str, Any]:
        return {"id": id, "helpful": body.helpful}

    def add_open_question(self, question: str, **fields: Any) -> None:
        number = len(self.open_questions)
        self.open_questions.insert(
            0, {"id": f"open-{number}", "question": question, "answered": False, "askedAt": timestamp(number), **fields}
        )

    def list_open_questions(self, query: Any) -> dict[str, Any]:
        return page_of(self.open_questions, query)

    @staticmethod
    def citation(document: str, name: str, quote: str = QUOTE, page: int = QUOTE_PAGE) -> dict[str, Any]:
        citation = {"documentId": document, "document": name, "page": page, "quote": quote}
        return {"contentType": "application/pdf", **citation}


def _with_statements(answer: dict[str, Any]) -> dict[str, Any]:
    """By default, the answer is one statement with all citations."""
    numbers = list(range(1, len(answer["citations"]) + 1))
    statements = [{"text": answer["answer"], "citations": numbers}] if numbers else []
    return {"statements": statements, **answer}
