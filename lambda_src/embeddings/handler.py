"""The function's entry: everything that lasts is made once, here."""

from shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from shared import aws
from shared.bedrock import READ_SECONDS, Bedrock
from shared.http import Api
from shared.idempotency import Idempotency
from shared.settings import read_settings

from embeddings.routes import ROUTES
from embeddings.service import EmbeddingService

_settings = read_settings()
aws.model_client(READ_SECONDS[0], _settings.model_region)  # made at start, when the processor is free
handler = Api(ROUTES, EmbeddingService(_settings, Bedrock(_settings)), _settings, Idempotency(_settings.table_name))
start.done()
