"""Access by tokens: the authorizer of all use cases' second APIs, and the API for administrators of keys."""

from datetime import date

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from lambda_src.access.routes import ROUTES
from stacks.common.access import authorizer_name
from stacks.common.alarms import PERIOD, Alarms
from stacks.common.python_function import ApiFunction, AuthorizerFunction
from stacks.common.table import Table
from stacks.common.use_case_api import UseCaseApi
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.config import StageSettings


class AccessStack(UseCaseStack):
    """The authorizer; on a stage with keys also their table and API.

    Keys are managed over the main API only, so a key or token never manages keys. Requires a role for API Gateway's
    logs in the account, and no model.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "access", settings=settings, today=today)
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings) if settings.auth.api_keys else None
        self._add_authorizer(table, alarms)
        if table:
            api = ApiFunction(self, "Function", services=("dynamodb",), environment=table.environment, alarms=alarms)
            # Keys are never deleted: they expire.
            table.grant_read(api.role)
            table.grant_put(api.role)
            UseCaseApi(self, "Api", routes=ROUTES, function=api.function, alarms=alarms)

    def _add_authorizer(self, table: Table | None, alarms: Alarms) -> None:
        authorizer = AuthorizerFunction(
            self,
            "Authorizer",
            services=("dynamodb",),
            environment=table.environment if table else {},
            alarms=alarms,
        )
        authorizer.resource.function_name = authorizer_name(self.settings)
        if table:
            table.grant_get(authorizer.role)
        alarms.add(
            "CredentialsUnchecked",
            cloudwatch.Metric(
                namespace="BedrockEndpoints",
                metric_name="CredentialsUnchecked",
                dimensions_map={"service": kebab(self.use_case), "stage": self.settings.name},
                statistic="Sum",
                period=PERIOD,
            ),
            threshold=1,
            periods=1,
            description="An identity provider or the table of keys did not answer: callers with its tokens get 503",
        )
