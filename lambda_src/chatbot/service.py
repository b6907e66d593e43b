"""Conversations and their turns. A turn is written in one piece, after the model has answered."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import UNSET

from lambda_src.chatbot import document_store, photo_store, prompt
from lambda_src.chatbot.conversations import NOT_FOUND, ConversationHeader, ConversationItem, Conversations
from lambda_src.chatbot.document_store import DocumentStore
from lambda_src.chatbot.documents import DocumentReader
from lambda_src.chatbot.message_item import MessageItem, StoredDocument, StoredFeedback
from lambda_src.chatbot.models import (
    AddedTurn,
    AddTurn,
    Answer,
    ChangeConversation,
    Conversation,
    ConversationAnswer,
    ConversationList,
    ConversationQuery,
    CreateConversation,
    DeleteQuery,
    Feedback,
    FeedbackGiven,
    Message,
    MessageDocument,
    MessageFeedback,
    MessageList,
    SendMessage,
)
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.queue import Queue
from lambda_src.chatbot.search import search
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.chatbot.stops import StopRequests
from lambda_src.chatbot.summaries import PHOTO_TOKENS, Summaries, estimate_text_tokens, estimate_tokens
from lambda_src.chatbot.titles import PREVIEW_CHARACTERS, first_words
from lambda_src.chatbot.turns import PendingTurn, TurnPreparation
from lambda_src.shared import screening
from lambda_src.shared.bedrock import STOPPED, Bedrock
from lambda_src.shared.catalog import Invocation, Model
from lambda_src.shared.context import Context, ModelUse
from lambda_src.shared.errors import ApiError, InvalidRequest, ModelFailed, NotFound, Stopped
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import count, logger
from lambda_src.shared.parameters import effective_parameters, explicit_parameters, supported_parameters
from lambda_src.shared.photos import photo_blocks
from lambda_src.shared.schemas import ListQuery, Usage
from lambda_src.shared.streams import ClosingIterator, text_then_result

# A message is one item of the table, whose limit is 400 KB.
MAX_ANSWER_TOKENS = 16_384
DAY_SECONDS = 24 * 3600
_WITH_MESSAGES = DeleteQuery()


class Generated(NamedTuple):
    """A model's answer; `trace` is the guardrail's."""

    text: str
    stop_reason: str
    trace: dict[str, Any] | None


class ChatService:
    """The operations of the chatbot's route table."""

    def __init__(
        self,
        settings: ChatSettings,
        bedrock: Bedrock,
        *,
        conversations: Conversations | None = None,
        photo_store: PhotoStore | None = None,
        document_store: DocumentStore | None = None,
        reader: DocumentReader | None = None,
        queue: Queue | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._conversations = conversations or Conversations(settings.table_name)
        self._photo_store = photo_store or PhotoStore(str(settings.bucket_name))
        self._document_store = document_store or DocumentStore(str(settings.bucket_name))
        self._queue = queue or Queue(settings.queue_url)
        self._stops = StopRequests.of(self._conversations)
        self._summaries = Summaries(settings, bedrock, self._conversations, self._document_store)
        self._turns = TurnPreparation(
            settings,
            self._conversations,
            photo_store=self._photo_store,
            document_store=self._document_store,
            summaries=self._summaries,
            queue=self._queue,
            bedrock=bedrock,
            reader=reader or DocumentReader(settings.reader_function),
        )
        self._now = now

    def create_conversation(self, context: Context, *, body: CreateConversation) -> ConversationAnswer:
        """Title and instructions are screened now: turns screen their message only.

        Raises `InvalidRequest` and `Refused`.
        """
        now = self._now()
        invocation = self._settings.model(context, body.model)
        days = self._settings.options.retention_days
        parameters = _parameters(body, invocation)
        screened = self._bedrock.screen(context, _title(body.title) or "", body.instructions or "")
        title, instructions = (text or None for text in screened)
        conversation = ConversationItem(
            id=self._new_id(),
            header=ConversationHeader(
                created_at=timestamp(now),
                instructions=instructions,
                parameters=parameters,
            ),
            model=invocation.id,
            title=title,
            updated_at=timestamp(now),
            expires_at=int(now) + days * DAY_SECONDS if days else None,
        )
        answer = _conversation_answer(conversation, context)
        context.idempotency.keep_with(conversation.id)
        self._conversations.create(context.caller, conversation, context.idempotency.completion_writes(answer))
        return answer

    def list_conversations(self, context: Context, *, query: ConversationQuery) -> ConversationList:
        """The caller's conversations, newest first."""
        if query.search is None:
            conversations, cursor = self._conversations.page(context.caller, query.limit, query.cursor)
        else:
            conversations, cursor = search(self._conversations, context, query.search, query.limit, query.cursor)
        items = [Conversation(**_fields(conversation)) for conversation in conversations]
        return ConversationList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get_conversation(self, context: Context, *, id: str) -> ConversationAnswer:
        """Raises `NotFound`."""
        return _conversation_answer(self._conversations.get(context.caller, id), context)

    def change_conversation(self, context: Context, *, id: str, body: ChangeConversation) -> ConversationAnswer:
        """Raises `InvalidRequest`, `NotFound`, and `Refused` for the title."""
        if body.title is None and body.model is None:
            raise InvalidRequest.at("body", "needs a title, a model, or both")
        self._conversations.get(context.caller, id)
        model = self._settings.model(context, body.model).id if body.model is not None else None
        (title,) = self._bedrock.screen(context, _title(body.title) or "")
        conversation = self._conversations.change(context.caller, id, title=title or None, model=model)
        return _conversation_answer(conversation, context)

    def delete_conversation(self, context: Context, *, id: str, query: DeleteQuery = _WITH_MESSAGES) -> None:
        """Raises `NotFound`, `Conflict`, and `Unavailable` when the worker cannot be notified: a retry notifies it."""
        self._conversations.mark_deleted(context.caller, id, only_empty=query.only_empty is not None)
        IdempotencyStore.of(self._conversations).forget(id)
        self._queue.request_maintenance(context.caller, id)

    def list_messages(self, context: Context, *, id: str, query: ListQuery) -> MessageList:
        """A conversation's messages, newest first. Raises `NotFound`."""
        conversation = self._conversations.get(context.caller, id)
        messages, cursor = self._conversations.message_page(context.caller, conversation, query.limit, query.cursor)
        items = [self._message(id, message) for message in messages]
        return MessageList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def send_message(self, context: Context, *, id: str, body: SendMessage) -> Answer:
        """Raises `NotFound`, `InvalidRequest`, `TooLarge`, `Conflict`, `Refused`, `ModelFailed`."""
        turn = self._turns.prepare(context, id, body, timestamp(self._now()))
        answer, invocation = self._bedrock.answer(
            context,
            turn.chosen,
            lambda limited, model: self._bedrock.converse(limited, model, self._request(turn, model.model)),
        )
        generated = Generated(prompt.answer_text(answer), str(answer["stopReason"]), answer.get("trace"))
        return self._save_turn(context, turn, invocation, generated)

    def stream_message(self, context: Context, *, id: str, body: SendMessage) -> ClosingIterator[str | Answer]:
        """The answer in pieces as they arrive, then `send_message`'s response. Raises its errors, and `Stopped`."""
        is_stopped = self._stops.watch(context.caller, id)
        turn = self._turns.prepare(context, id, body, timestamp(self._now()))
        stream, invocation = self._bedrock.answer_stream(
            context,
            turn.chosen,
            lambda limited, model: self._bedrock.converse_stream(
                limited, model, self._request(turn, model.model), is_stopped
            ),
        )

        def save(text: str) -> Answer:
            generated = Generated(text, stream.stop_reason or "", stream.trace)
            if generated.stop_reason == STOPPED:
                _count_estimated_use(context, turn, invocation, text)
            return self._save_turn(context, turn, invocation, generated)

        return text_then_result(stream, save)

    def add_turn(self, context: Context, *, id: str, body: AddTurn) -> AddedTurn:
        """Adds a turn without asking the model. Both texts are screened now: later turns screen new messages only.

        Raises `NotFound`, `InvalidRequest`, `Conflict`, `Refused`.
        """
        conversation = self._conversations.get(context.caller, id)
        user_text, assistant_text = self._bedrock.screen(context, body.user, body.assistant)
        now = timestamp(self._now())
        user = MessageItem(id=self._new_id(), role="user", text=user_text, created_at=now)
        assistant = MessageItem(id=self._new_id(), role="assistant", text=assistant_text, created_at=now)
        items = [self._message(id, user), self._message(id, assistant)]
        response = AddedTurn(items=items, request_id=context.request_id)
        context.idempotency.keep_with(id, detail=assistant.id)
        self._conversations.add_turn(
            context.caller,
            conversation,
            (user, assistant),
            preview=first_words(user.text, PREVIEW_CHARACTERS),
            extra_writes=context.idempotency.completion_writes(response),
        )
        self._request_maintenance(context, id)
        return response

    def stop_answer(self, context: Context, *, id: str) -> None:
        """Stops the streamed answers of the conversation that are running. Raises `NotFound`."""
        self._conversations.get(context.caller, id)
        self._stops.add(context.caller, id)

    def give_feedback(self, context: Context, *, id: str, message: str, body: Feedback) -> FeedbackGiven:
        """Raises `NotFound`, also for a message that is no answer, and `Refused` for the comment."""
        conversation = self._conversations.get(context.caller, id)
        found = self._conversations.find_message(context.caller, conversation, message)
        if found is None or found[1].role != "assistant":
            raise NotFound(NOT_FOUND)
        comment = self._bedrock.screen(context, body.comment)[0] if body.comment else None
        self._conversations.rate(context.caller, id, found[0], StoredFeedback(body.helpful, comment))
        count(HelpfulAnswers=int(body.helpful), UnhelpfulAnswers=int(not body.helpful))
        return FeedbackGiven(id=message, helpful=body.helpful, request_id=context.request_id)

    def _request(self, turn: PendingTurn, model: Model) -> dict[str, Any]:
        """Raises `InvalidRequest` for a fallback that does not take the photos, or parameters that the chosen model
        takes."""
        conversation = turn.conversation
        effective_parameters(model, supported_parameters(turn.chosen.model, conversation.header.parameters))
        photos = photo_blocks(turn.body.photos, model)
        request = prompt.build_request(
            conversation,
            turn.history,
            turn.body,
            photos,
            turn.documents,
            model,
            photo_store=self._photo_store,
            document_store=self._document_store,
        )
        return prompt.guard_new_message(request) if self._bedrock.guarded else request

    def _save_turn(self, context: Context, turn: PendingTurn, invocation: Invocation, generated: Generated) -> Answer:
        """Writes the turn and notifies the worker when a title, a summary or a deletion is due."""
        if not generated.text.strip():
            if generated.stop_reason == STOPPED:
                raise Stopped("The answer was stopped before it had any text. Nothing was stored.")
            raise ModelFailed("The model gave no answer.")
        conversation = turn.conversation
        user, assistant = self._turn_messages(turn, self._as_read(context, turn.text, generated), generated)
        answer = Answer(
            message=self._message(conversation.id, assistant),
            stop_reason=generated.stop_reason,
            model=invocation.id,
            usage=_usage(context.used(invocation)),
            request_id=context.request_id,
        )
        context.idempotency.keep_with(conversation.id, detail=assistant.id)
        self._photo_store.put(conversation.id, turn.body.photos, _next_number(turn))
        self._document_store.put(conversation.id, turn.documents, _next_number(turn))
        self._conversations.add_turn(
            context.caller,
            conversation,
            (user, assistant),
            preview=first_words(user.text, PREVIEW_CHARACTERS),
            extra_writes=context.idempotency.completion_writes(answer),
            cut=turn.cut,
        )
        if self._needs_maintenance(context, turn, user, assistant):
            self._request_maintenance(context, conversation.id)
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, text=user.text, answer=generated.text)
        return answer

    def _needs_maintenance(
        self, context: Context, turn: PendingTurn, user: MessageItem, assistant: MessageItem
    ) -> bool:
        conversation = turn.conversation
        too_long = self._summaries.is_due(context, conversation, [*turn.history, user, assistant])
        return conversation.title is None or too_long or turn.cut is not None or bool(conversation.removed)

    def _as_read(self, context: Context, text: str, generated: Generated) -> str:
        """The message as the model has read it: later turns send it again, and the guardrail sees new messages only.

        The guardrail's trace is the last event of a stream, so that of a stopped answer is unknown.
        """
        if generated.stop_reason != STOPPED and not screening.masks_input(generated.trace):
            return text
        (masked,) = self._bedrock.screen(context, text)
        return masked

    def _turn_messages(self, turn: PendingTurn, asked: str, generated: Generated) -> tuple[MessageItem, MessageItem]:
        number = _next_number(turn)
        user = MessageItem(
            id=self._new_id(),
            role="user",
            text=asked,
            created_at=turn.asked_at,
            photos=tuple(photo_store.describe(photo, number) for photo in turn.body.photos),
            documents=tuple(document_store.describe(document, number) for document in turn.documents),
        )
        assistant = MessageItem(
            id=self._new_id(),
            role="assistant",
            text=generated.text,
            created_at=timestamp(self._now()),
            stop_reason=generated.stop_reason,
        )
        return user, assistant

    def _request_maintenance(self, context: Context, conversation_id: str) -> None:
        """Failures are ignored: the turn is written, and the next one sends the message again."""
        try:
            self._queue.request_maintenance(context.caller, conversation_id)
        except ApiError as error:
            logger.warning("maintenance not requested", request_id=context.request_id, error=error.code)

    def _new_id(self) -> str:
        return new_id(round(self._now() * 1000))

    def _message(self, conversation_id: str, message: MessageItem) -> Message:
        photos = [self._photo_store.link(conversation_id, photo) for photo in message.photos]
        return Message(
            id=message.id,
            role=message.role,
            text=message.text,
            created_at=message.created_at,
            photos=photos or UNSET,
            documents=[_document(document) for document in message.documents] or UNSET,
            stop_reason=message.stop_reason or UNSET,
            feedback=_feedback(message.feedback) if message.feedback else UNSET,
        )


