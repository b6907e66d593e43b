"""The worker's Lambda handler: the messages of its queue."""

import msgspec

from lambda_src.caller_data.queue import Job, Queue
from lambda_src.caller_data.settings import ErasureSettings
from lambda_src.caller_data.worker.worker import Worker
from lambda_src.shared.queue_handler import QueueHandler


def make_queue_handler(settings: ErasureSettings, worker: Worker, queue: Queue) -> QueueHandler[Job]:
    """An invalid message raises `msgspec.MsgspecError` and ends in the dead-letter queue."""
    return QueueHandler(
        caller="worker",
        max_receives=settings.max_receives,
        decode=lambda body: msgspec.json.decode(body, type=Job),
        run=worker.run,
        retry_after=queue.retry_after,
        name=lambda job: job.job if job else "none",
        give_up=worker.give_up,
    )
