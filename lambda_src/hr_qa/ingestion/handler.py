"""Entry point of the function for the ingestion's queue."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.hr_qa.documents import Documents
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.index import Index
from lambda_src.hr_qa.ingestion.messages import make_queue_handler
from lambda_src.hr_qa.ingestion.ocr import Ocr
from lambda_src.hr_qa.ingestion.rate_limiter import RateLimiter
from lambda_src.hr_qa.ingestion.worker import Worker
from lambda_src.hr_qa.queue import AnyStep, Queue
from lambda_src.hr_qa.resources import index_definition
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.context import Deadline
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.queue_handler import QueueHandler
from lambda_src.shared.settings import read_settings

# Concurrent calls to the embedding model; `RateLimiter` keeps them to the stage's rate.
CONCURRENT_CALLS = 32


def make_handler() -> QueueHandler[AnyStep]:
    """Builds the handler, once per process."""
    settings = read_settings(HrSettings)
    index = Index(settings)
    if settings.search_service == "es":
        index.create(Deadline(30), index_definition(settings.options.dimensions, "lucene"))
    queue = Queue(settings.queue_url)
    worker = Worker(
        settings,
        documents=Documents(settings.table_name),
        index=index,
        files=FileStore(str(settings.bucket_name)),
        queue=queue,
        embedder=Embedder(
            Bedrock(settings),
            settings.embedding,
            settings.options.dimensions,
            concurrent_calls=CONCURRENT_CALLS,
            rate_limiter=RateLimiter(settings.function_embedding_rate),
            # A chunk is stored with all of its words, which are searched as well.
            truncates=True,
        ),
        ocr=Ocr() if settings.options.ocr else None,
    )
    return make_queue_handler(settings, worker, queue)


handler = make_handler()
start.done()
