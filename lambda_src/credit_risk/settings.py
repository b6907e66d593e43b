"""Credit risk's settings."""

from typing import Annotated

from msgspec import Meta

from lambda_src.shared.settings import Options, Settings


class CreditRiskOptions(Options, frozen=True, kw_only=True):
    """The setting `creditRisk` of a stage."""

    # How long scores are kept, with their applications and reviews. Regulation B asks for 25 months after the notice.
    retention_months: Annotated[int, Meta(ge=1, le=240)] = 25
    # The models trained on loans of nobody, one of them active until another is. Turn them off where loans are decided.
    sample_models: bool = True


class CreditSettings(Settings, frozen=True, kw_only=True):
    """The environment of credit risk's functions.

    `queue_url` is the queue of the batches; the function that trains has its own there, and no other.
    """

    queue_url: str = ""
    training_queue_url: str = ""
    max_receives: int = 8
    options: CreditRiskOptions = CreditRiskOptions()
