"""What the functions behind APIs get on a stage with an audit trail: the log group's name, and a stream to write to."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.config import StageSettings


def audit_variables(settings: StageSettings) -> dict[str, str]:
    """The variables of a function behind an API."""
    if settings.audit is None:
        return {}
    contents = {"AUDIT_CONTENTS": "true"} if settings.audit.contents else {}
    return {"AUDIT_GROUP": audit_group_name(settings), **contents}


def audit_services(settings: StageSettings) -> tuple[str, ...]:
    """The services that such a function calls in addition."""
    return ("logs",) if settings.audit else ()


def grant_audit(scope: UseCaseStack, role: iam.Role) -> None:
    """Lets the role of such a function create its use case's stream and write to it, and read or delete nothing."""
    if scope.settings.audit is None:
        return
    # Found by its name: a reference would not let the other stack replace or delete it.
    arn = Stack.of(role).format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{audit_group_name(scope.settings)}:log-stream:{kebab(scope.use_case)}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    role.add_to_policy(iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[arn]))


def audit_group_name(settings: StageSettings) -> str:
    """The name of the stage's log group of the audit trail."""
    return f"/bedrock-endpoints/{settings.name}/audit"
