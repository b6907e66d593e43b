"""Conversations and their turns. A turn is written in one piece, after the model has answered."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from lambda_src.chatbot import prompt
from lambda_src.chatbot.conversations import ConversationHeader, ConversationItem, Conversations, MessageItem
from lambda_src.chatbot.models import (
    AddedTurn,
    AddTurn,
    Answer,
    ChangeConversation,
    Conversation,
    ConversationAnswer,
    ConversationList,
    CreateConversation,
    Message,
    MessageList,
    SendMessage,
)
from lambda_src.chatbot.photo_store import PhotoStore, describe
from lambda_src.chatbot.queue import Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.chatbot.summaries import Summaries, estimate_tokens
from lambda_src.chatbot.titles import PREVIEW_CHARACTERS, first_words
from lambda_src.shared import screening
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import Invocation, Model
from lambda_src.shared.context import Context, ModelUse
from lambda_src.shared.errors import ApiError, Conflict, DeadlineExceeded, InvalidRequest, ModelFailed
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.parameters import effective_parameters, explicit_parameters, supported_parameters
from lambda_src.shared.photos import photo_blocks
from lambda_src.shared.schemas import ListQuery, Usage
from lambda_src.shared.streams import ClosingIterator, text_then_result
from lambda_src.shared.table import StaleWriteError

# A message is one item of the table, whose limit is 400 KB.
MAX_ANSWER_TOKENS = 16_384
DAY_SECONDS = 24 * 3600
# The worker summarizes after each turn. A conversation of more windows than this has outrun it.
MAX_WINDOWS = 2


class PendingTurn(msgspec.Struct, frozen=True):
    """A turn before the model's answer.

    `history`: the messages after the conversation's summary. `chosen`: the conversation's model, or the default.
    """

    conversation: ConversationItem
    history: list[MessageItem]
    body: SendMessage
    chosen: Invocation
    asked_at: str


class ChatService:
    """The operations of the chatbot's route table."""

    def __init__(
        self,
        settings: ChatSettings,
        bedrock: Bedrock,
        *,
        conversations: Conversations | None = None,
        photo_store: PhotoStore | None = None,
        queue: Queue | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._conversations = conversations or Conversations(settings.table_name)
        self._photo_store = photo_store or PhotoStore(str(settings.bucket_name))
        self._queue = queue or Queue(settings.queue_url)
        self._summaries = Summaries(settings, bedrock, self._conversations)
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

    def list_conversations(self, context: Context, *, query: ListQuery) -> ConversationList:
        """The caller's conversations, newest first."""
        conversations, cursor = self._conversations.page(context.caller, query.limit, query.cursor)
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

    def delete_conversation(self, context: Context, *, id: str) -> None:
        """Raises `NotFound`, and `Unavailable` when the worker cannot be notified: a retry notifies it."""
        self._conversations.mark_deleted(context.caller, id)
        IdempotencyStore.of(self._conversations).forget(id)
        self._queue.request_maintenance(context.caller, id)

    def list_messages(self, context: Context, *, id: str, query: ListQuery) -> MessageList:
        """A conversation's messages, newest first. Raises `NotFound`."""
        self._conversations.get(context.caller, id)
        messages, cursor = self._conversations.message_page(context.caller, id, query.limit, query.cursor)
        items = [self._message(id, message) for message in messages]
        return MessageList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def send_message(self, context: Context, *, id: str, body: SendMessage) -> Answer:
        """Raises `NotFound`, `InvalidRequest`, `TooLarge`, `Conflict`, `Refused`, `ModelFailed`."""
        turn = self._prepare_turn(context, id, body)
        answer, invocation = self._bedrock.answer(
            context,
            turn.chosen,
            lambda limited, model: self._bedrock.converse(limited, model, self._request(turn, model.model)),
        )
        text, trace = prompt.answer_text(answer), answer.get("trace")
        return self._save_turn(context, turn, invocation, text, str(answer["stopReason"]), trace)

    def stream_message(self, context: Context, *, id: str, body: SendMessage) -> ClosingIterator[str | Answer]:
        """The answer in pieces as they arrive, then `send_message`'s response. Raises the same errors."""
        turn = self._prepare_turn(context, id, body)
        stream, invocation = self._bedrock.answer_stream(
            context,
            turn.chosen,
            lambda limited, model: self._bedrock.converse_stream(limited, model, self._request(turn, model.model)),
        )

        def save(text: str) -> Answer:
            return self._save_turn(context, turn, invocation, text, stream.stop_reason or "", stream.trace)

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
        context.idempotency.keep_with(id)
        self._conversations.add_turn(
            context.caller,
            conversation,
            (user, assistant),
            preview=first_words(user.text, PREVIEW_CHARACTERS),
            extra_writes=context.idempotency.completion_writes(response),
        )
        self._request_maintenance(context, id)
        return response

    def _prepare_turn(self, context: Context, conversation_id: str, body: SendMessage) -> PendingTurn:
        conversation = self._conversations.get(context.caller, conversation_id)
        chosen = self._settings.model_of(context, conversation.model)
        # Refuses what the model does not take before any call is paid for.
        photo_blocks(body.photos, chosen.model)
        conversation, history = self._fit_window(context, conversation)
        return PendingTurn(conversation, history, body, chosen, timestamp(self._now()))

    def _request(self, turn: PendingTurn, model: Model) -> dict[str, Any]:
        """Raises `InvalidRequest` for a fallback that does not take the photos, or parameters that the chosen model
        takes."""
        conversation = turn.conversation
        effective_parameters(model, supported_parameters(turn.chosen.model, conversation.header.parameters))
        photos = photo_blocks(turn.body.photos, model)
        request = prompt.build_request(conversation, turn.history, turn.body, photos, model, self._photo_store)
        return prompt.guard_new_message(request) if self._bedrock.guarded else request

    def _fit_window(
        self, context: Context, conversation: ConversationItem
    ) -> tuple[ConversationItem, list[MessageItem]]:
        """The conversation and the messages after its summary, summarized here if the worker is too far behind."""
        messages = self._history(context, conversation)
        if estimate_tokens(messages) <= MAX_WINDOWS * self._settings.options.window_tokens:
            return conversation, messages
        try:
            return self._summaries.summarize(context, context.caller, conversation, messages)
        except StaleWriteError:
            conversation = self._conversations.get(context.caller, conversation.id)
            return conversation, self._history(context, conversation)
        except DeadlineExceeded:
            raise
        except ApiError as error:
            # A long request is better than none, and the worker tries again.
            logger.warning("not summarized", request_id=context.request_id, error=error.code)
            return conversation, messages

    def _history(self, context: Context, conversation: ConversationItem) -> list[MessageItem]:
        start = conversation.summarized_through
        messages = self._conversations.messages(context.caller, conversation.id, start)
        if len(messages) != conversation.message_count - start:
            # The conversation has changed since it was read. Fails before the model is paid for a turn that cannot be
            # written.
            self._conversations.get(context.caller, conversation.id)
            raise Conflict("Another message was added to the conversation in the meantime.")
        return messages

    def _save_turn(
        self,
        context: Context,
        turn: PendingTurn,
        invocation: Invocation,
        text: str,
        stop_reason: str,
        trace: dict[str, Any] | None,
    ) -> Answer:
        """Writes the turn and notifies the worker when a title or a summary is due."""
        if not text.strip():
            raise ModelFailed("The model gave no answer.")
        conversation = turn.conversation
        user, assistant = self._turn_messages(turn, self._as_read(context, turn.body.text, trace), text)
        answer = Answer(
            message=self._message(conversation.id, assistant),
            stop_reason=stop_reason,
            model=invocation.id,
            usage=_usage(context.used(invocation)),
            request_id=context.request_id,
        )
        context.idempotency.keep_with(conversation.id)
        self._photo_store.put(conversation.id, turn.body.photos)
        self._conversations.add_turn(
            context.caller,
            conversation,
            (user, assistant),
            preview=first_words(user.text, PREVIEW_CHARACTERS),
            extra_writes=context.idempotency.completion_writes(answer),
        )
        tokens = estimate_tokens([*turn.history, user, assistant])
        if conversation.title is None or tokens > self._settings.options.window_tokens:
            self._request_maintenance(context, conversation.id)
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, text=user.text, answer=text)
        return answer

    def _as_read(self, context: Context, text: str, trace: dict[str, Any] | None) -> str:
        """The message as the model has read it: later turns send it again, and the guardrail sees new messages only."""
        if not screening.masks_input(trace):
            return text
        (masked,) = self._bedrock.screen(context, text)
        return masked

    def _turn_messages(self, turn: PendingTurn, asked: str, text: str) -> tuple[MessageItem, MessageItem]:
        user = MessageItem(
            id=self._new_id(),
            role="user",
            text=asked,
            created_at=turn.asked_at,
            photos=tuple(map(describe, turn.body.photos)),
        )
        assistant = MessageItem(id=self._new_id(), role="assistant", text=text, created_at=timestamp(self._now()))
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
        return Message(message.id, message.role, message.text, message.created_at, photos or UNSET)


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
