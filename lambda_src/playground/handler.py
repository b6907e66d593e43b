"""The function's entry."""

from shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from shared.function import make_handler

from playground.routes import ROUTES
from playground.service import PlaygroundService

handler = make_handler(ROUTES, PlaygroundService)
start.done()
