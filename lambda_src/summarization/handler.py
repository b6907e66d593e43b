"""The function's entry."""

from shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from shared.function import make_handler

from summarization.routes import ROUTES
from summarization.service import SummaryService

handler = make_handler(ROUTES, SummaryService)
start.done()
