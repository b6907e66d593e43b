"""Budgets: the table with what callers, teams and the stage have used, for all use cases."""

from datetime import date

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.common.budgets import budgets_table_name
from stacks.common.nag import acknowledge, compliance_findings
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


class BudgetsStack(UseCaseStack):
    """One table, billed on demand; its items expire a day after their minute, day or month.

    It has no backups and is deleted with the stack: a copy would lack what was used since, so the limits begin anew
    either way.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "budgets", settings=settings, today=today)
        table = dynamodb.Table(
            self,
            "Table",
            table_name=budgets_table_name(settings),
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expiresAt",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            removal_policy=RemovalPolicy.DESTROY,
        )
        reason = "Counters of at most a month, which a backup would set back: the limits begin anew either way"
        acknowledge(table, {"AwsSolutions-DDB3": reason, **compliance_findings({"DynamoDBPITREnabled": reason})})
