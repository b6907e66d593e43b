"""Maintains a conversation: deletes it if it is marked as deleted. If not, it deletes messages that were replaced, and
summarizes and names the conversation when that is due.

Every step is conditional and repeatable, so a message that is delivered twice, late or after a kill does no harm.
"""

import time
from collections.abc import Callable

from lambda_src.chatbot.conversations import ConversationItem, Conversations
from lambda_src.chatbot.document_store import DocumentStore
from lambda_src.chatbot.message_item import MessageItem, StoredPhoto
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.queue import MaintainConversation, Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.chatbot.stops import StopRequests
from lambda_src.chatbot.summaries import Summaries
from lambda_src.chatbot.titles import generate_title
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Refused
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.observability import logger
from lambda_src.shared.table import StaleWriteError

# The longest run of a function, and the longest delay of SQS. A turn that started before the deletion may still store
# photos and documents until then, but no messages.
SETTLED_SECONDS = 900


class Worker:
    """The maintenance steps, over the stores of one stage."""

    def __init__(
        self,
        settings: ChatSettings,
        bedrock: Bedrock,
        *,
        conversations: Conversations,
        photo_store: PhotoStore,
        document_store: DocumentStore,
        queue: Queue,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._conversations = conversations
        self._photo_store = photo_store
        self._document_store = document_store
        self._queue = queue
        self._responses = IdempotencyStore.of(conversations)
        self._stops = StopRequests.of(conversations)
        self._summaries = Summaries(settings, bedrock, conversations, document_store)
        self._now = now

    def maintain(self, context: Context, step: MaintainConversation) -> None:
        """Does what is due; nothing for a conversation that no longer exists."""
        conversation = self._conversations.find(step.caller, step.conversation)
        if conversation is None:
            return
        if conversation.deleted_at is not None:
            self._delete(step.caller, conversation.id, conversation.deleted_at)
            return
        try:
            self._purge(step.caller, conversation)
            self._summarize(context, step.caller, conversation)
            self._set_title(context, step.caller, conversation)
        except StaleWriteError:
            # Another process did the same, or the conversation is being deleted, which has its own message.
            logger.info("stale write", request_id=context.request_id)

    def _delete(self, caller: str, conversation_id: str, deleted_at: int) -> None:
        self._photo_store.delete_all(conversation_id)
        self._document_store.delete_all(conversation_id)
        self._conversations.delete_messages(caller, conversation_id)
        self._stops.delete(caller, conversation_id)
        remaining = deleted_at + SETTLED_SECONDS - self._now()
        if remaining > 0:
            # Deletes once more when no running turn can add files any longer.
            delay = min(int(remaining) + 1, SETTLED_SECONDS)
            self._queue.request_maintenance(caller, conversation_id, delay=delay)
            return
        try:
            self._conversations.delete(caller, conversation_id)
        except StaleWriteError:
            logger.info("conversation already deleted")

    def _purge(self, caller: str, conversation: ConversationItem) -> None:
        """Deletes every copy of the messages that were replaced; their items last, so that a retry finds the others."""
        if not conversation.removed:
            return
        messages = self._conversations.removed_messages(caller, conversation)
        self._photo_store.delete(conversation.id, self._unused_photos(caller, conversation, messages))
        documents = {document for message in messages.values() for document in message.documents}
        self._document_store.delete(conversation.id, documents)
        self._responses.forget_details(conversation.id, {message.id for message in messages.values()})
        self._conversations.purge(caller, conversation, [*messages])

    def _unused_photos(
        self, caller: str, conversation: ConversationItem, removed: dict[int, MessageItem]
    ) -> set[StoredPhoto]:
        photos = {photo for message in removed.values() for photo in message.photos}
        if all(photo.message for photo in photos):
            return photos
        # Older photos may be those of other messages, too.
        kept = self._conversations.messages(caller, conversation)
        return photos.difference(*(message.photos for message in kept.values()))

    def _summarize(self, context: Context, caller: str, conversation: ConversationItem) -> None:
        messages = self._conversations.messages(caller, conversation, conversation.summarized_through)
        if not self._summaries.is_due(context, conversation, [*messages.values()]):
            return
        try:
            self._summaries.summarize(context, caller, conversation, messages)
        except Refused:
            # The messages stay in full, and the next turn tries again: none may be lost.
            logger.warning("summary refused", request_id=context.request_id, conversation=conversation.id)

    def _set_title(self, context: Context, caller: str, conversation: ConversationItem) -> None:
        if conversation.title is not None:
            return
        messages = self._conversations.messages(caller, conversation, limit=2)
        if messages:
            title = generate_title(self._settings, self._bedrock, context, conversation, [*messages.values()])
            self._conversations.set_title(caller, conversation, title)
