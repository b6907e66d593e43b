"""What functions that call models get on a stage with budgets: the limits, and one action on the table."""

import msgspec
from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


def budgets_environment(scope: UseCaseStack) -> dict[str, str]:
    """The variables of a function behind the use case's API."""
    if not _spends(scope):
        return {}
    settings = scope.settings
    return {"BUDGETS": msgspec.json.encode(settings.budgets).decode(), "BUDGETS_TABLE": budgets_table_name(settings)}


def grant_budgets(scope: UseCaseStack, role: iam.Role) -> None:
    """Lets the role of such a function reserve and settle."""
    if not _spends(scope):
        return
    # Found by its name: a reference would not let the other stack replace or delete it.
    arn = Stack.of(role).format_arn(
        service="dynamodb", resource="table", resource_name=budgets_table_name(scope.settings)
    )
    role.add_to_policy(iam.PolicyStatement(actions=["dynamodb:UpdateItem"], resources=[arn]))


def budgets_table_name(settings: StageSettings) -> str:
    """The name of the stage's table of budgets."""
    return f"bedrock-endpoints-{settings.name}-budgets"


def _spends(scope: UseCaseStack) -> bool:
    return bool(scope.settings.budgets and scope.settings.models_for(scope.use_case))
