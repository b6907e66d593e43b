"""Entry point of the REST API's function."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.shared.function import make_handler

from lambda_src.chatbot.routes import ROUTES
from lambda_src.chatbot.service import ChatService
from lambda_src.chatbot.settings import ChatSettings

handler = make_handler(ROUTES, ChatService, ChatSettings)
start.done()
