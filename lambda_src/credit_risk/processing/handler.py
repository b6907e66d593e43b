"""Entry point of the function for the batches' queue."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.credit_risk.application_store import ApplicationStore
from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchStore
from lambda_src.credit_risk.counters import Counters
from lambda_src.credit_risk.processing.messages import make_queue_handler
from lambda_src.credit_risk.processing.worker import Worker
from lambda_src.credit_risk.queue import ProcessBatch, Queue
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.shared.queue_handler import QueueHandler
from lambda_src.shared.settings import read_settings


def make_handler() -> QueueHandler[ProcessBatch]:
    """Builds the handler, once per process."""
    settings = read_settings(CreditSettings)
    table, bucket = settings.table_name, str(settings.bucket_name)
    queue = Queue(settings.queue_url)
    worker = Worker(
        settings,
        batches=BatchStore(table),
        files=BatchFiles(bucket),
        applications=ApplicationStore(table),
        counters=Counters(table),
        registry=ModelRegistry(table, bucket, samples=settings.options.sample_models),
        queue=queue,
    )
    return make_queue_handler(settings, worker, queue)


handler = make_handler()
start.done()
