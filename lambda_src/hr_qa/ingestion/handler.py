"""The function's entry: the ingestion's queue."""

from lambda_src.shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from lambda_src.hr_qa.documents import Documents
from lambda_src.hr_qa.index import Index
from lambda_src.hr_qa.ingestion.batch import Ingestion
from lambda_src.hr_qa.ingestion.ocr import Ocr
from lambda_src.hr_qa.ingestion.rate_limiter import RateLimiter
from lambda_src.hr_qa.ingestion.worker import Worker
from lambda_src.hr_qa.queue import Queue
from lambda_src.hr_qa.resources import index_definition
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.context import Deadline
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.settings import read_settings

# Calls to the embedding model at once; `RateLimiter` keeps them to the stage's rate.
CONCURRENT_CALLS = 32


def make_handler() -> Ingestion:
    """What the function makes at its start, once."""
    settings = read_settings(HrSettings)
    index = Index(settings)
    if settings.search_service == "es":
        index.create(Deadline(30), index_definition(settings.dimensions, "lucene"))
    queue = Queue(settings.queue_url)
    pace = RateLimiter(settings.ingestion_rate)
    worker = Worker(
        settings,
        documents=Documents(settings.table_name),
        index=index,
        files=FileStore(str(settings.bucket_name)),
        queue=queue,
        embedder=Embedder(
            Bedrock(settings),
            settings.embedding,
            settings.dimensions,
            concurrent_calls=CONCURRENT_CALLS,
            pace=pace,
        ),
        ocr=Ocr() if settings.ocr else None,
    )
    return Ingestion(settings, worker, queue)


handler = make_handler()
start.done()
