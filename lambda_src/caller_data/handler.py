"""Entry point of the API's function."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.caller_data.routes import ROUTES
from lambda_src.caller_data.service import CallerDataService
from lambda_src.caller_data.settings import ErasureSettings
from lambda_src.shared.http import Api
from lambda_src.shared.settings import read_settings

settings = read_settings(ErasureSettings)
handler = Api(ROUTES, CallerDataService(settings), settings)
start.done()
