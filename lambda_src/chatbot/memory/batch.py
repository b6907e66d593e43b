"""The memory's Lambda handler: messages of its queue, some at a time."""

import msgspec

from lambda_src.chatbot.memory.worker import Worker
from lambda_src.chatbot.queue import MaintainConversation, Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.shared.queue_batch import QueueBatch

# A summary and a title, each by a model that takes its time.
LEFT_SECONDS = 40


def make_batch(settings: ChatSettings, worker: Worker, queue: Queue) -> QueueBatch[MaintainConversation]:
    """A message that is none raises `msgspec.MsgspecError`, and ends in the dead-letter queue."""
    return QueueBatch(
        caller="memory",
        max_receives=settings.max_receives,
        left_seconds=LEFT_SECONDS,
        read=lambda body: msgspec.json.decode(body, type=MaintainConversation),
        do=worker.maintain,
        retry_after=queue.retry_after,
        name=lambda step: "lookAfter" if step else "none",
    )
