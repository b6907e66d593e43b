"""The Lambda handler of the work on batches: the messages of its queue."""

from lambda_src.credit_risk.processing.worker import Worker
from lambda_src.credit_risk.queue import ProcessBatch, Queue, decode_batch_message
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.shared.queue_handler import QueueHandler


def make_queue_handler(settings: CreditSettings, worker: Worker, queue: Queue) -> QueueHandler[ProcessBatch]:
    """Works on the batches that the queue's messages name."""
    return QueueHandler(
        caller="processing",
        max_receives=settings.max_receives,
        decode=decode_batch_message,
        run=worker.run,
        retry_after=queue.retry_after,
        name=lambda message: "processBatch" if message else "none",
        give_up=worker.give_up,
    )
