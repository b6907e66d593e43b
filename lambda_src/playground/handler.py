"""Entry point of the function."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.shared.function import make_handler

from lambda_src.playground.routes import ROUTES
from lambda_src.playground.service import PlaygroundService

handler = make_handler(ROUTES, PlaygroundService)
start.done()
