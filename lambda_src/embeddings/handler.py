"""The function's entry."""

from lambda_src.shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from lambda_src.shared.function import make_handler

from lambda_src.embeddings.routes import ROUTES
from lambda_src.embeddings.service import EmbeddingService

handler = make_handler(ROUTES, EmbeddingService)
start.done()
