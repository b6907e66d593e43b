"""Entry point of the keys' REST API."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.access.routes import ROUTES
from lambda_src.access.service import AccessService
from lambda_src.access.settings import AccessSettings
from lambda_src.shared.http import Api
from lambda_src.shared.settings import read_settings

settings = read_settings(AccessSettings)
handler = Api(ROUTES, AccessService(settings), settings)
start.done()
