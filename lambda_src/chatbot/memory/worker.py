"""Looks after a conversation: takes it apart when it was deleted, else shortens and names it as far as that is due.

Every step is conditional and may be done again: a message that comes twice, late or after a kill does no harm.
"""

import time
from collections.abc import Callable

from lambda_src.chatbot.conversations import ConversationItem, Conversations, StaleWriteError
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.queue import MaintainConversation, Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.chatbot.summaries import Summaries, tokens
from lambda_src.chatbot.titles import title_of
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Refused
from lambda_src.shared.observability import logger

# The longest that a function lives, and that SQS delays a message. A turn which was begun before the deletion may put
# its photos in the bucket so much later; its messages it cannot.
SETTLED_SECONDS = 900


class Worker:
    """The steps, over the stores of one stage."""

    def __init__(
        self,
        settings: ChatSettings,
        bedrock: Bedrock,
        *,
        conversations: Conversations,
        photo_store: PhotoStore,
        queue: Queue,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._bedrock = bedrock
        self._conversations = conversations
        self._photo_store = photo_store
        self._queue = queue
        self._summaries = Summaries(settings, bedrock, conversations)
        self._now = now

    def maintain(self, context: Context, step: MaintainConversation) -> None:
        """Whatever is due; nothing for a conversation that is no longer there."""
        record = self._conversations.find(step.caller, step.conversation)
        if record is None:
            return
        if record.deleted is not None:
            self._take_apart(step.caller, record.id, record.deleted)
            return
        try:
            self._shorten(context, step.caller, record)
            self._name(context, step.caller, record)
        except StaleWriteError:
            # Somebody else has done it, or the conversation is being deleted: that has a message of its own.
            logger.info("write superseded", request_id=context.request_id)

    def _take_apart(self, caller: str, conversation: str, deleted: int) -> None:
        self._photo_store.forget(conversation)
        self._conversations.forget_messages(caller, conversation)
        left = deleted + SETTLED_SECONDS - self._now()
        if left > 0:
            # The mark stays until nothing can come up any more.
            self._queue.request_maintenance(caller, conversation, delay=min(int(left) + 1, SETTLED_SECONDS))
            return
        try:
            self._conversations.forget(caller, conversation)
        except StaleWriteError:
            logger.info("conversation already gone")

    def _shorten(self, context: Context, caller: str, record: ConversationItem) -> None:
        messages = self._conversations.messages(caller, record.id, record.summarized_through)
        if tokens(messages) <= self._settings.window_tokens:
            return
        try:
            self._summaries.condense(context, caller, record, messages)
        except Refused:
            # It stays whole, and is tried again after the next turn: nothing that was said may be lost.
            logger.warning("summary refused", request_id=context.request_id, conversation=record.id)

    def _name(self, context: Context, caller: str, record: ConversationItem) -> None:
        if record.title is not None:
            return
        messages = self._conversations.messages(caller, record.id, limit=2)
        if messages:
            title = title_of(self._settings, self._bedrock, context, record, messages)
            self._conversations.name(caller, record.id, title)
