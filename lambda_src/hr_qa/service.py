"""Documents as their owners see them, and questions and searches over them."""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from lambda_src.hr_qa import answering, ranking
from lambda_src.hr_qa.documents import DocumentItem, Documents
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.index import WAKING_SECONDS, Index, Query
from lambda_src.hr_qa.language import detect, terms
from lambda_src.hr_qa.models import (
    WITHOUT_CONTROLS,
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
from lambda_src.hr_qa.notices import notices
from lambda_src.hr_qa.queue import Queue
from lambda_src.hr_qa.rerank import Reranker
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.errors import Conflict, Forbidden, InvalidRequest, NotFound, TooLarge, Unavailable
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.inert_text import inert_text
from lambda_src.shared.observability import count, logger
from lambda_src.shared.schemas import ListQuery, Usage
from lambda_src.shared.structured import ask
from lambda_src.shared.table import StaleWriteError

# An ingestion without progress for this long has failed: its messages are in the dead-letter queue.
STALLED_SECONDS = 2 * 3600
NOT_FOUND = "There is nothing of yours with this id."
REINDEX = "The service's embedding model or search store has changed since. Upload the file again."


class QaService:
    """The operations of HR Q&A's route table."""

    def __init__(
        self,
        settings: HrSettings,
        bedrock: Bedrock,
        *,
        documents: Documents | None = None,
        index: Index | None = None,
        files: FileStore | None = None,
        queue: Queue | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._documents = documents or Documents(settings.table_name)
        self._index = index or Index(settings)
        self._files = files or FileStore(str(settings.bucket_name))
        self._queue = queue or Queue(settings.queue_url)
        self._reranker = reranker or Reranker.from_settings(settings)
        self._embedder = Embedder(bedrock, settings.embedding, settings.options.dimensions)

    def create_document(self, context: Context, *, body: CreateDocument) -> DocumentCreated:
        """Raises `TooLarge` for a file above the stage's limit, `InvalidRequest` and `Refused` for its name."""
        limit = self._settings.max_document_bytes
        if body.bytes is not None and body.bytes > limit:
            raise TooLarge(f"The file has {body.bytes:,} bytes; the limit is {limit:,}.")
        if not re.fullmatch(WITHOUT_CONTROLS, body.name):
            raise InvalidRequest.at("body.name", "must not contain control characters")
        # Every question about the document sends its name to the model.
        (name,) = self._bedrock.screen(context, body.name.strip())
        now = timestamp()
        document = DocumentItem(
            id=new_id(),
            name=name,
            owner=context.caller,
            status="awaitingUpload",
            created_at=now,
            updated_at=now,
            sha256=body.sha256,
        )
        namespace = self._settings.namespace(context.caller)
        upload = self._files.upload_form(namespace, document.id, exact_bytes=body.bytes, max_bytes=limit)
        context.idempotency.keep_with(document.id)
        self._documents.create(namespace, document)
        return DocumentCreated(id=document.id, status=document.status, upload=upload, request_id=context.request_id)

    def list_documents(self, context: Context, *, query: ListQuery) -> DocumentList:
        """The caller's documents, newest first."""
        namespace = self._settings.namespace(context.caller)
        documents, cursor = self._documents.page(namespace, query.limit, query.cursor)
        items = [Document(**self._fields(namespace, document)) for document in documents]
        return DocumentList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get_document(self, context: Context, *, id: str) -> DocumentAnswer:
        """Raises `NotFound`."""
        namespace = self._settings.namespace(context.caller)
        document = self._get_document(namespace, id)
        return DocumentAnswer(**self._fields(namespace, document), request_id=context.request_id)

    def delete_document(self, context: Context, *, id: str) -> DeletedDocument:
        """Raises `NotFound`, and `Forbidden` for a shared document of another caller."""
        namespace = self._settings.namespace(context.caller)
        if self._get_document(namespace, id).owner != context.caller:
            raise Forbidden("Only the owner of a document may delete it.")
        try:
            self._documents.mark_deleting(namespace, id)
        except StaleWriteError:
            raise NotFound(NOT_FOUND) from None
        # If these fail, the caller gets an error, and a retry repeats them.
        IdempotencyStore.of(self._documents).forget(id)
        self._queue.send_clean(namespace, id)
        return DeletedDocument(id=id, status="deleting", request_id=context.request_id)

    def search(self, context: Context, *, body: Search) -> SearchAnswer:
        """Raises `NotFound` and `Conflict` for documents that do not exist or are not ready, and `Refused`."""
        live = self._live_documents(context, body.documents)
        names = {document.id: document.name for document in live.values()}
        ranked, _ = self._retrieve(context, self._screen(context, body.query, live), live)
        items = [
            SearchResult(
                document_id=candidate.hit.document,
                document=inert_text(names[candidate.hit.document]),
                page=candidate.hit.page,
                text=inert_text(candidate.hit.text),
                score=candidate.score,
            )
            for candidate in ranked[: body.limit]
        ]
        return SearchAnswer(items=items, request_id=context.request_id)

    def answer_question(self, context: Context, *, body: AskQuestion) -> Answer:
        """Raises the errors of `search`, and `ModelFailed`."""
        invocation = self._settings.model(body.model)
        language = (body.language or "").partition("-")[0].lower() or detect(body.question) or "en"
        live = self._live_documents(context, body.documents)
        if not live:
            return self._unanswered(context, answering.NO_DOCUMENTS, language, "no documents")
        question = self._screen(context, body.question, live)
        ranked, answerable = self._retrieve(context, question, live)
        if not answerable:
            return self._unanswered(context, answering.UNANSWERED, language, "no matching chunk")
        names = {document.id: document.name for document in live.values()}
        sources = answering.build_context([candidate.hit for candidate in ranked], names)
        context.idempotency.keep_with(*sorted({sentence.chunk.document for sentence in sources.sentences}))
        draft = self._draft(context, invocation, question, body.language, sources)
        answer = answering.verify_draft(draft, sources, question)
        count(Claims=answer.claims, UnsupportedClaims=answer.dropped)
        if not answer.text:
            reason = "the model declined" if not draft.answered else "no statement was supported"
            return self._unanswered(context, answering.UNANSWERED, language, reason, model=invocation.id)
        count(Answered=1)
        self._log_payload(context, question, sources.text, answer.text)
        return Answer(
            answer=answer.text,
            answered=True,
            citations=answering.citations(answer.sentences, names),
            model=invocation.id,
            usage=_usage(context),
            request_id=context.request_id,
        )

    def _draft(
        self, context: Context, invocation: Invocation, question: str, language: str | None, sources: answering.Sources
    ) -> Draft:
        draft: Draft = ask(
            self._bedrock,
            context,
            invocation,
            system=answering.build_system_prompt(language),
            content=answering.build_content(sources, question, guarded=self._bedrock.guarded),
            answer_type=Draft,
            max_tokens=answering.MAX_TOKENS,
            caller_instructions=answering.language_instruction(language),
        )
        return draft

    def _screen(self, context: Context, question: str, live: dict[str, DocumentItem]) -> str:
        """The question after the guardrail, before any model gets it. Without documents, none does."""
        return self._bedrock.screen(context, question)[0] if live else question

    def _retrieve(
        self, context: Context, question: str, live: dict[str, DocumentItem]
    ) -> tuple[Sequence[ranking.Ranked], bool]:
        """The best chunks first, and whether they may answer the question."""
        if not live:
            return [], False
        language = detect(question)
        (vector,), _, _ = self._embedder.embed(context, [question], purpose="search_query")
        query = Query(generations=list(live), vector=vector, terms=terms(question, language), language=language)
        titles = {document.id: document.name for document in live.values()}
        dense, lexical = self._index.find(context.deadline, query, titles)
        if not dense and any(document.chunks for document in live.values()):
            # Every chunk is near or far, so there are none: "the documents do not say" would be wrong.
            logger.warning("index has no chunks", request_id=context.request_id)
            raise Unavailable(
                "The search index does not have the text of these documents. Try again; if this persists, upload their "
                "files again.",
                retry_after=WAKING_SECONDS,
            )
        ranked = ranking.fuse(question, language, dense, lexical)
        answerable = ranking.is_answerable(question, language, ranked, dense)
        return self._reranker.rerank(context, question, ranked) if self._reranker else ranked, answerable

    def _live_documents(self, context: Context, requested: list[str] | None) -> dict[str, DocumentItem]:
        """Live generation -> document, for the requested documents or for all. Deleted ones are excluded at once."""
        documents = {each.id: each for each in self._documents.all(self._settings.namespace(context.caller))}
        if requested is None:
            searchable = [each for each in documents.values() if self._is_searchable(each)]
            if not searchable and any(each.live_generation for each in documents.values()):
                # "No documents" would be wrong.
                raise Conflict(f"All documents are outdated. {REINDEX}")
            return {str(document.live_generation): document for document in searchable}
        live = {}
        for number, document_id in enumerate(requested):
            document = documents.get(document_id)
            path = f"body.documents[{number}]"
            if document is None or document.status == "deleting":
                message = "there is nothing of yours with this id"
                raise NotFound(f"{path}: {message}", details=[{"path": path, "message": message}])
            if not self._is_searchable(document):
                status = "outdated" if document.live_generation else document.status
                message = f"the document is {status}, not ready"
                raise Conflict(f"{path}: {message}", details=[{"path": path, "message": message}])
            live[str(document.live_generation)] = document
        return live

    def _is_searchable(self, document: DocumentItem) -> bool:
        return document.live_generation is not None and self._is_current(document)

    def _is_current(self, document: DocumentItem) -> bool:
        """Whether the live chunks are in the stage's index; those of another embedding model or store are not."""
        return document.live_index == self._settings.index_address

    def _unanswered(
        self, context: Context, texts: dict[str, str], language: str, reason: str, model: str | None = None
    ) -> Answer:
        count(Unanswered=1)
        logger.info("unanswered", request_id=context.request_id, reason=reason)
        return Answer(
            answer=texts.get(language, texts["en"]),
            answered=False,
            citations=[],
            model=model or UNSET,
            usage=_usage(context),
            request_id=context.request_id,
        )

    def _get_document(self, namespace: str, document_id: str) -> DocumentItem:
        document = self._documents.get(namespace, document_id)
        if document is None:
            raise NotFound(NOT_FOUND)
        return document

    def _fields(self, namespace: str, document: DocumentItem) -> dict[str, Any]:
        """The fields of the API's `Document`."""
        fields: dict[str, Any] = {
            "id": document.id,
            "name": inert_text(document.name),
            "status": document.status,
            "created_at": document.created_at,
            "updated_at": document.updated_at,
        }
        if document.status == "failed":
            error = DocumentError(code=document.error_code or "", message=document.error_message or "")
            return {**fields, "error": error}
        if document.status == "ready" and not self._is_current(document):
            return {**fields, "status": "failed", "error": DocumentError(code="outdated", message=REINDEX)}
        if document.status == "ready":
            url, url_expires_at = self._files.url(namespace, document.id, document.name)
            return {
                **fields,
                "pages": document.pages,
                "pages_done": document.pages,
                "chunks": document.chunks,
                "pages_without_text": document.pages_without_text,
                # Documents from before it was counted have no number.
                "hidden_characters": UNSET if document.hidden_characters is None else document.hidden_characters,
                "notices": notices(document) or UNSET,
                "url": url,
                "url_expires_at": url_expires_at,
            }
        if document.status == "processing" and document.ingesting_generation:
            return {**fields, **self._progress_fields(document.id, document.ingesting_generation)}
        return fields

    def _progress_fields(self, document_id: str, generation: str) -> dict[str, Any]:
        progress = self._documents.progress(document_id, generation)
        if progress is None:
            return {}
        fields: dict[str, Any] = {"pages": progress.pages, "pages_done": progress.pages_done}
        if progress.stalled(STALLED_SECONDS):
            message = (
                "Reading the document has stopped. Upload the file again, or contact the operator of this service."
            )
            fields |= {"status": "failed", "error": DocumentError(code="stalled", message=message)}
        return fields

    def _log_payload(self, context: Context, question: str, sources: str, answer: str) -> None:
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, question=question, source=sources, answer=answer)


def _usage(context: Context) -> Usage:
    uses = context.uses.values()
    return Usage(
        input_tokens=sum(use.input_tokens for use in uses), output_tokens=sum(use.output_tokens for use in uses)
    )
