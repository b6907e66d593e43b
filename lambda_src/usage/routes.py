"""The route table of usage. Where the stage has no budgets, their lists are empty."""

from lambda_src.shared.errors import DeadlineExceeded
from lambda_src.shared.routes import ADMIN, AUDITOR, CALLER, Route
from lambda_src.usage.models import (
    AllUsageQuery,
    BudgetList,
    BudgetStates,
    CreateOverride,
    OverrideAnswer,
    UsageQuery,
    UsageReport,
)

BODY_BYTES = 16_384

ROUTES = (
    Route(
        method="GET",
        path="/usage",
        operation="own_usage",
        summary="Report what you used of the models",
        query=UsageQuery,
        response=UsageReport,
        csv=True,
        raises=(DeadlineExceeded,),
    ),
    Route(
        method="GET",
        path="/budgets",
        operation="own_budgets",
        summary="Show the budgets that apply to you, and what is used of them",
        response=BudgetStates,
    ),
    Route(
        method="GET",
        path="/admin/usage",
        operation="all_usage",
        summary="Report what everyone used of the models",
        query=AllUsageQuery,
        response=UsageReport,
        csv=True,
        raises=(DeadlineExceeded,),
        roles=(ADMIN, AUDITOR),
    ),
    Route(
        method="GET",
        path="/admin/budgets",
        operation="list_budgets",
        summary="List the stage's budgets, and the limits that replace theirs",
        response=BudgetList,
        roles=(ADMIN, AUDITOR),
    ),
    Route(
        method="POST",
        path="/admin/budget-overrides",
        operation="create_override",
        summary="Give a caller, a team or the stage another limit",
        status=201,
        request=CreateOverride,
        response=OverrideAnswer,
        max_body_bytes=BODY_BYTES,
        roles=(ADMIN,),
    ),
    Route(
        method="DELETE",
        path="/admin/budget-overrides/{id}",
        operation="delete_override",
        summary="Return to the limit in the stage's settings",
        status=204,
        roles=(ADMIN,),
    ),
)
# Over the API for tokens and keys: no token or key changes limits, or sees what others use.
OWN = tuple(route for route in ROUTES if CALLER in route.roles)
