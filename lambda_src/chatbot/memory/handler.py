"""Entry point of the function for the memory's queue."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.chatbot.conversations import Conversations
from lambda_src.chatbot.document_store import DocumentStore
from lambda_src.chatbot.memory.messages import make_queue_handler
from lambda_src.chatbot.memory.worker import Worker
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.queue import MaintainConversation, Queue
from lambda_src.chatbot.settings import ChatSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.queue_handler import QueueHandler
from lambda_src.shared.settings import read_settings


def make_handler() -> QueueHandler[MaintainConversation]:
    """Builds the handler, once per process."""
    settings = read_settings(ChatSettings)
    queue = Queue(settings.queue_url)
    worker = Worker(
        settings,
        Bedrock(settings),
        conversations=Conversations(settings.table_name),
        photo_store=PhotoStore(str(settings.bucket_name)),
        document_store=DocumentStore(str(settings.bucket_name)),
        queue=queue,
    )
    return make_queue_handler(settings, worker, queue)


handler = make_handler()
start.done()
