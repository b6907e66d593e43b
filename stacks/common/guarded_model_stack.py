"""The stack of a use case that is a function, its table, a guardrail and the models it offers, and nothing more."""

from collections.abc import Sequence
from datetime import date

from constructs import Construct

from lambda_src.shared.routes import Route
from stacks.common.alarms import Alarms
from stacks.common.api_functions import ApiFunctions
from stacks.common.guardrail import Guardrail
from stacks.common.table import Table
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
        api = ApiFunctions(
            self,
            routes=routes,
            services=("bedrock-runtime", "dynamodb"),
            environment={**table.environment, **guardrail.environment},
            alarms=alarms,
        )
        for role in api.roles:
            table.grant_use(role)
            guardrail.grant_apply(role)
