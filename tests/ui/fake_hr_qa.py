"""HR Q&A as the page sees it: documents that take their files by a form, and answers from what tests say."""

import email
from pathlib import Path
from typing import Any

from tests.ui.fake_api import Refusal, page_of, times

HANDBOOK = Path(__file__).parents[2] / "samples" / "handbooks" / "tts_leave_handbook.pdf"
QUOTE = "You can carry over a maximum of 240 annual leave hours, from one leave year to the next."
QUOTE_PAGE = 4


class HrQa:
    """HR Q&A: a file is read in as many looks as tests say."""

    url = ""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.reading: list[dict[str, Any]] = []
        """What a document that has its file becomes, one state a look at it; ready after the last."""
        self.answers: list[dict[str, Any]] = []
        """What the next questions get instead of the answer below."""
        self.refuse_files = 0
        """How many of the next files the store refuses."""

    def add(self, name: str, status: str = "ready", content: bytes | None = None, **more: Any) -> str:
        document = {
            "id": f"00000000-0000-4000-8000-{len(self.documents):012}", "name": name, "status": status,
            "createdAt": times(len(self.documents)), "updatedAt": times(len(self.documents)), **more,
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

    def _look(self, document: dict[str, Any]) -> dict[str, Any]:
        if document["id"] in self.files and document["status"] in ("awaitingUpload", "processing"):
            if self.reading:
                document.update(self.reading.pop(0))
            else:
                self._ready(document, self.files[document["id"]])
        return document

    def create_document(self, body: Any) -> dict[str, Any]:
        made = self.add(body.name, "awaitingUpload")
        upload = {
            "url": f"{self.url}/stored/hr-qa/{made}",
            "fields": {"Content-Type": "application/pdf", "policy": f"{body.bytes} {body.sha256}"},
            "expiresAt": "2026-11-03T23:00:00Z",
        }
        return {"id": made, "status": "awaitingUpload", "upload": upload}

    def store(self, method: str, name: str, headers: Any, raw: bytes) -> tuple[int, Any, dict[str, str]]:
        """Where files go and come from: it knows forms and links, and takes no signature beside them."""
        if "Authorization" in headers:
            return 400, b"<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"}
        if method == "GET":
            return 200, self.files[name], {"Content-Type": "application/pdf"}
        if self.refuse_files:
            self.refuse_files -= 1
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
        return page_of(self.documents[::-1], query)

    def get_document(self, id: str) -> dict[str, Any]:
        for document in self.documents:
            if document["id"] == id:
                return self._look(document)
        raise Refusal(404, "not_found", "There is nothing of yours with this id.")

    def delete_document(self, id: str) -> dict[str, Any]:
        self.get_document(id)
        self.documents = [one for one in self.documents if one["id"] != id]
        return {"id": id, "status": "deleting"}

    def search(self, body: Any) -> dict[str, Any]:
        return {"items": []}

    def answer_question(self, body: Any) -> dict[str, Any]:
        usage = {"inputTokens": 1_904, "outputTokens": 61}
        if self.answers:
            return {"usage": usage, **self.answers.pop(0)}
        document = next(one for one in self.documents if one["status"] == "ready")
        return {
            "answer": "You can carry over at most 240 hours of annual leave into the next leave year.",
            "answered": True, "model": "us.anthropic.claude-haiku-4-5-20251001-v1:0", "usage": usage,
            "citations": [self.citation(document["id"], document["name"])],
        }  # fmt: skip

    @staticmethod
    def citation(document: str, name: str, quote: str = QUOTE, page: int = QUOTE_PAGE) -> dict[str, Any]:
        return {"documentId": document, "document": name, "page": page, "quote": quote}
