"""What is known of a turn before the model answers: the history that it gets, and what the turn replaces."""

from typing import NamedTuple

import msgspec

from lambda_src.chatbot.conversations import ConversationItem, Conversations, Cut, without_summary
from lambda_src.chatbot.document_store import DocumentStore
from lambda_src.chatbot.documents import DocumentReader, ReadDocument, check_documents
from lambda_src.chatbot.message_item import MessageItem
from lambda_src.chatbot.models import MAX_DOCUMENTS, SendMessage
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.queue import Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.chatbot.summaries import MAX_WINDOWS, Summaries, document_budget, estimate_text_tokens
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import ApiError, Conflict, DeadlineExceeded, InvalidRequest, TooLarge
from lambda_src.shared.observability import logger
from lambda_src.shared.photos import Photo, photo_blocks
from lambda_src.shared.table import StaleWriteError

# Longer than any turn runs, and the most that SQS takes.
PURGE_SECONDS = 900
CHANGED = "Another message was added to the conversation in the meantime."

History = dict[int, MessageItem]


class PendingTurn(NamedTuple):
    """A turn before the model's answer.

    `history`: the messages after the conversation's summary. `chosen`: the conversation's model, or the default. `body`
    has the message's text and photos, and `documents` are its documents, also where an earlier message is sent again.
    With a `cut`, conversation and history are as they will be once that is removed.
    """

    conversation: ConversationItem
    history: list[MessageItem]
    body: SendMessage
    documents: list[ReadDocument]
    chosen: Invocation
    asked_at: str
    cut: Cut | None

    @property
    def text(self) -> str:
        """The message's text."""
        assert self.body.text is not None, "a message that is sent again has the text of the first time"
        return self.body.text


class _NewMessage(NamedTuple):
    """The request, with the documents that were read."""

    body: SendMessage
    documents: list[ReadDocument]
    chosen: Invocation
    asked_at: str


