"""The documents and questions of a caller.

Chunks become searchable seconds after they are written, so only the ingestion, which has written them, can tell when
none is left. A document's item is the last thing that it deletes: while there is one, the erasure waits.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from lambda_src.hr_qa.asked import AskedQuestions
from lambda_src.hr_qa.documents import DocumentItem, Documents
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.queue import Queue
from lambda_src.hr_qa.resources import object_key
from lambda_src.hr_qa.settings import OWN, HrQaOptions
from lambda_src.shared.caller_data import COPIES, PAGE, CallerDataSettings, KeptResponses, Part, Run
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.file_types import extension
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.table import StaleWriteError

_EXPORTED = (
    *("id", "name", "status", "content_type", "created_at", "updated_at"),
    *("pages", "chunks", "pages_without_text", "hidden_characters"),
)


class HrCallerDataSettings(CallerDataSettings, frozen=True, kw_only=True):
    """The environment of the function."""

    queue_url: str
    options: HrQaOptions = HrQaOptions()


class DocumentData:
    """What HR Q&A keeps of callers."""

    def __init__(
        self,
        settings: HrCallerDataSettings,
        *,
        documents: Documents | None = None,
        asked: AskedQuestions | None = None,
        files: FileStore | None = None,
        queue: Queue | None = None,
    ) -> None:
        self._settings = settings
        self._bucket = str(settings.bucket_name)
        self._documents = documents or Documents(settings.table_name)
        self._asked = asked or AskedQuestions(settings.table_name)
        self._files = files or FileStore(self._bucket)
        self._queue = queue or Queue(settings.queue_url)
        self._responses = IdempotencyStore.of(self._documents)
        responses = KeptResponses(self._responses)
        self.erasers: Sequence[Part] = (
            *(responses.erase, self._erase_questions, self._disown_shared),
            *(self._erase_documents, self._await_ingestion),
        )
        self.exporters: Sequence[Part] = (self._export_documents, self._export_questions)

    def _erase_questions(self, run: Run, cursor: str | None) -> str | None:
        found, erased = self._asked.erase(run.caller, PAGE)
        run.count("questions", erased)
        if found:
            return "more"
        if self._settings.options.question_days:
            run.keep(
                "questions",
                "Those asked before the setting `callerData` was turned on are not listed by caller",
                f"{self._settings.options.question_days} days after they were asked (hrQa.questionDays)",
            )
        return None

    def _disown_shared(self, run: Run, cursor: str | None) -> str | None:
        """Documents in spaces belong to the organization; who has uploaded them is forgotten. The cursor is the number
        of the space and the document."""
        number, _, document_id = (cursor or "0#").partition("#")
        spaces = self._settings.options.spaces
        if int(number) >= len(spaces):
            return None
        space = spaces[int(number)].name
        documents, following = self._documents.stored_page(space, PAGE, document_id or None)
        disowned = sum(self._disown(space, document, run.caller) for document in documents)
        if disowned:
            reason = "Documents in spaces belong to the organization; who uploaded them was erased"
            run.keep("sharedDocuments", reason, "a writer of the space deletes them", disowned)
        return f"{number}#{following}" if following else f"{int(number) + 1}#"

    def _disown(self, space: str, document: DocumentItem, caller: str) -> bool:
        if document.owner != caller:
            return False
        try:
            self._documents.disown(space, document.id, caller)
        except StaleWriteError:
            return False
        return True

    def _erase_documents(self, run: Run, cursor: str | None) -> str | None:
        namespace = caller_namespace(run.caller)
        documents, cursor = self._documents.stored_page(namespace, PAGE, cursor)
        for document in documents:
            self._erase(run, namespace, document)
        return cursor

    def _await_ingestion(self, run: Run, cursor: str | None) -> str | None:
        namespace = caller_namespace(run.caller)
        documents, _ = self._documents.stored_page(namespace, PAGE, None)
        if not documents:
            return None
        for document in documents:
            # Uploads that have begun since.
            if document.status != "deleting":
                self._erase(run, namespace, document)
        run.waits = True
        return "waiting"

    def _erase(self, run: Run, namespace: str, document: DocumentItem) -> None:
        """The message first: it takes a minute and a half to do its work, and without it no marked document goes."""
        self._queue.send_clean(namespace, document.id)
        try:
            self._documents.mark_deleting(namespace, document.id)
        except StaleWriteError:
            return
        self._responses.forget(document.id)
        self._files.delete(namespace, document.id)
        if document.status != "deleting":
            run.count("documents")
            run.count("chunks", document.chunks or 0)

    def _export_documents(self, run: Run, cursor: str | None) -> str | None:
        namespace = caller_namespace(run.caller)
        documents, cursor = self._documents.page(namespace, COPIES, cursor)
        for document in documents:
            if document.status == "deleting":
                continue
            run.archive.add(f"documents/{document.id}.json", _exported(document))
            key = object_key(namespace, document.id)
            name = f"documents/{document.id}{extension(document.content_type)}"
            run.count("files", int(run.archive.copy(name, self._bucket, key)))
            run.count("documents")
        return cursor

    def _export_questions(self, run: Run, cursor: str | None) -> str | None:
        questions, cursor = self._asked.of_caller(run.caller, PAGE, cursor)
        for question in questions:
            run.archive.add(f"questions/{question.id}.json", question)
            run.count("questions")
        return cursor


def _exported(document: DocumentItem) -> dict[str, Any]:
    """The API's fields of a document."""
    fields = msgspec.to_builtins(document)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(DocumentItem)}
    chosen = {names[name]: fields[names[name]] for name in _EXPORTED if fields.get(names[name]) is not None}
    return {**chosen, "contentType": document.content_type, "space": OWN}
