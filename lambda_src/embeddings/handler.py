"""The function's entry."""

from shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from shared.function import make_handler

from embeddings.routes import ROUTES
from embeddings.service import EmbeddingService

handler = make_handler(ROUTES, EmbeddingService)
start.done()
