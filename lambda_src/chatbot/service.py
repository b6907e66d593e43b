"""Conversations and their turns. Nothing of a turn is written before the model has answered; then all of it is."""

import time
from collections.abc import Callable, Generator
from typing import Any

import msgspec
from msgspec import UNSET

from lambda_src.chatbot import prompt
from lambda_src.chatbot.conversations import (
    ConversationHeader,
    ConversationItem,
    Conversations,
    MessageItem,
    StaleWriteError,
)
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
from lambda_src.chatbot.photo_store import PhotoStore, described
from lambda_src.chatbot.queue import Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.chatbot.summaries import Summaries, tokens
from lambda_src.chatbot.titles import PREVIEW_CHARACTERS, first_words
from lambda_src.shared.bedrock import AnswerStream, Bedrock
from lambda_src.shared.catalogue import Invocation
from lambda_src.shared.context import Context, ModelUse
from lambda_src.shared.errors import ApiError, Conflict, DeadlineExceeded, InvalidRequest, ModelFailed
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.parameters import effective_parameters, explicit_parameters
from lambda_src.shared.photos import photo_blocks
from lambda_src.shared.schemas import ListQuery, Usage

# A message is one item of the table, which has 400 KB at most.
MAX_ANSWER_TOKENS = 16_384
DAY_SECONDS = 24 * 3600
# The worker summarizes behind the turns; a conversation so many windows long has outrun it.
WINDOWS_AT_MOST = 2


class Turn(msgspec.Struct, frozen=True):
    """A turn that the model is to be asked for. `history` is what is not in the record's summary."""

    record: ConversationItem
    history: list[MessageItem]
    body: SendMessage
    invocation: Invocation
    request: dict[str, Any]
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
        """Raises `InvalidRequest`."""
        now = self._now()
        invocation = self._settings.model(body.model)
        days = self._settings.retention_days
        record = ConversationItem(
            id=self._new_id(),
            header=ConversationHeader(
                created_at=timestamp(now),
                instructions=_not_blank(body.instructions, "body.instructions"),
                parameters=_parameters(body, invocation),
            ),
            model=invocation.id,
            title=_title(body.title),
            updated_at=timestamp(now),
            expires_at=int(now) + days * DAY_SECONDS if days else None,
        )
        answer = _answer(record, context)
        self._conversations.begin(context.caller, record, context.completion_writes(answer))
        return answer

    def list_conversations(self, context: Context, *, query: ListQuery) -> ConversationList:
        """The caller's conversations, newest first."""
        records, cursor = self._conversations.page(context.caller, query.limit, query.cursor)
        items = [Conversation(**_shown(record)) for record in records]
        return ConversationList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get_conversation(self, context: Context, *, id: str) -> ConversationAnswer:
        """Raises `NotFound`."""
        return _answer(self._conversations.get(context.caller, id), context)

    def change_conversation(self, context: Context, *, id: str, body: ChangeConversation) -> ConversationAnswer:
        """Raises `InvalidRequest` and `NotFound`."""
        if body.title is None and body.model is None:
            raise InvalidRequest.at("body", "needs a title, a model, or both")
        self._conversations.get(context.caller, id)
        model = self._settings.model(body.model).id if body.model is not None else None
        record = self._conversations.change(context.caller, id, title=_title(body.title), model=model)
        return _answer(record, context)

    def delete_conversation(self, context: Context, *, id: str) -> None:
        """Raises `NotFound`. A message that cannot be sent is an error to the caller, whose next attempt sends it."""
        self._conversations.mark_deleted(context.caller, id)
        self._queue.request_maintenance(context.caller, id)

    def list_messages(self, context: Context, *, id: str, query: ListQuery) -> MessageList:
        """A conversation's messages, newest first. Raises `NotFound`."""
        self._conversations.get(context.caller, id)
        messages, cursor = self._conversations.message_page(context.caller, id, query.limit, query.cursor)
        items = [self._message(id, message) for message in messages]
        return MessageList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def send_message(self, context: Context, *, id: str, body: SendMessage) -> Answer:
        """Raises `NotFound`, `InvalidRequest`, `TooLarge`, `Conflict`, `Refused`, `ModelFailed`."""
        turn = self._turn(context, id, body)
        answer = self._bedrock.converse(context, turn.invocation, turn.request)
        return self._keep(context, turn, prompt.text_of(answer), str(answer["stopReason"]))

    def stream_message(self, context: Context, *, id: str, body: SendMessage) -> Generator[str | Answer]:
        """The answer in pieces as they come, then the turn as `send_message` returns it. Raises as that does."""
        turn = self._turn(context, id, body)
        stream = self._bedrock.converse_stream(context, turn.invocation, turn.request)
        pieces = self._streamed(context, turn, stream)
        # Into its `try`: closed before anything was read of it, it still ends the model's work.
        next(pieces)
        return pieces

    def _streamed(self, context: Context, turn: Turn, stream: AnswerStream) -> Generator[str | Answer]:
        pieces: list[str] = []
        try:
            yield ""
            for piece in stream:
                pieces.append(piece)
                yield piece
        finally:
            stream.close()
        yield self._keep(context, turn, "".join(pieces), stream.stop_reason or "")

    def add_turn(self, context: Context, *, id: str, body: AddTurn) -> AddedTurn:
        """What was said elsewhere is screened as if it were said here: later turns do not look at it again.

        Raises `NotFound`, `InvalidRequest`, `Conflict`, `Refused`.
        """
        record = self._conversations.get(context.caller, id)
        _not_blank(body.user, "body.user")
        _not_blank(body.assistant, "body.assistant")
        user, assistant = self._bedrock.screen(context, body.user), self._bedrock.screen(context, body.assistant)
        now = timestamp(self._now())
        asked = MessageItem(id=self._new_id(), role="user", text=user, created_at=now)
        said = MessageItem(id=self._new_id(), role="assistant", text=assistant, created_at=now)
        turn = AddedTurn(items=[self._message(id, asked), self._message(id, said)], request_id=context.request_id)
        self._conversations.add_turn(
            context.caller,
            record,
            (asked, said),
            preview=first_words(asked.text, PREVIEW_CHARACTERS),
            also=context.completion_writes(turn),
        )
        self._send(context, id)
        return turn

    def _turn(self, context: Context, conversation: str, body: SendMessage) -> Turn:
        record = self._conversations.get(context.caller, conversation)
        _not_blank(body.text, "body.text")
        invocation = self._settings.model_of(record.model)
        photos = photo_blocks(body.photos, invocation.model)
        record, history = self._remembered(context, record)
        request = prompt.request(record, history, body, photos, invocation.model, self._photo_store)
        if self._bedrock.guarded:
            request = prompt.guarded(request)
        return Turn(record, history, body, invocation, request, timestamp(self._now()))

    def _remembered(self, context: Context, record: ConversationItem) -> tuple[ConversationItem, list[MessageItem]]:
        """The conversation, and all messages that its summary does not hold."""
        messages = self._history(context, record)
        if tokens(messages) <= WINDOWS_AT_MOST * self._settings.window_tokens:
            return record, messages
        try:
            return self._summaries.condense(context, context.caller, record, messages)
        except StaleWriteError:
            record = self._conversations.get(context.caller, record.id)
            return record, self._history(context, record)
        except DeadlineExceeded:
            raise
        except ApiError as error:
            # A long request is better than none, and the worker tries again.
            logger.warning("not summarized", request_id=context.request_id, error=error.code)
            return record, messages

    def _history(self, context: Context, record: ConversationItem) -> list[MessageItem]:
        messages = self._conversations.messages(context.caller, record.id, record.summarized_through)
        if len(messages) != record.message_count - record.summarized_through:
            # It has gone on or was deleted since it was read: the turn could not be written, so it is not paid for.
            self._conversations.get(context.caller, record.id)
            raise Conflict("Another message was written meanwhile.")
        return messages

    def _keep(self, context: Context, turn: Turn, text: str, stop_reason: str) -> Answer:
        """Writes the turn and says so. What follows it is the worker's."""
        if not text.strip():
            raise ModelFailed("The model gave no answer.")
        record, body = turn.record, turn.body
        photos = tuple(map(described, body.photos))
        asked = MessageItem(id=self._new_id(), role="user", text=body.text, created_at=turn.asked_at, photos=photos)
        said = MessageItem(id=self._new_id(), role="assistant", text=text, created_at=timestamp(self._now()))
        answer = Answer(
            message=self._message(record.id, said),
            stop_reason=stop_reason,
            model=turn.invocation.id,
            usage=_usage(context.used(turn.invocation)),
            request_id=context.request_id,
        )
        self._photo_store.put(record.id, body.photos)
        self._conversations.add_turn(
            context.caller,
            record,
            (asked, said),
            preview=first_words(body.text, PREVIEW_CHARACTERS),
            also=context.completion_writes(answer),
        )
        if record.title is None or tokens([*turn.history, asked, said]) > self._settings.window_tokens:
            self._send(context, record.id)
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, text=body.text, answer=text)
        return answer

    def _send(self, context: Context, conversation: str) -> None:
        """The turn is written: what is not sent now is sent after the next one."""
        try:
            self._queue.request_maintenance(context.caller, conversation)
        except ApiError as error:
            logger.warning("memory not told", request_id=context.request_id, error=error.code)

    def _new_id(self) -> str:
        return new_id(round(self._now() * 1000))

    def _message(self, conversation: str, record: MessageItem) -> Message:
        photos = [self._photo_store.shown(conversation, photo) for photo in record.photos]
        return Message(record.id, record.role, record.text, record.created_at, photos or UNSET)


