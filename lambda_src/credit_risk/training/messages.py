"""The Lambda handler of the trainings: the messages of their queue."""

from lambda_src.credit_risk.queue import Queue, TrainModel, decode_training_message
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.credit_risk.training.worker import Worker
from lambda_src.shared.queue_handler import QueueHandler


def make_queue_handler(settings: CreditSettings, worker: Worker, queue: Queue) -> QueueHandler[TrainModel]:
    """Makes the models that the queue's messages name."""
    return QueueHandler(
        caller="training",
        max_receives=settings.max_receives,
        decode=decode_training_message,
        run=worker.run,
        retry_after=queue.retry_after,
        name=lambda message: "trainModel" if message else "none",
        give_up=worker.give_up,
    )
