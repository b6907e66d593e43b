"""The function's entry: the memory's queue."""

from shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from chatbot.album import Album
from chatbot.conversations import Conversations
from chatbot.memory.batch import make_batch
from chatbot.memory.worker import Worker
from chatbot.queue import LookAfter, Queue
from chatbot.settings import ChatSettings
from shared.bedrock import Bedrock
from shared.queue_batch import QueueBatch
from shared.settings import read_settings


def make_handler() -> QueueBatch[LookAfter]:
    """What the function makes at its start, once."""
    settings = read_settings(ChatSettings)
    queue = Queue(settings.queue_url)
    worker = Worker(
        settings,
        Bedrock(settings),
        conversations=Conversations(settings.table_name),
        album=Album(str(settings.bucket_name)),
        queue=queue,
    )
    return make_batch(settings, worker, queue)


handler = make_handler()
start.done()