def _parameters(body: CreateConversation, invocation: Invocation) -> dict[str, Any]:
    values = explicit_parameters(body.parameters)
    effective_parameters(invocation.model, values)
    if body.parameters and (body.parameters.max_tokens or 0) > MAX_ANSWER_TOKENS:
        raise InvalidRequest.at("body.parameters.maxTokens", f"at most {MAX_ANSWER_TOKENS:,} here")
    return values


def _not_blank(text: str | None, path: str) -> str | None:
    if text is not None and not text.strip():
        raise InvalidRequest.at(path, "is blank")
    return text


def _title(title: str | None) -> str | None:
    given = _not_blank(title, "body.title")
    return " ".join(given.split()) if given is not None else None


def _usage(use: ModelUse) -> Usage:
    return Usage(
        input_tokens=use.input_tokens,
        output_tokens=use.output_tokens,
        cached_input_tokens=use.cached_tokens or UNSET,
    )


def _shown(record: ConversationItem) -> dict[str, Any]:
    header = record.header
    return {
        "id": record.id,
        "title": record.title or record.preview or "",
        "instructions": header.instructions or UNSET,
        "model": record.model,
        "parameters": header.parameters or UNSET,
        "created_at": header.created_at,
        "updated_at": record.updated_at,
        "message_count": record.message_count,
        "expires_at": timestamp(record.expires_at) if record.expires_at is not None else UNSET,
    }


def _answer(record: ConversationItem, context: Context) -> ConversationAnswer:
    return ConversationAnswer(**_shown(record), request_id=context.request_id)
