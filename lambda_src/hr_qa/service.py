"""Documents as their owners see them, questions and searches over them."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from lambda_src.hr_qa import answering, file_store, ranking
from lambda_src.hr_qa.documents import DocumentItem, Documents, StaleWriteError
from lambda_src.hr_qa.index import Index, Query
from lambda_src.hr_qa.language import detect, terms
from lambda_src.hr_qa.models import (
    Answer,
    AskQuestion,
    CreateDocument,
    DeletedDocument,
    Document,
    DocumentAnswer,
    DocumentCreated,
    DocumentError,
    DocumentList,
    Draft,
    Search,
    SearchAnswer,
    SearchResult,
)
from lambda_src.hr_qa.queue import Queue
from lambda_src.hr_qa.rerank import Reranker
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.context import Context
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.errors import Conflict, Forbidden, NotFound, TooLarge
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import count, logger
from lambda_src.shared.schemas import ListQuery, Usage
from lambda_src.shared.structured import ask

# A reading that has not moved for so long will not end by itself: its messages are in the dead-letter queue.
STALLED_SECONDS = 2 * 3600


class QaService:
    """The operations of HR Q&A's route table."""

    def __init__(
        self,
        settings: HrSettings,
        bedrock: Bedrock,
        *,
        documents: Documents | None = None,
        index: Index | None = None,
        files: file_store.FileStore | None = None,
        queue: Queue | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._documents = documents or Documents(settings.table_name)
        self._index = index or Index(settings)
        self._files = files or file_store.FileStore(str(settings.bucket_name))
        self._queue = queue or Queue(settings.queue_url)
        self._reranker = reranker or Reranker.of(settings)
        self._embedder = Embedder(bedrock, settings.embedding, settings.dimensions)

    def create_document(self, context: Context, *, body: CreateDocument) -> DocumentCreated:
        """Raises `TooLarge` for a file above the stage's limit."""
        limit = self._settings.max_document_bytes
        if body.bytes is not None and body.bytes > limit:
            raise TooLarge(f"The file has {body.bytes:,} bytes; at most {limit:,} are taken.")
        now = timestamp()
        record = DocumentItem(
            id=new_id(),
            name=body.name.strip(),
            owner=context.caller,
            status="awaitingUpload",
            created_at=now,
            updated_at=now,
            sha256=body.sha256,
        )
        space = self._settings.space(context.caller)
        upload = self._files.form(space, record.id, exactly=body.bytes, at_most=limit)
        self._documents.announce(space, record)
        return DocumentCreated(id=record.id, status=record.status, upload=upload, request_id=context.request_id)

    def list_documents(self, context: Context, *, query: ListQuery) -> DocumentList:
        """The caller's documents, newest first."""
        space = self._settings.space(context.caller)
        records, cursor = self._documents.page(space, query.limit, query.cursor)
        items = [Document(**self._shown(space, record)) for record in records]
        return DocumentList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get_document(self, context: Context, *, id: str) -> DocumentAnswer:
        """Raises `NotFound`."""
        space = self._settings.space(context.caller)
        return DocumentAnswer(**self._shown(space, self._record(space, id)), request_id=context.request_id)

    def delete_document(self, context: Context, *, id: str) -> DeletedDocument:
        """Raises `NotFound`, and `Forbidden` for a shared document of somebody else."""
        space = self._settings.space(context.caller)
        if self._record(space, id).owner != context.caller:
            raise Forbidden("Only who uploaded a document may delete it.")
        try:
            self._documents.mark_deleting(space, id)
        except StaleWriteError:
            raise NotFound("There is nothing of yours with this id.") from None
        # A failure here is an error to the caller, whose next attempt sends the message.
        self._queue.clean(space, id)
        return DeletedDocument(id=id, status="deleting", request_id=context.request_id)

    def search(self, context: Context, *, body: Search) -> SearchAnswer:
        """Raises `NotFound` and `Conflict` for documents that are not there or not ready."""
        live = self._live(context, body.documents)
        names = {record.id: record.name for record in live.values()}
        ranked, _ = self._retrieve(context, body.query, live)
        items = [
            SearchResult(
                document_id=one.hit.document,
                document=names[one.hit.document],
                page=one.hit.page,
                text=one.hit.text,
                score=one.score,
            )
            for one in ranked[: body.limit]
        ]
        return SearchAnswer(items=items, request_id=context.request_id)

    def answer_question(self, context: Context, *, body: AskQuestion) -> Answer:
        """Raises as `search`, and `Refused` and `ModelFailed`."""
        invocation = self._settings.model(body.model)
        language = (body.language or "").partition("-")[0].lower() or detect(body.question) or "en"
        live = self._live(context, body.documents)
        if not live:
            return self._unanswered(context, answering.NO_DOCUMENTS, language, "no documents")
        ranked, fits = self._retrieve(context, body.question, live)
        if not fits:
            return self._unanswered(context, answering.UNANSWERED, language, "nothing fits")
        names = {record.id: record.name for record in live.values()}
        source = answering.build_context([one.hit for one in ranked], names)
        draft: Draft = ask(
            self._bedrock,
            context,
            invocation,
            system=answering.build_system_prompt(body.language),
            content=answering.build_content(source, body.question, guarded=self._bedrock.guarded),
            answer_type=Draft,
            max_tokens=answering.MAX_TOKENS,
        )
        checked = answering.checked(draft, source, body.question)
        count(Claims=checked.claims, UnsupportedClaims=checked.dropped)
        if not checked.text:
            why = "the model declined" if not draft.answered else "no statement was supported"
            return self._unanswered(context, answering.UNANSWERED, language, why, model=invocation.id)
        count(Answered=1)
        self._log_payload(context, body.question, source.text, checked.text)
        return Answer(
            answer=checked.text,
            answered=True,
            citations=answering.citations(checked.sentences, names),
            model=invocation.id,
            usage=_usage(context),
            request_id=context.request_id,
        )

    def _retrieve(
        self, context: Context, question: str, live: dict[str, DocumentItem]
    ) -> tuple[Sequence[ranking.Ranked], bool]:
        """The chunks that fit, best first, and whether any fits well enough to ask the model."""
        if not live:
            return [], False
        language = detect(question)
        (vector,), _, _ = self._embedder.embed(context, [question], kind="search_query")
        query = Query(generations=list(live), vector=vector, terms=terms(question, language), language=language)
        titles = {record.id: record.name for record in live.values()}
        dense, lexical = self._index.find(context.deadline, query, titles)
        ranked = ranking.fuse(question, language, dense, lexical)
        fits = ranking.is_answerable(question, language, ranked, dense)
        return self._reranker.rerank(context, question, ranked) if self._reranker else ranked, fits

    def _live(self, context: Context, wanted: list[str] | None) -> dict[str, DocumentItem]:
        """Live generation -> document, of those asked for or of all. What is deleted is not among them from then on."""
        records = {record.id: record for record in self._documents.all(self._settings.space(context.caller))}
        if wanted is None:
            return {record.live: record for record in records.values() if record.live and self._current(record)}
        chosen = {}
        for number, document in enumerate(wanted):
            record = records.get(document)
            path = f"body.documents[{number}]"
            if record is None or record.status == "deleting":
                message = "there is nothing of yours with this id"
                raise NotFound(f"{path}: {message}", details=[{"path": path, "message": message}])
            if record.live is None or not self._current(record):
                message = f"the document is {record.status if record.live is None else 'outdated'}, not ready"
                raise Conflict(f"{path}: {message}", details=[{"path": path, "message": message}])
            chosen[record.live] = record
        return chosen

    def _current(self, record: DocumentItem) -> bool:
        """Whether the live chunks are in the index that is searched: those of another embedding model are not."""
        return record.live_index == self._settings.search_index

    def _unanswered(
        self, context: Context, texts: dict[str, str], language: str, why: str, model: str | None = None
    ) -> Answer:
        count(Unanswered=1)
        logger.info("unanswered", request_id=context.request_id, why=why)
        return Answer(
            answer=texts.get(language, texts["en"]),
            answered=False,
            citations=[],
            model=model or UNSET,
            usage=_usage(context),
            request_id=context.request_id,
        )

    def _record(self, space: str, document: str) -> DocumentItem:
        record = self._documents.get(space, document)
        if record is None:
            raise NotFound("There is nothing of yours with this id.")
        return record

    def _shown(self, space: str, record: DocumentItem) -> dict[str, Any]:
        """A document's fields as the contract has them."""
        shown: dict[str, Any] = {
            "id": record.id,
            "name": record.name,
            "status": record.status,
            "created_at": record.created_at,
            "updated_at": record.updated_at,
        }
        if record.status == "failed":
            shown["error"] = DocumentError(code=record.error_code or "", message=record.error_message or "")
        elif record.status == "ready" and not self._current(record):
            message = "The service's embedding model has changed since. Upload the file again."
            shown |= {"status": "failed", "error": DocumentError(code="outdated", message=message)}
        elif record.status == "ready":
            shown |= {"pages": record.pages, "pages_done": record.pages, "chunks": record.chunks}
            shown["pages_without_text"] = record.pages_without_text
            shown["url"], shown["url_expires_at"] = self._files.url(space, record.id, record.name)
        elif record.status == "processing" and record.ingesting:
            shown |= self._progress(record.id, record.ingesting)
        return shown

    def _progress(self, document: str, generation: str) -> dict[str, Any]:
        progress = self._documents.progress(document, generation)
        if progress is None:
            return {}
        shown: dict[str, Any] = {"pages": progress.pages, "pages_done": progress.pages_done}
        if progress.stalled(STALLED_SECONDS):
            message = "The reading of the document has stopped. Upload the file again, or ask who runs this service."
            shown |= {"status": "failed", "error": DocumentError(code="stalled", message=message)}
        return shown

    def _log_payload(self, context: Context, question: str, source: str, answer: str) -> None:
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, question=question, source=source, answer=answer)


def _usage(context: Context) -> Usage:
    uses = context.uses.values()
    return Usage(
        input_tokens=sum(use.input_tokens for use in uses), output_tokens=sum(use.output_tokens for use in uses)
    )
