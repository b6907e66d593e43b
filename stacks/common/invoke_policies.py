"""Managed policies by which an administrator gives a principal part of an API: one for each role of its routes."""

from collections.abc import Sequence

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambda_src.shared.routes import Route
from stacks.common.nag import acknowledge


class InvokePolicies(Construct):
    """A policy for each role in a route table, with exactly its routes. The stack attaches them to nobody.

    Their ARNs are outputs of the stack, such as `ScorerPolicyArn`.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, api: apigateway.RestApi, stage: str, routes: Sequence[Route]
    ) -> None:
        """`stage` is the name of the gateway's stage."""
        super().__init__(scope, construct_id)
        for role in dict.fromkeys(role for route in routes for role in route.roles):
            arns = {
                route: api.arn_for_execute_api(route.method, _pattern(route.path), stage)
                for route in routes
                if role in route.roles
            }
            self._add(role, arns)

    def _add(self, role: str, arns: dict[Route, str]) -> None:
        stack = Stack.of(self)
        policy = iam.ManagedPolicy(
            self,
            role.capitalize(),
            description=f"{stack.stack_name}: the routes of the role {role}",
            statements=[iam.PolicyStatement(actions=["execute-api:Invoke"], resources=list(arns.values()))],
        )
        CfnOutput(
            stack,
            f"{role.capitalize()}PolicyArn",
            value=policy.managed_policy_arn,
            description=f"May call the routes of the role {role}",
        )
        reason = "Ids are not known in advance, and the function checks whose they are"
        patterns = [_shown(stack, arn) for route, arn in arns.items() if route.path_parameters]
        acknowledge(policy, {f"AwsSolutions-IAM5[Resource::{pattern}]": reason for pattern in patterns})


def _pattern(path: str) -> str:
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))


def _shown(stack: Stack, arn: str) -> str:
    """An ARN as cdk-nag shows it."""
    _, parts = stack.resolve(arn)["Fn::Join"]
    return "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)
