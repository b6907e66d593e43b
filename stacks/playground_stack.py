"""Playground: tries prompts on one model, or on several side by side."""

from datetime import date

from constructs import Construct

from lambda_src.playground.routes import ROUTES
from stacks.common.api_stack import ApiStack
from stacks.config import StageSettings


class PlaygroundStack(ApiStack):
    """The playground API. It only stores answers to requests with an idempotency key, for a day.

    Requires access to the stage's text models, and a role for API Gateway's logs in the account.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "playground", routes=ROUTES, settings=settings, today=today)
