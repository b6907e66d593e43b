"""Entry point of the function for the trainings' queue."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchStore
from lambda_src.credit_risk.queue import Queue, TrainModel
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.credit_risk.training.messages import make_queue_handler
from lambda_src.credit_risk.training.worker import Worker
from lambda_src.credit_risk.training_store import TrainingStore
from lambda_src.shared.queue_handler import QueueHandler
from lambda_src.shared.settings import read_settings


def make_handler() -> QueueHandler[TrainModel]:
    """Builds the handler, once per process."""
    settings = read_settings(CreditSettings)
    table, bucket = settings.table_name, str(settings.bucket_name)
    worker = Worker(
        trainings=TrainingStore(table),
        batches=BatchStore(table),
        files=BatchFiles(bucket),
        registry=ModelRegistry(table, bucket, samples=settings.options.sample_models),
    )
    return make_queue_handler(settings, worker, Queue(settings.queue_url))


handler = make_handler()
start.done()
