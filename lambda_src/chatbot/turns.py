"""What is known of a turn before the model answers: the history that it gets, and what the turn replaces."""

from typing import NamedTuple

import msgspec

from lambda_src.chatbot.conversations import ConversationItem, Conversations, Cut, MessageItem, without_summary
from lambda_src.chatbot.models import SendMessage
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.queue import Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.chatbot.summaries import MAX_WINDOWS, Summaries, estimate_tokens
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import ApiError, Conflict, DeadlineExceeded, InvalidRequest
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
    has the message's text and photos, also where an earlier message is sent again. With a `cut`, conversation and
    history are as they will be once that is removed.
    """

    conversation: ConversationItem
    history: list[MessageItem]
    body: SendMessage
    chosen: Invocation
    asked_at: str
    cut: Cut | None

    @property
    def text(self) -> str:
        """The message's text."""
        assert self.body.text is not None, "a message that is sent again has the text of the first time"
        return self.body.text


class TurnPreparation:
    """Prepares turns of one stage's conversations."""

    def __init__(
        self,
        settings: ChatSettings,
        conversations: Conversations,
        photo_store: PhotoStore,
        summaries: Summaries,
        queue: Queue,
    ) -> None:
        self._settings = settings
        self._conversations = conversations
        self._photo_store = photo_store
        self._summaries = summaries
        self._queue = queue

    def prepare(self, context: Context, conversation_id: str, body: SendMessage, asked_at: str) -> PendingTurn:
        """Raises `NotFound`, `InvalidRequest`, `TooLarge`, `Conflict`, and `Unavailable`."""
        _require_text(body)
        conversation = self._conversations.get(context.caller, conversation_id)
        chosen = self._settings.model_of(context, conversation.model)
        # Refuses what the model does not take before any call is paid for.
        photo_blocks(body.photos, chosen.model)
        history = self._history(context, conversation)
        if body.replaces is not None:
            return self._replacing(context, conversation, history, body, chosen, asked_at)
        conversation, history = self._fit_window(context, conversation, history)
        return PendingTurn(conversation, [*history.values()], body, chosen, asked_at, None)

    def _replacing(
        self,
        context: Context,
        stored: ConversationItem,
        history: History,
        body: SendMessage,
        chosen: Invocation,
        asked_at: str,
    ) -> PendingTurn:
        """The turn that replaces an earlier one and all after it. Until it is stored, the conversation stays."""
        first, message = self._replaced(context, stored, history, str(body.replaces))
        if body.text is None:
            body = self._sent_again(stored, message, body)
            photo_blocks(body.photos, chosen.model)
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
        return PendingTurn(conversation, [*rest.values()], body, chosen, asked_at, cut)

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
        if self._fits(messages):
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
        if self._fits(messages):
            return conversation, messages
        try:
            return self._summaries.condense(context, conversation, messages)
        except DeadlineExceeded:
            raise
        except ApiError as error:
            logger.warning("not summarized", request_id=context.request_id, error=error.code)
            return conversation, messages

    def _fits(self, messages: History) -> bool:
        return estimate_tokens([*messages.values()]) <= MAX_WINDOWS * self._settings.options.window_tokens


def _require_text(body: SendMessage) -> None:
    if body.text is None and body.replaces is None:
        raise InvalidRequest.at("body.text", "is required")
    if body.text is None and body.photos:
        raise InvalidRequest.at("body.text", "is required with photos")