class TurnPreparation:
    """Prepares turns of one stage's conversations."""

    def __init__(
        self,
        settings: ChatSettings,
        conversations: Conversations,
        *,
        photo_store: PhotoStore,
        document_store: DocumentStore,
        summaries: Summaries,
        queue: Queue,
        bedrock: Bedrock,
        reader: DocumentReader,
    ) -> None:
        self._settings = settings
        self._conversations = conversations
        self._photo_store = photo_store
        self._document_store = document_store
        self._summaries = summaries
        self._queue = queue
        self._bedrock = bedrock
        self._reader = reader

    def prepare(self, context: Context, conversation_id: str, body: SendMessage, asked_at: str) -> PendingTurn:
        """Raises `NotFound`, `InvalidRequest`, `TooLarge`, `Conflict`, and `Unavailable`."""
        _require_text(body)
        conversation = self._conversations.get(context.caller, conversation_id)
        chosen = self._settings.model_of(context, conversation.model)
        # Refuses what the model does not take before any call is paid for.
        photo_blocks(body.photos, chosen.model)
        check_documents(body.documents, body.photos)
        history = self._history(context, conversation)
        new = _NewMessage(body, self._read(context, body, chosen), chosen, asked_at)
        if body.replaces is not None:
            return self._replacing(context, conversation, history, new)
        conversation, history = self._fit_window(context, conversation, history)
        return PendingTurn(conversation, [*history.values()], *new, None)

    def _read(self, context: Context, body: SendMessage, chosen: Invocation) -> list[ReadDocument]:
        """The documents as the guardrail leaves them: later turns send them again, and it sees new messages only."""
        documents = self._reader.read(body.documents)
        self._check_documents(documents, chosen)
        texts = (text for document in documents for text in (document.name, document.text))
        screened = iter(self._bedrock.screen(context, *texts))
        return [
            msgspec.structs.replace(document, name=name, text=text)
            for document, name, text in zip(documents, screened, screened, strict=True)
        ]

    def _check_documents(self, documents: list[ReadDocument], chosen: Invocation, earlier: int = 0) -> None:
        """Nothing is cut silently. The first documents, `earlier` of them, are those of the message to replace."""
        budget = document_budget(self._settings.options, chosen.model)
        sizes = [estimate_text_tokens(document.text) for document in documents]
        if sum(sizes) <= budget:
            return
        index = max(range(len(sizes)), key=sizes.__getitem__)
        document = documents[index]
        others = "" if len(documents) == 1 else f", and all of the message together {sum(sizes):,}"
        message = (
            f"“{document.name}” has {len(document.text):,} characters of text, about {sizes[index]:,} tokens{others}. "
            f"The documents of a message to {chosen.model.name} may have {budget:,} tokens here. Send a part of it."
        )
        path = f"body.documents[{index - earlier}]" if index >= earlier else "body.replaces"
        detail = {"path": path, "message": message, "reason": "too_long", "length": sum(sizes), "limit": budget}
        raise TooLarge(f"{path}: {message}", details=[detail])

    def _replacing(
        self,
        context: Context,
        stored: ConversationItem,
        history: History,
        new: _NewMessage,
    ) -> PendingTurn:
        """The turn that replaces an earlier one and all after it. Until it is stored, the conversation stays."""
        first, message = self._replaced(context, stored, history, str(new.body.replaces))
        new = self._with_earlier(stored, message, new)
        # First of all, so that what is replaced is deleted even if this function is killed right after its write.
        self._queue.request_maintenance(context.caller, stored.id, delay=PURGE_SECONDS)
        if first > stored.summarized_through:
            kept = {number: message for number, message in history.items() if number < first}
            conversation, rest = self._fit_window(context, stored, kept)
            if conversation.summarized_through >= first:
                raise Conflict(CHANGED)
            cut = Cut(first, len(history) - len(kept), conversation.summarized_through)
        else:
            # The summary has what is replaced, so there must be another one, which is stored with the turn.
            everything = self._conversations.messages(context.caller, stored)
            kept = {number: message for number, message in everything.items() if number < first}
            cut = Cut(first, len(everything) - len(kept), stored.summarized_through)
            conversation, rest = self._condense(context, without_summary(stored), kept)
        return PendingTurn(conversation, [*rest.values()], *new, cut)

    def _replaced(
        self, context: Context, conversation: ConversationItem, history: History, message_id: str
    ) -> tuple[int, MessageItem]:
        """The user's message of the turn with this message, and its number."""
        number = next((number for number, message in history.items() if message.id == message_id), None)
        if number is None:
            found = self._conversations.find_message(context.caller, conversation, message_id)
            if found is None:
                raise Conflict("The message to replace is no longer in the conversation.")
            number = found[0]
        # The user's messages have odd numbers.
        first = number if number % 2 else number - 1
        if first in history:
            return first, history[first]
        return next(iter(self._conversations.messages(context.caller, conversation, first - 1, limit=1).items()))

    def _with_earlier(self, conversation: ConversationItem, message: MessageItem, new: _NewMessage) -> _NewMessage:
        """The new message with what it has of the one that it replaces."""
        body = new.body
        earlier: list[ReadDocument] = []
        if body.text is None or body.keep_documents:
            earlier = [*filter(None, self._document_store.read(conversation.id, message.documents))]
        documents = [*earlier, *new.documents]
        if len(documents) > MAX_DOCUMENTS:
            raise InvalidRequest.at("body.documents", f"at most {MAX_DOCUMENTS} with those of the earlier message")
        self._check_documents(documents, new.chosen, len(earlier))
        if body.text is None:
            body = self._sent_again(conversation, message, body)
            photo_blocks(body.photos, new.chosen.model)
        return new._replace(body=body, documents=documents)

    def _sent_again(self, conversation: ConversationItem, message: MessageItem, body: SendMessage) -> SendMessage:
        """The body with the text and the photos of the message. A photo that no longer exists is left out."""
        contents = self._photo_store.read(conversation.id, message.photos)
        photos = [
            Photo(content_type=photo.content_type, data=data)
            for photo, data in zip(message.photos, contents, strict=True)
            if data
        ]
        return msgspec.structs.replace(body, text=message.text, photos=photos)

    def _history(self, context: Context, conversation: ConversationItem) -> History:
        """The messages after the summary."""
        start = conversation.summarized_through
        messages = self._conversations.messages(context.caller, conversation, start)
        if max(messages, default=start) != max(conversation.last_number, start):
            # The conversation has changed since it was read. Fails before the model is paid for a turn that cannot be
            # written.
            self._conversations.get(context.caller, conversation.id)
            raise Conflict(CHANGED)
        return messages

    def _fit_window(
        self, context: Context, conversation: ConversationItem, messages: History
    ) -> tuple[ConversationItem, History]:
        """The conversation and the messages after its summary, summarized here if the worker is too far behind."""
        if self._fits(context, conversation, messages):
            return conversation, messages
        try:
            return self._summaries.summarize(context, context.caller, conversation, messages)
        except StaleWriteError:
            last = max(messages)
            conversation = self._conversations.get(context.caller, conversation.id)
            history = self._history(context, conversation)
            return conversation, {number: message for number, message in history.items() if number <= last}
        except DeadlineExceeded:
            raise
        except ApiError as error:
            # A long request is better than none, and the worker tries again.
            logger.warning("not summarized", request_id=context.request_id, error=error.code)
            return conversation, messages

    def _condense(
        self, context: Context, conversation: ConversationItem, messages: History
    ) -> tuple[ConversationItem, History]:
        """As `_fit_window`, for a summary that is stored with the turn."""
        if self._fits(context, conversation, messages):
            return conversation, messages
        try:
            return self._summaries.condense(context, conversation, messages)
        except DeadlineExceeded:
            raise
        except ApiError as error:
            logger.warning("not summarized", request_id=context.request_id, error=error.code)
            return conversation, messages

    def _fits(self, context: Context, conversation: ConversationItem, messages: History) -> bool:
        return self._summaries.windows(context, conversation, [*messages.values()]) <= MAX_WINDOWS


def _require_text(body: SendMessage) -> None:
    if body.text is None and body.replaces is None:
        raise InvalidRequest.at("body.text", "is required")
    if body.text is None and body.photos:
        raise InvalidRequest.at("body.text", "is required with photos")
    if body.text is None and body.documents:
        raise InvalidRequest.at("body.text", "is required with documents")
    if body.keep_documents and body.replaces is None:
        raise InvalidRequest.at("body.keepDocuments", "needs replaces")
