"""Embeddings: texts become vectors, and candidates are ranked by their likeness to a text."""

from datetime import date

from constructs import Construct

from lambda_src.embeddings.routes import ROUTES
from stacks.common.alarms import Alarms
from stacks.common.model_access import ModelAccess
from stacks.common.python_function import PythonFunction
from stacks.common.table import Table
from stacks.common.use_case_api import UseCaseApi
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


class EmbeddingsStack(UseCaseStack):
    """The embeddings API. Only answers to requests with an idempotency key are kept, for a day.

    There is no guardrail: a vector says nothing that a policy could decline. Needs access to the stage's embedding
    models, and a role for API Gateway's logs in the account.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "embeddings", settings=settings, today=today)
        alarms = Alarms(self, "Alarms", settings=settings.alarms)
        table = Table(self, "Table", settings=settings)
        function = PythonFunction(
            self,
            "Function",
            services=("bedrock-runtime", "dynamodb"),
            environment=table.environment,
            alarms=alarms,
        )
        table.grant_use(function.role)
        ModelAccess(self).grant(function.role)
        UseCaseApi(self, "Api", routes=ROUTES, function=function.function, alarms=alarms)
