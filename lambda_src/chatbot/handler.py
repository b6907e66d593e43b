"""The function's entry: the REST API."""

from shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from shared.function import make_handler

from chatbot.routes import ROUTES
from chatbot.service import ChatService
from chatbot.settings import ChatSettings

handler = make_handler(ROUTES, ChatService, ChatSettings)
start.done()
