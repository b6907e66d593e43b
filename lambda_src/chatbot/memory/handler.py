"""The function's entry: the memory's queue."""

from lambda_src.shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.conversations import Conversations
from lambda_src.chatbot.memory.batch import make_batch
from lambda_src.chatbot.memory.worker import Worker
from lambda_src.chatbot.queue import MaintainConversation, Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.queue_batch import QueueBatch
from lambda_src.shared.settings import read_settings


def make_handler() -> QueueBatch[MaintainConversation]:
    """What the function makes at its start, once."""
    settings = read_settings(ChatSettings)
    queue = Queue(settings.queue_url)
    worker = Worker(
        settings,
        Bedrock(settings),
        conversations=Conversations(settings.table_name),
        photo_store=PhotoStore(str(settings.bucket_name)),
        queue=queue,
    )
    return make_batch(settings, worker, queue)


handler = make_handler()
start.done()
