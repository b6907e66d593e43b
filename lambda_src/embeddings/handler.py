"""Entry point of the function."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.shared.function import make_handler

from lambda_src.embeddings.routes import ROUTES
from lambda_src.embeddings.service import EmbeddingService

handler = make_handler(ROUTES, EmbeddingService)
start.done()
