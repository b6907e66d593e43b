"""Request and response types of the chatbot."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.catalog import Number
from lambda_src.shared.photos import ContentType, Photo
from lambda_src.shared.schemas import (
    FileName,
    ListQuery,
    ModelId,
    NonBlank,
    Parameters,
    RequestModel,
    ResponseModel,
    Secret,
    Text,
    Usage,
)

Role = Literal["user", "assistant"]
MessageId = Annotated[str, Meta(min_length=1, max_length=64)]
MAX_DOCUMENTS = 3
Title = Annotated[NonBlank, Meta(max_length=100)]
# Limited because they are part of every request to the model, and of every item of a list.
Instructions = Annotated[NonBlank, Meta(max_length=10_000)]


class CreateConversation(RequestModel):
    """A new conversation. Without a title it gets one from its first messages."""

    title: Title | None = None
    instructions: Instructions | None = None
    model: ModelId | None = None
    parameters: Parameters | None = None


class ChangeConversation(RequestModel):
    """At least one of the fields. Parameters that the new model does not take are not sent to it."""

    title: Title | None = None
    model: ModelId | None = None


class Document(RequestModel):
    """A document; `content` is base64. It determines the type; the ending of the name only that of a text."""

    name: FileName
    content: bytes


class SendMessage(RequestModel):
    """The user's message.

    `replaces` is the id of an earlier message of the user, or of its answer: the new turn takes the place of theirs and
    of all later ones. Without a text, the earlier message is sent again, with its photos and documents. With a text, it
    has the earlier message's documents if `keepDocuments` is true.
    """

    text: Text | None = None
    photos: Annotated[list[Photo], Meta(max_length=5)] = []
    documents: Annotated[list[Document], Meta(max_length=MAX_DOCUMENTS)] = []
    replaces: MessageId | None = None
    keep_documents: bool = False


class Feedback(RequestModel):
    """Whether an answer is good. A second rating replaces the first."""

    helpful: bool
    comment: Annotated[NonBlank, Meta(max_length=2_000)] | None = None


class ConversationQuery(ListQuery):
    """All conversations, or those with `search` in their title or messages, whatever the case of its letters."""

    search: Annotated[NonBlank, Meta(max_length=200)] | None = None


class DeleteQuery(RequestModel):
    """With `onlyEmpty`, a conversation is deleted only if it has no messages."""

    only_empty: Literal["true"] | None = None


class AddTurn(RequestModel):
    """A turn that was answered elsewhere: by another model, or in an imported conversation."""

    user: Text
    assistant: Text


class Conversation(ResponseModel, kw_only=True):
    """A conversation without its messages.

    `title` is empty until the first message unless the caller sets it. When the stage no longer offers `model`, the
    stage's default answers.
    """

    id: str
    title: str
    instructions: str | UnsetType = UNSET
    model: str
    parameters: dict[str, Number | list[str]] | UnsetType = UNSET
    created_at: str
    updated_at: str
    message_count: int
    expires_at: str | UnsetType = UNSET


class ConversationAnswer(Conversation, kw_only=True):
    request_id: str


class ConversationList(ResponseModel, kw_only=True):
    """A page. That of a search may have fewer conversations than `limit`, and be followed by others."""

    items: list[Conversation]
    next_cursor: str | UnsetType = UNSET
    request_id: str


class MessagePhoto(ResponseModel):
    """A photo of a message; `url` works until `urlExpiresAt`."""

    content_type: ContentType
    url: Secret
    url_expires_at: str


class MessageDocument(ResponseModel):
    """A document of a message. `characters` are those of its text.

    `pages` is absent for a type without pages. `pagesWithoutText`: how many are pictures, whose text was not read.
    """

    name: str
    content_type: str
    characters: int
    pages: int | UnsetType = UNSET
    pages_without_text: int | UnsetType = UNSET


class MessageFeedback(ResponseModel):
    """What the caller thinks of an answer."""

    helpful: bool
    comment: str | UnsetType = UNSET


class Message(ResponseModel):
    """`stopReason` is that of an answer by a model."""

    id: str
    role: Role
    text: str
    created_at: str
    photos: list[MessagePhoto] | UnsetType = UNSET
    documents: list[MessageDocument] | UnsetType = UNSET
    stop_reason: str | UnsetType = UNSET
    feedback: MessageFeedback | UnsetType = UNSET


class MessageList(ResponseModel, kw_only=True):
    items: list[Message]
    next_cursor: str | UnsetType = UNSET
    request_id: str


class AddedTurn(ResponseModel):
    """The two messages of the turn, the user's first."""

    items: list[Message]
    request_id: str


class FeedbackGiven(ResponseModel):
    """`id` is the message's."""

    id: str
    helpful: bool
    request_id: str


class Answer(ResponseModel):
    """The assistant's message. `model` is the one that answered.

    `stopReason` is Bedrock's, or `stopped`: the caller has stopped the answer, and `usage` is an estimate.
    """

    message: Message
    stop_reason: str
    model: str
    usage: Usage
    request_id: str
