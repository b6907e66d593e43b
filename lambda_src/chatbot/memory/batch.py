"""The memory's Lambda handler: batches of its queue."""

import msgspec

from lambda_src.chatbot.memory.worker import Worker
from lambda_src.chatbot.queue import MaintainConversation, Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.shared.queue_batch import QueueBatch

# Time for a summary and a title, each a call to a model.
REQUIRED_SECONDS = 40


def make_batch(settings: ChatSettings, worker: Worker, queue: Queue) -> QueueBatch[MaintainConversation]:
    """An invalid message raises `msgspec.MsgspecError` and ends in the dead-letter queue."""
    return QueueBatch(
        caller="memory",
        max_receives=settings.max_receives,
        required_seconds=REQUIRED_SECONDS,
        decode=lambda body: msgspec.json.decode(body, type=MaintainConversation),
        run=worker.maintain,
        retry_after=queue.retry_after,
        name=lambda step: "maintainConversation" if step else "none",
    )
