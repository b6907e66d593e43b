"""Entry point of the REST API's function."""

from typing import TYPE_CHECKING

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.settings import read_settings

from lambda_src.credit_risk.routes import offered
from lambda_src.credit_risk.score_store import ScoreStore
from lambda_src.credit_risk.service import CreditService
from lambda_src.credit_risk.settings import CreditSettings

if TYPE_CHECKING:
    from lambda_src.credit_risk.letters import Letters


def _letters() -> "Letters | None":
    """Imported where the stage has letters only: the others start without Bedrock."""
    if not settings.models:
        return None
    from lambda_src.credit_risk.letters import Letters
    from lambda_src.shared.function import make_bedrock

    return Letters(settings, make_bedrock(settings), ScoreStore(settings.table_name))


settings = read_settings(CreditSettings)
letters = _letters()
service = CreditService(settings, letters=letters)
handler = Api(offered(letters=letters is not None), service, settings, IdempotencyStore(settings.table_name))
start.done()
