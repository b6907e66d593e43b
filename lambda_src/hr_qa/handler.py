"""The function's entry: the REST API."""

from shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from shared.function import make_handler

from hr_qa.routes import ROUTES
from hr_qa.service import QaService
from hr_qa.settings import HrSettings

handler = make_handler(ROUTES, QaService, HrSettings)
start.done()
