"""Usage: what callers used of the models, their budgets, and the API that reports and changes them."""

from datetime import date

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambda_src.shared.budget_events import SOURCE
from lambda_src.usage.routes import OWN, ROUTES
from stacks.common.alarms import Alarms
from stacks.common.nag import acknowledge, compliance_findings
from stacks.common.python_function import ApiFunction
from stacks.common.table import Table
from stacks.common.usage import budgets_table_name, usage_environment, usage_table_name
from stacks.common.use_case_api import add_apis
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


class UsageStack(UseCaseStack):
    """The table of what was used, that of the budgets if the stage has any, and the API on both.

    Limits are changed, and everyone's use is seen, over the main API only. Requires a role for API Gateway's logs in
    the account, and no model.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "usage", settings=settings, today=today)
        alarms = Alarms(self, "Alarms")
        usage = Table(self, "Table", settings=settings, name=usage_table_name(settings))
        api = ApiFunction(
            self,
            "Function",
            services=("dynamodb",),
            environment={**usage.environment, **usage_environment(settings)},
            alarms=alarms,
        )
        usage.grant_read(api.role)
        if settings.budgets:
            budgets = self._budgets()
            # Limits of single callers are put and deleted; what is used of budgets is only read.
            actions = ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem")
            api.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[budgets.table_arn]))
            if any(budget.warn for budget in settings.budgets):
                pattern = events.EventPattern(source=[SOURCE], detail={"stage": [settings.name]})
                alarms.send_events("Budgets", pattern, description="Use reaches a share of a budget's limit")
        add_apis(self, routes=ROUTES, token_routes=OWN, function=api.function, alarms=alarms)

    def _budgets(self) -> dynamodb.Table:
        """One table, billed on demand; its items expire a day after their minute, day or month.

        It has no backups and is deleted with the stack: a copy would lack what was used since, so the limits begin
        anew either way.
        """
        table = dynamodb.Table(
            self,
            "Budgets",
            table_name=budgets_table_name(self.settings),
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expiresAt",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            removal_policy=RemovalPolicy.DESTROY,
        )
        reason = "Counters of at most a month, which a backup would set back: the limits begin anew either way"
        acknowledge(table, {"AwsSolutions-DDB3": reason, **compliance_findings({"DynamoDBPITREnabled": reason})})
        return table
