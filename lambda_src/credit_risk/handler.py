"""Entry point of the REST API's function."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.settings import read_settings

from lambda_src.credit_risk.routes import ROUTES
from lambda_src.credit_risk.service import CreditService
from lambda_src.credit_risk.settings import CreditSettings

settings = read_settings(CreditSettings)
handler = Api(ROUTES, CreditService(settings), settings, IdempotencyStore(settings.table_name))
start.done()
