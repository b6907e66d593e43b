"""Entry point of the REST API's function."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.shared.function import make_handler

from lambda_src.hr_qa.routes import ROUTES
from lambda_src.hr_qa.service import QaService
from lambda_src.hr_qa.settings import HrSettings

handler = make_handler(ROUTES, QaService, HrSettings)
start.done()
