"""Playground: prompts are tried out on one model, or on several side by side."""

from datetime import date

from constructs import Construct

from playground.routes import ROUTES
from stacks.common.alarms import Alarms
from stacks.common.guardrail import Guardrail
from stacks.common.model_access import ModelAccess
from stacks.common.python_function import PythonFunction
from stacks.common.table import Table
from stacks.common.use_case_api import UseCaseApi
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


class PlaygroundStack(UseCaseStack):
    """The playground API. Only answers to requests with an idempotency key are kept, for a day.

    Needs access to the stage's text models, and a role for API Gateway's logs in the account.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "playground", settings=settings, today=today)
        alarms = Alarms(self, "Alarms", settings=settings.alarms)
        table = Table(self, "Table", settings=settings)
        guardrail = Guardrail(self, "Guardrail", settings=settings)
        function = PythonFunction(
            self,
            "Function",
            services=("bedrock-runtime", "dynamodb"),
            environment={**table.environment, **guardrail.environment},
            alarms=alarms,
        )
        table.grant_use(function.role)
        guardrail.grant_apply(function.role)
        ModelAccess(self).grant(function.role)
        UseCaseApi(self, "Api", routes=ROUTES, function=function.function, alarms=alarms)
