"""Summarization: turns a technician's notes and photos into an incident report."""

from datetime import date

from constructs import Construct

from lambda_src.summarization.routes import ROUTES
from stacks.common.api_stack import ApiStack
from stacks.config import StageSettings


class SummarizationStack(ApiStack):
    """The summaries API. Reports are stored in a table; photos are not stored.

    Requires access to the stage's text models, and a role for API Gateway's logs in the account.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "summarization", routes=ROUTES, settings=settings, today=today)
