"""Entry point of the function for the queue of erasures and exports."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.caller_data.exports import Exports
from lambda_src.caller_data.job_store import JobStore
from lambda_src.caller_data.queue import Job, Queue
from lambda_src.caller_data.settings import ErasureSettings
from lambda_src.caller_data.worker.functions import Functions
from lambda_src.caller_data.worker.messages import make_queue_handler
from lambda_src.caller_data.worker.worker import Worker
from lambda_src.shared.queue_handler import QueueHandler
from lambda_src.shared.settings import read_settings


def make_handler() -> QueueHandler[Job]:
    """Builds the handler, once per process."""
    settings = read_settings(ErasureSettings)
    queue = Queue(settings.queue_url)
    worker = Worker(
        settings,
        store=JobStore(settings.table_name),
        queue=queue,
        functions=Functions(settings.function_name),
        exports=Exports(str(settings.bucket_name)),
    )
    return make_queue_handler(settings, worker, queue)


handler = make_handler()
start.done()
