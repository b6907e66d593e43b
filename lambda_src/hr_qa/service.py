"""Documents as their owners see them, and questions and searches over them."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from lambda_src.hr_qa import answering, refusals
from lambda_src.hr_qa.asked import AskedQuestions, Gap, new_question
from lambda_src.hr_qa.chunk import section_of
from lambda_src.hr_qa.documents import DocumentItem, Documents
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.index import Index
from lambda_src.hr_qa.language import detect
from lambda_src.hr_qa.models import (
    Answer,
    AskQuestion,
    ContentType,
    CreateDocument,
    DeletedDocument,
    Document,
    DocumentAnswer,
    DocumentCreated,
    DocumentError,
    DocumentList,
    DocumentQuery,
    DocumentSource,
    Draft,
    Feedback,
    FeedbackGiven,
    OpenQuestion,
    OpenQuestionList,
    QuestionQuery,
    Search,
    SearchAnswer,
    SearchResult,
    SpaceAccess,
    Turn,
)
from lambda_src.hr_qa.notices import notices
from lambda_src.hr_qa.queue import Queue
from lambda_src.hr_qa.rerank import Reranker
from lambda_src.hr_qa.retrieval import Retrieval
from lambda_src.hr_qa.rewriting import Rewritten, rewrite
from lambda_src.hr_qa.settings import OWN, HrSettings, Space
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Throttled,
    TooLarge,
    Unavailable,
)
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.inert_text import inert_text
from lambda_src.shared.observability import count, logger
from lambda_src.shared.schemas import Usage, check_file_name
from lambda_src.shared.structured import ask
from lambda_src.shared.table import StaleWriteError

# An ingestion without progress for this long has failed: its messages are in the dead-letter queue.
STALLED_SECONDS = 2 * 3600
NOT_FOUND = "There is nothing of yours with this id."
OUTDATED = "The service's embedding model or search store has changed. The file is being read again; try again later."


class _Live(msgspec.Struct, frozen=True):
    """What a request searches: documents by live generation, and the namespaces that hold them."""

    documents: dict[str, DocumentItem]
    namespaces: list[str]


class QaService:
    """The operations of HR Q&A's route table."""

    def __init__(
        self,
        settings: HrSettings,
        bedrock: Bedrock,
        *,
        documents: Documents | None = None,
        asked: AskedQuestions | None = None,
        index: Index | None = None,
        files: FileStore | None = None,
        queue: Queue | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._documents = documents or Documents(settings.table_name)
        self._asked = asked or AskedQuestions(settings.table_name)
        self._files = files or FileStore(str(settings.bucket_name))
        self._queue = queue or Queue(settings.queue_url)
        self._retrieval = Retrieval(settings, bedrock, index, reranker)

    def create_document(self, context: Context, *, body: CreateDocument) -> DocumentCreated:
        """Raises `TooLarge` for a file above the stage's limit, `InvalidRequest` and `Refused` for its name."""
        limit = self._settings.max_document_bytes
        if body.bytes is not None and body.bytes > limit:
            raise TooLarge(f"The file has {body.bytes:,} bytes; the limit is {limit:,}.")
        check_file_name("body.name", body.name)
        namespace = self._writable(context, body.space or OWN, "body.space")
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
            content_type=body.content_type,
        )
        upload = self._files.upload_form(
            namespace, document.id, content_type=body.content_type, exact_bytes=body.bytes, max_bytes=limit
        )
        context.idempotency.keep_with(document.id)
        self._documents.create(namespace, document)
        return DocumentCreated(id=document.id, status=document.status, upload=upload, request_id=context.request_id)

    def list_documents(self, context: Context, *, query: DocumentQuery) -> DocumentList:
        """The caller's documents or those of a space, newest first. Raises `NotFound` for the space."""
        space = query.space or OWN
        namespace = self._readable(context, space, "query.space")
        documents, cursor = self._documents.page(namespace, query.limit, query.cursor)
        items = [Document(**self._fields(space, namespace, document)) for document in documents]
        spaces = [
            SpaceAccess(name=each.name, writable=each.is_writable(context.groups))
            for each in self._readable_spaces(context)
        ]
        return DocumentList(
            items=items, next_cursor=cursor or UNSET, spaces=spaces or UNSET, request_id=context.request_id
        )

    def get_document(self, context: Context, *, id: str) -> DocumentAnswer:
        """Raises `NotFound`."""
        space, namespace, document = self._get_document(context, id)
        return DocumentAnswer(**self._fields(space, namespace, document), request_id=context.request_id)

    def delete_document(self, context: Context, *, id: str) -> DeletedDocument:
        """Raises `NotFound`, `Forbidden` in a space that the caller may only read, and `Conflict` for a document that
        comes from a source."""
        space, _, document = self._get_document(context, id)
        namespace = self._writable(context, space, "path.id")
        if document.origin:
            place = f"s3://{document.origin.bucket}/{document.origin.key}"
            raise Conflict(f"The document is read from {place}. Delete that object instead.")
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
        live = self._live_documents(context, body.documents, body.spaces).documents
        documents = {document.id: document for document in live.values()}
        query = self._bedrock.screen(context, body.query)[0] if live else body.query
        items = [
            SearchResult(
                document_id=candidate.hit.document,
                document=inert_text(documents[candidate.hit.document].name),
                content_type=cast(ContentType, documents[candidate.hit.document].content_type),
                page=candidate.hit.page,
                section=inert_text(section_of(candidate.hit.heading)) or UNSET,
                text=inert_text(candidate.hit.text),
                score=candidate.score,
            )
            for candidate in self._retrieval.find(context, [query], live)[: body.limit]
        ]
        return SearchAnswer(items=items, request_id=context.request_id)

    def answer_question(self, context: Context, *, body: AskQuestion) -> Answer:
        """Raises the errors of `search`, and `ModelFailed`."""
        chosen = self._settings.model(context, body.model)
        language = (body.language or "").partition("-")[0].lower() or detect(body.question) or "en"
        live = self._live_documents(context, body.documents, body.spaces)
        if not live.documents:
            # No model gets the question, so no guardrail needs to.
            return self._unanswered(context, refusals.NO_DOCUMENTS, language, "no documents")
        names = {document.id: document.name for document in live.documents.values()}
        rewritten = self._understand(context, chosen, body, sorted(set(names.values())))
        question = rewritten.question
        ranked = self._retrieval.find(context, [question, *rewritten.queries], live.documents)
        sources = answering.build_context([candidate.hit for candidate in ranked], names)
        context.idempotency.keep_with(*sorted({sentence.chunk.document for sentence in sources.sentences}))
        draft, invocation = self._bedrock.answer(
            context, chosen, lambda limited, model: self._draft(limited, model, question, body.language, sources)
        )
        answer = answering.verify_draft(draft, sources, question)
        count(Claims=len(draft.claims), UnsupportedClaims=answer.dropped)
        fields = {
            "id": self._record(context, question, live.namespaces, answered=bool(answer.text)),
            "understood_as": inert_text(question) if body.history else UNSET,
            "model": invocation.id,
        }
        if not answer.text:
            reason = "the model declined" if not draft.answered else "no statement was supported"
            return self._unanswered(context, refusals.UNANSWERED, language, reason, **fields)
        count(Answered=1)
        self._log_payload(context, question, sources.text, answer.text)
        types = {document.id: document.content_type for document in live.documents.values()}
        citations, statements = answering.cite(answer, names, types)
        return Answer(
            answer=answer.text,
            answered=True,
            statements=statements,
            citations=citations,
            usage=_usage(context),
            request_id=context.request_id,
            **fields,
        )

    def give_feedback(self, context: Context, *, id: str, body: Feedback) -> FeedbackGiven:
        """Raises `NotFound`, and `Refused` for the comment."""
        # Editors of a space read it.
        comment = self._bedrock.screen(context, body.comment)[0] if body.comment else None
        self._asked.rate(id, context.caller, helpful=body.helpful, comment=comment)
        count(HelpfulAnswers=int(body.helpful), UnhelpfulAnswers=int(not body.helpful))
        return FeedbackGiven(id=id, helpful=body.helpful, request_id=context.request_id)

    def list_open_questions(self, context: Context, *, query: QuestionQuery) -> OpenQuestionList:
        """Raises `NotFound` for the space, and `Forbidden` if the caller may only read it."""
        namespace = self._writable(context, query.space or OWN, "query.space")
        gaps, cursor = self._asked.gaps(namespace, query.limit, query.cursor)
        items = [_open_question(gap) for gap in gaps]
        return OpenQuestionList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def _understand(
        self, context: Context, invocation: Invocation, body: AskQuestion, names: Sequence[str]
    ) -> Rewritten:
        """The question, as documents with `names` are searched for it. The guardrail screens it before any model."""
        history = body.history or []
        expand = self._settings.options.rewrite_questions
        turns = [text for turn in history for text in (turn.question, turn.answer)]
        question, *texts = self._bedrock.screen(context, body.question, *turns)
        if not history and not expand:
            return Rewritten(question, [])
        screened = [Turn(*texts[start : start + 2]) for start in range(0, len(texts), 2)]
        return rewrite(self._bedrock, context, invocation, question, screened, names if expand else None)

    def _record(self, context: Context, question: str, namespaces: list[str], *, answered: bool) -> str | UnsetType:
        """Records a question. Its id; none when that fails, because the answer is paid for."""
        days = self._settings.options.question_days
        if not days:
            return UNSET
        question_id = new_id()
        try:
            asked = new_question(question_id, question, answered=answered)
            listed = self._settings.caller_data
            self._asked.add(asked, context.caller, namespaces, days, listed_by_caller=listed)
        except (Throttled, Unavailable):
            logger.warning("question not recorded", request_id=context.request_id)
            return UNSET
        return question_id

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

    def _live_documents(self, context: Context, requested: list[str] | None, spaces: list[str] | None) -> _Live:
        """The requested documents, or all that the caller may read in the requested spaces or in any. Deleted ones are
        excluded at once."""
        if spaces is None:
            namespaces = list(self._namespaces(context).values())
        else:
            namespaces = [self._readable(context, name, f"body.spaces[{n}]") for n, name in enumerate(spaces)]
        places = {each.id: (namespace, each) for namespace in namespaces for each in self._documents.all(namespace)}
        documents = {document_id: document for document_id, (_, document) in places.items()}
        if requested is None:
            searchable = [each for each in documents.values() if self._is_searchable(each)]
            if not searchable and any(each.live_generation for each in documents.values()):
                # "No documents" would be wrong.
                raise Conflict(f"All documents are outdated. {OUTDATED}")
            return _Live({str(document.live_generation): document for document in searchable}, namespaces)
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
        return _Live(live, sorted({places[document_id][0] for document_id in requested}))

    def _is_searchable(self, document: DocumentItem) -> bool:
        return document.live_generation is not None and self._retrieval.reaches(document)

    def _unanswered(self, context: Context, texts: dict[str, str], language: str, reason: str, **fields: Any) -> Answer:
        count(Unanswered=1)
        logger.info("unanswered", request_id=context.request_id, reason=reason)
        return Answer(
            answer=texts.get(language, texts[refusals.FALLBACK]),
            answered=False,
            statements=[],
            citations=[],
            usage=_usage(context),
            request_id=context.request_id,
            **fields,
        )

    def _readable_spaces(self, context: Context) -> list[Space]:
        return [space for space in self._settings.options.spaces if space.is_readable(context.groups)]

    def _namespaces(self, context: Context) -> dict[str, str]:
        """Space -> namespace, for all that the caller may read."""
        spaces = {space.name: space.name for space in self._readable_spaces(context)}
        return {OWN: caller_namespace(context.caller), **spaces}

    def _readable(self, context: Context, space: str, path: str) -> str:
        """The namespace of a space. Raises `NotFound`, which does not reveal whether it exists."""
        namespace = self._namespaces(context).get(space)
        if namespace is None:
            message = "there is no such space, or you may not read it"
            raise NotFound(f"{path}: {message}", details=[{"path": path, "message": message}])
        return namespace

    def _writable(self, context: Context, name: str, path: str) -> str:
        """The namespace of a space. Raises `NotFound` as `_readable`, and `Forbidden`."""
        namespace = self._readable(context, name, path)
        space = self._settings.space(name)
        if space and not space.is_writable(context.groups):
            message = f"you may read the space {name}, but not change it"
            raise Forbidden(f"{path}: {message}", details=[{"path": path, "message": message}])
        return namespace

    def _get_document(self, context: Context, document_id: str) -> tuple[str, str, DocumentItem]:
        """The document with its space and namespace, wherever the caller may read it. Raises `NotFound`."""
        for space, namespace in self._namespaces(context).items():
            document = self._documents.get(namespace, document_id)
            if document is not None:
                return space, namespace, document
        raise NotFound(NOT_FOUND)

    def _fields(self, space: str, namespace: str, document: DocumentItem) -> dict[str, Any]:
        """The fields of the API's `Document`."""
        fields: dict[str, Any] = {
            "id": document.id,
            "name": inert_text(document.name),
            "space": space,
            "status": document.status,
            "content_type": document.content_type,
            "created_at": document.created_at,
            "updated_at": document.updated_at,
            "sha256": document.sha256 or UNSET,
        }
        if document.origin:
            fields["source"] = DocumentSource(bucket=document.origin.bucket, key=document.origin.key)
        if document.status == "failed":
            error = DocumentError(code=document.error_code or "", message=document.error_message or "")
            return {**fields, "error": error}
        if document.status == "ready" and not self._is_searchable(document):
            return {**fields, "status": "processing", "error": DocumentError(code="outdated", message=OUTDATED)}
        if document.status == "ready":
            url, url_expires_at = self._files.url(namespace, document)
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


def _open_question(gap: Gap) -> OpenQuestion:
    return OpenQuestion(
        id=gap.id,
        question=inert_text(gap.question),
        answered=gap.answered,
        asked_at=gap.asked_at,
        helpful=UNSET if gap.helpful is None else gap.helpful,
        comment=UNSET if gap.comment is None else inert_text(gap.comment),
    )
