"""Entry point of the usage API."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.shared.http import Api
from lambda_src.shared.settings import read_settings
from lambda_src.usage.routes import ROUTES
from lambda_src.usage.service import UsageService
from lambda_src.usage.settings import UsageSettings

settings = read_settings(UsageSettings)
handler = Api(ROUTES, UsageService(settings), settings)
start.done()
