"""What functions that call models get on a stage that records use: the tables' names, the limits, and few actions."""

import msgspec
from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from lambda_src.shared.budget_events import SOURCE
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


def usage_variables(scope: UseCaseStack) -> dict[str, str]:
    """The variables of a function behind the use case's API."""
    return usage_environment(scope.settings) if _spends(scope) else {}


def usage_services(scope: UseCaseStack) -> tuple[str, ...]:
    """The services that such a function calls in addition."""
    return ("events",) if _spends(scope) and _warns(scope.settings) else ()


def grant_usage(scope: UseCaseStack, role: iam.Role) -> None:
    """Lets the role of such a function record what was used, and reserve and settle."""
    if not _spends(scope):
        return
    settings = scope.settings
    # Found by their names: a reference would not let the other stack replace or delete them.
    _grant(role, ("dynamodb:UpdateItem",), "dynamodb", "table", usage_table_name(settings))
    if settings.budgets:
        # Query: the limits of single callers.
        _grant(role, ("dynamodb:UpdateItem", "dynamodb:Query"), "dynamodb", "table", budgets_table_name(settings))
    if _warns(settings):
        condition = {"StringEquals": {"events:source": SOURCE}}
        _grant(role, ("events:PutEvents",), "events", "event-bus", "default", conditions=condition)


def usage_environment(settings: StageSettings) -> dict[str, str]:
    """The tables' names and the limits."""
    variables = {"USAGE_TABLE": usage_table_name(settings)}
    if settings.budgets:
        budgets = msgspec.json.encode(settings.budgets).decode()
        variables |= {"BUDGETS": budgets, "BUDGETS_TABLE": budgets_table_name(settings)}
    return variables


def usage_table_name(settings: StageSettings) -> str:
    """The name of the stage's table of usage."""
    return f"bedrock-endpoints-{settings.name}-usage"


def budgets_table_name(settings: StageSettings) -> str:
    """The name of the stage's table of budgets."""
    return f"bedrock-endpoints-{settings.name}-budgets"


def _spends(scope: UseCaseStack) -> bool:
    return bool(scope.settings.records_usage and scope.settings.models_for(scope.use_case))


def _warns(settings: StageSettings) -> bool:
    return any(budget.warn for budget in settings.budgets)


def _grant(
    role: iam.Role,
    actions: tuple[str, ...],
    service: str,
    resource: str,
    name: str,
    conditions: dict[str, dict[str, str]] | None = None,
) -> None:
    arn = Stack.of(role).format_arn(service=service, resource=resource, resource_name=name)
    role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[arn], conditions=conditions))
