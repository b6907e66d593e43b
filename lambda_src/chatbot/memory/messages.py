"""The memory's Lambda handler: the messages of its queue."""

import msgspec

from lambda_src.chatbot.memory.worker import Worker
from lambda_src.chatbot.queue import MaintainConversation, Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.shared.background_usage import background_usage
from lambda_src.shared.queue_handler import QueueHandler


def make_queue_handler(settings: ChatSettings, worker: Worker, queue: Queue) -> QueueHandler[MaintainConversation]:
    """An invalid message raises `msgspec.MsgspecError` and ends in the dead-letter queue."""
    return QueueHandler(
        caller="memory",
        max_receives=settings.max_receives,
        decode=lambda body: msgspec.json.decode(body, type=MaintainConversation),
        run=worker.maintain,
        retry_after=queue.retry_after,
        name=lambda step: "maintainConversation" if step else "none",
        record=background_usage(settings),
        charged_to=lambda step: step.caller,
    )
