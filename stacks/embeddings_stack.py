"""Embeddings: turns texts into vectors, and ranks candidates by their similarity to a text."""

from datetime import date

from constructs import Construct

from lambda_src.embeddings.routes import ROUTES
from stacks.common.api_stack import ApiStack
from stacks.config import StageSettings


class EmbeddingsStack(ApiStack):
    """The embeddings API. It only stores answers to requests with an idempotency key, for a day.

    Embedding models take no guardrail, so the function screens the texts first.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "embeddings", routes=ROUTES, settings=settings, today=today)
