"""The stack of a use case that is a function, its table, a guardrail and the models it offers, and nothing more."""

from collections.abc import Sequence
from datetime import date

from constructs import Construct

from shared.routes import Route
from stacks.common.alarms import Alarms
from stacks.common.guardrail import Guardrail
from stacks.common.model_access import ModelAccess
from stacks.common.python_function import PythonFunction
from stacks.common.table import Table
from stacks.common.use_case_api import UseCaseApi
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


class GuardedModelStack(UseCaseStack):
    """The routes of one use case over text models, screened by the stage's guardrail.

    Needs access to the stage's models of the use case, and a role for API Gateway's logs in the account.
    """

    def __init__(
        self, scope: Construct, use_case: str, *, routes: Sequence[Route], settings: StageSettings, today: date
    ) -> None:
        super().__init__(scope, use_case, settings=settings, today=today)
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
        UseCaseApi(self, "Api", routes=routes, function=function.function, alarms=alarms)
