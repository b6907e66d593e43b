"""The stack of a use case that consists of an API, its functions and a table."""

from collections.abc import Sequence
from datetime import date

from constructs import Construct

from lambda_src.shared.routes import Route
from stacks.common.alarms import Alarms
from stacks.common.api_functions import ApiFunctions
from stacks.common.caller_data import CallerDataFunction
from stacks.common.guardrail import Guardrail
from stacks.common.table import Table
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


class ApiStack(UseCaseStack):
    """The routes of one use case.

    A use case whose registry entry has models may call them, and is screened by the stage's guardrail. Requires access
    to those models, and a role for API Gateway's logs in the account.
    """

    def __init__(
        self,
        scope: Construct,
        use_case: str,
        *,
        routes: Sequence[Route],
        settings: StageSettings,
        today: date,
    ) -> None:
        super().__init__(scope, use_case, settings=settings, today=today)
        calls_models = bool(settings.models_for(use_case))
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings)
        guardrail = Guardrail(self, "Guardrail") if calls_models else None
        api = ApiFunctions(
            self,
            routes=routes,
            services=("bedrock-runtime", "dynamodb") if calls_models else ("dynamodb",),
            environment={**table.environment, **(guardrail.environment if guardrail else {})},
            alarms=alarms,
            guardrail=guardrail,
        )
        for role in api.roles:
            table.grant_use(role)
            if guardrail:
                guardrail.grant_apply(role)
        if settings.caller_data:
            CallerDataFunction(self, "CallerData", table=table, alarms=alarms)
