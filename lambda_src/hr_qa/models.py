"""Request and response types of HR Q&A."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.schemas import (
    FileName,
    Language,
    ListQuery,
    ModelId,
    NonBlank,
    RequestModel,
    ResponseModel,
    Secret,
    Upload,
    Usage,
)

DocumentId = Annotated[str, Meta(min_length=36, max_length=36, pattern="^[0-9a-f-]{36}$")]
DocumentIds = Annotated[list[DocumentId], Meta(min_length=1, max_length=100)]
SpaceName = Annotated[str, Meta(min_length=1, max_length=31, pattern="^[a-z][a-z0-9-]*$")]
Spaces = Annotated[list[SpaceName], Meta(min_length=1, max_length=20)]
Question = Annotated[NonBlank, Meta(max_length=2_000)]
Status = Literal["awaitingUpload", "processing", "ready", "failed", "deleting"]
# Those of `file_types`.
ContentType = Literal[
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "text/html",
    "text/markdown",
    "text/plain",
]


class CreateDocument(RequestModel):
    """A file to upload, to a space or (`own`) for the caller alone. With `sha256` (hexadecimal) it is verified."""

    name: FileName
    content_type: ContentType
    bytes: Annotated[int, Meta(ge=1, le=104_857_600)] | None = None
    sha256: Annotated[str, Meta(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")] | None = None
    space: SpaceName | None = None


class DocumentQuery(ListQuery):
    """The documents of a space, or (`own`) those of the caller alone."""

    space: SpaceName | None = None


class DocumentCreated(ResponseModel):
    id: str
    status: Status
    upload: Upload
    request_id: str


class DocumentError(ResponseModel):
    """Why a document could not be read, and what to do."""

    code: str
    message: str


class DocumentSource(ResponseModel):
    """The object in S3 that a document is read from."""

    bucket: str
    key: str


class DocumentNotice(ResponseModel):
    """What of a document was not read, and what to do."""

    code: Literal["embedded_files", "unread_text"]
    message: str


class Document(ResponseModel, kw_only=True):
    """A document and the progress of its ingestion. After a failed upload its previous text still answers questions.

    `space` is `own` for a document of the caller alone. `contentType` is the file's, once it was read, whatever was
    announced; `sha256` is as announced. `pages` of a document without pages are parts of a few thousand characters. A
    document with a `source` is changed and deleted there.
    """

    id: str
    name: str
    space: str
    status: Status
    content_type: ContentType
    created_at: str
    updated_at: str
    pages: int | UnsetType = UNSET
    pages_done: int | UnsetType = UNSET
    chunks: int | UnsetType = UNSET
    pages_without_text: int | UnsetType = UNSET
    hidden_characters: int | UnsetType = UNSET
    sha256: str | UnsetType = UNSET
    source: DocumentSource | UnsetType = UNSET
    notices: list[DocumentNotice] | UnsetType = UNSET
    error: DocumentError | UnsetType = UNSET
    url: Secret | UnsetType = UNSET
    url_expires_at: str | UnsetType = UNSET


class DocumentAnswer(Document, kw_only=True):
    request_id: str


class SpaceAccess(ResponseModel):
    """A space that the caller may read, and whether they may upload to it and delete from it."""

    name: str
    writable: bool


class DocumentList(ResponseModel, kw_only=True):
    """`spaces` are all that the caller may read."""

    items: list[Document]
    next_cursor: str | UnsetType = UNSET
    spaces: list[SpaceAccess] | UnsetType = UNSET
    request_id: str


class DeletedDocument(ResponseModel):
    """The document is excluded from answers at once and deleted within minutes."""

    id: str
    status: Status
    request_id: str


class Turn(RequestModel):
    """An earlier question of the conversation, and its answer."""

    question: Question
    answer: Annotated[NonBlank, Meta(max_length=10_000)]


class AskQuestion(RequestModel):
    """`documents` and `spaces` limit the sources. `language` is the answer's, by default the question's.

    `history` are the turns that the question refers to, oldest first.
    """

    question: Question
    history: Annotated[list[Turn], Meta(max_length=10)] | None = None
    documents: DocumentIds | None = None
    spaces: Spaces | None = None
    language: Language | None = None
    model: ModelId | None = None


class Citation(ResponseModel, kw_only=True):
    """The source of a statement: a page, counted from 1, and a quote from the stored text: verbatim but for spaces.

    `page` is a page of a PDF, a slide of a presentation, or else the number of a part of the text, which readers do not
    see: they find the quote in the `section`. This has the headings above it, outermost first, between " > ".
    """

    document_id: str
    document: str
    content_type: ContentType
    page: int
    section: str | UnsetType = UNSET
    quote: str


class Statement(ResponseModel):
    """A statement of an answer, with the numbers of its citations: 1 is the first of `citations`."""

    text: str
    citations: list[int]


class Answer(ResponseModel, kw_only=True):
    """Plain text, never markup. If not `answered`, there are no statements or citations, and `answer` says why.

    `answer` has the texts of the `statements`, separated by spaces.

    `id` is for feedback; a stage that records no questions gives none. `understoodAs` is the question that was answered
    where `history` completed it.
    """

    id: str | UnsetType = UNSET
    answer: str
    answered: bool
    statements: list[Statement]
    citations: list[Citation]
    understood_as: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    usage: Usage
    request_id: str


class Feedback(RequestModel):
    """Whether an answer helped. A second rating replaces the first."""

    helpful: bool
    comment: Annotated[NonBlank, Meta(max_length=2_000)] | None = None


class FeedbackGiven(ResponseModel):
    id: str
    helpful: bool
    request_id: str


class QuestionQuery(ListQuery):
    """The questions of a space, for its writers, or (`own`) the caller's own over their own documents."""

    space: SpaceName | None = None


class OpenQuestion(ResponseModel, kw_only=True):
    """A question that the documents did not answer, or not well. Who asked it is not stored with it."""

    id: str
    question: str
    answered: bool
    asked_at: str
    helpful: bool | UnsetType = UNSET
    comment: str | UnsetType = UNSET


class OpenQuestionList(ResponseModel, kw_only=True):
    items: list[OpenQuestion]
    next_cursor: str | UnsetType = UNSET
    request_id: str


class Search(RequestModel):
    query: Question
    documents: DocumentIds | None = None
    spaces: Spaces | None = None
    limit: Annotated[int, Meta(ge=1, le=50)] = 10


class SearchResult(ResponseModel, kw_only=True):
    """A passage of a page, verbatim but for spaces. Scores are comparable within one search only.

    `page` and `section` are those of a citation.
    """

    document_id: str
    document: str
    content_type: ContentType
    page: int
    section: str | UnsetType = UNSET
    text: str
    score: float


class SearchAnswer(ResponseModel):
    items: list[SearchResult]
    request_id: str


class Claim(ResponseModel):
    """A statement of the model's answer, with the sentences that support it."""

    text: Annotated[str, Meta(min_length=1, description="One statement of the answer, in the language of the answer")]
    sentences: Annotated[list[int], Meta(description="Numbers of the sentences that say it, as few as possible")]


class Draft(ResponseModel):
    """The answer that the model is asked for."""

    answered: Annotated[bool, Meta(description="Whether the numbered sentences answer the question")]
    claims: Annotated[list[Claim], Meta(description="The answer, statement by statement; empty when not answered")]