def _document(document: StoredDocument) -> MessageDocument:
    return MessageDocument(
        name=document.name,
        content_type=document.content_type,
        characters=document.characters,
        pages=document.pages if document.pages is not None else UNSET,
        pages_without_text=document.pages_without_text or UNSET,
    )


def _feedback(feedback: StoredFeedback) -> MessageFeedback:
    return MessageFeedback(helpful=feedback.helpful, comment=feedback.comment or UNSET)


def _next_number(turn: PendingTurn) -> int:
    """The number of the turn's first message."""
    return turn.conversation.last_number + 1


def _count_estimated_use(context: Context, turn: PendingTurn, invocation: Invocation, text: str) -> None:
    """What a stopped answer used: Bedrock bills it, and reports it in a stream's last event only."""
    conversation = turn.conversation
    documents = [document.text for document in turn.documents]
    texts = (conversation.header.instructions, conversation.summary, turn.text, *documents)
    context.used(invocation).add(
        input_tokens=estimate_tokens(turn.history)
        + estimate_text_tokens(*filter(None, texts))
        + PHOTO_TOKENS * len(turn.body.photos),
        output_tokens=estimate_text_tokens(text),
    )


def _parameters(body: CreateConversation, invocation: Invocation) -> dict[str, Any]:
    values = explicit_parameters(body.parameters)
    effective_parameters(invocation.model, values)
    if body.parameters and (body.parameters.max_tokens or 0) > MAX_ANSWER_TOKENS:
        raise InvalidRequest.at("body.parameters.maxTokens", f"at most {MAX_ANSWER_TOKENS:,} here")
    return values


def _title(title: str | None) -> str | None:
    return " ".join(title.split()) if title else None


def _usage(use: ModelUse) -> Usage:
    return Usage(
        input_tokens=use.input_tokens,
        output_tokens=use.output_tokens,
        cached_input_tokens=use.cached_tokens or UNSET,
    )


def _fields(conversation: ConversationItem) -> dict[str, Any]:
    """The fields of the API's `Conversation`."""
    header, expires_at = conversation.header, conversation.expires_at
    return {
        "id": conversation.id,
        "title": conversation.title or conversation.preview or "",
        "instructions": header.instructions or UNSET,
        "model": conversation.model,
        "parameters": header.parameters or UNSET,
        "created_at": header.created_at,
        "updated_at": conversation.updated_at,
        "message_count": conversation.message_count,
        "expires_at": timestamp(expires_at) if expires_at is not None else UNSET,
    }


def _conversation_answer(conversation: ConversationItem, context: Context) -> ConversationAnswer:
    return ConversationAnswer(**_fields(conversation), request_id=context.request_id)
