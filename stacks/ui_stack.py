"""The page (`ui/`) on AWS, behind sign-in."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

import msgspec
from aws_cdk import Aws, CfnOutput, Duration, Fn, aws_logs
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.common.log_group import log_group
from stacks.common.nag import acknowledge
from stacks.common.use_case_api import STAGE_NAME
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.common.user_pool import new_user_pool
from stacks.config import StageSettings

PORT = 8501
_INFRASTRUCTURE_POLICY = "service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
# What the task has, as Fargate writes it: units of a thousandth of a processor (1024 are one), and MB.
_CPU, _MEMORY = 512, 1024
# USD a month of 730 hours: a Linux x86 task's processor and memory an hour, the load balancer without its capacity
# units, public addresses (one of the task, two of the load balancer, which has one a zone), the secret.
# https://aws.amazon.com/fargate/pricing/ https://aws.amazon.com/elasticloadbalancing/pricing/
# https://aws.amazon.com/vpc/pricing/ https://aws.amazon.com/secrets-manager/pricing/
_TASK = (_CPU / 1024 * 0.04048 + _MEMORY / 1024 * 0.004445) * 730
_LOAD_BALANCER = 0.0225 * 730
_ADDRESSES = 3 * 0.005 * 730
_SECRET = 0.40
_REPOSITORY = re.compile(r"^(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z.]+/(?P<name>[^:@]+)[:@]")
# Longer than a working day's visit, short enough for somebody who was removed from the pool to be out the next day.
_SIGNED_IN = Duration.hours(8)


class UiStack(UseCaseStack):
    """The page as one task of ECS Express Mode, and the pool of those who may open it. It calls the APIs as its role.

    It is deployed twice: ECS makes up the page's address, and sign-in needs to know it. Until the settings have it
    (`ui.url`), there is no client to sign in with, and the page shows nothing.

    Needs the APIs' stacks deployed, an image in ECR, and a default VPC with public subnets.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date, apis: Sequence[UseCaseStack]) -> None:
        super().__init__(scope, "ui", settings=settings, today=today)
        self._logs = log_group(self, "Logs", settings)
        self._pool = new_user_pool(self, "UserPool", settings)
        self._domain = self._pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=str(settings.ui.sign_in_domain_prefix)),
        )
        self._execution_role = self._made_execution_role()
        self._task_role = iam.Role(self, "TaskRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        self._caller_role = self._made_caller_role(apis)
        for api in apis:
            # Nothing is taken over from them at synthesis: their parameters have to be there when this is deployed.
            self.add_stack_dependency(api)
        environment = {
            "UI_STAGE": settings.name,
            "UI_SIGN_IN": "oidc",
            # What botocore goes by; in a container on Fargate it is not told.
            "AWS_DEFAULT_REGION": Aws.REGION,
            "UI_CALLER_ROLE": self._caller_role.role_arn,
        }
        secrets: dict[str, str] = {}
        if settings.ui.url:
            client = self._client(settings.ui.url)
            secrets = self._secrets(client)
            environment |= {
                "UI_ISSUER": self._pool.user_pool_provider_url,
                "UI_CLIENT_ID": client.ref,
                "UI_URL": settings.ui.url,
            }
        service = self._service(environment, secrets)
        CfnOutput(self, "Endpoint", value=service.attr_endpoint)
        CfnOutput(self, "UserPoolId", value=self._pool.user_pool_id)

    def _made_execution_role(self) -> iam.Role:
        """What ECS starts the task with. Not AWS's managed policy, which allows every repository and log group."""
        role = iam.Role(self, "ExecutionRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                resources=[_repository_arn(str(self.settings.ui.image))],
            )
        )
        role.add_to_policy(_writes(self._logs))
        acknowledge(role, {"AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken has no resource level"})
        return role

    def _made_caller_role(self, apis: Sequence[UseCaseStack]) -> iam.Role:
        """What the page itself acts as: a caller of the stage's APIs, which it finds by their parameters.

        Not the task's role: the APIs keep what is made under the caller's name, in which a session has its part, and
        ECS calls the session of a task by the task. After each deployment, nothing would be found again.
        """
        role = iam.Role(self, "CallerRole", assumed_by=iam.ArnPrincipal(self._task_role.role_arn))
        self._task_role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[role.role_arn]))
        names = [f"/bedrock-endpoints/{self.settings.name}/{kebab(api.use_case)}/url" for api in apis]
        parameters = [f"arn:{Aws.PARTITION}:ssm:{Aws.REGION}:{Aws.ACCOUNT_ID}:parameter{name}" for name in names]
        role.add_to_policy(iam.PolicyStatement(actions=["ssm:GetParameters"], resources=parameters))
        for api_id in map(self._api_id, names):
            arn = f"arn:{Aws.PARTITION}:execute-api:{Aws.REGION}:{Aws.ACCOUNT_ID}:{api_id}/{STAGE_NAME}/*"
            role.add_to_policy(iam.PolicyStatement(actions=["execute-api:Invoke"], resources=[arn]))
            # cdk-nag writes what is known at deployment only as it is in the template.
            place = f"arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:{_json(self.resolve(api_id))}"
            acknowledge(
                role, {f"AwsSolutions-IAM5[Resource::{place}/{STAGE_NAME}/*]": "The page calls every route of this API"}
            )
        return role

    def _api_id(self, parameter: str) -> str:
        """Cut out of the API's URL when the stack is deployed: `https://ID.execute-api...`."""
        url = ssm.StringParameter.value_for_string_parameter(self, parameter)
        return Fn.select(0, Fn.split(".", Fn.select(2, Fn.split("/", url))))

    def _client(self, url: str) -> cognito.CfnUserPoolClient:
        client = self._pool.add_client(
            "Client",
            generate_secret=True,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL, cognito.OAuthScope.PROFILE],
                callback_urls=[f"{url}/oauth2callback"],
                logout_urls=[url],
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            prevent_user_existence_errors=True,
            id_token_validity=_SIGNED_IN,
        )
        made = cast(cognito.CfnUserPoolClient, client.node.default_child)
        # Passwords are typed on the pool's own page. Said nothing, Cognito would take them in its API, too.
        made.explicit_auth_flows = ["ALLOW_REFRESH_TOKEN_AUTH"]
        return made

    def _secrets(self, client: cognito.CfnUserPoolClient) -> dict[str, str]:
        """Variable -> where ECS reads it: the client's secret, and a new one that cookies are signed with."""
        secret = secretsmanager.CfnSecret(
            self,
            "Secret",
            description="The page's sign-in",
            generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                secret_string_template=_json({"clientSecret": client.attr_client_secret}),
                generate_string_key="cookieSecret",
                password_length=64,
                exclude_punctuation=True,
            ),
        )
        acknowledge(
            secret,
            {"AwsSolutions-SMG4": "Cognito's secret changes with its client only, and the cookies' would sign all out"},
        )
        self._execution_role.add_to_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[secret.ref])
        )
        return {
            "UI_CLIENT_SECRET": f"{secret.ref}:clientSecret::",
            "UI_COOKIE_SECRET": f"{secret.ref}:cookieSecret::",
        }

    def _infrastructure_role(self) -> iam.Role:
        """What ECS makes the load balancer and the rest with."""
        role = iam.Role(
            self,
            "InfrastructureRole",
            assumed_by=iam.ServicePrincipal("ecs.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_INFRASTRUCTURE_POLICY)],
        )
        policy = f"arn:<AWS::Partition>:iam::aws:policy/{_INFRASTRUCTURE_POLICY}"
        reason = (
            "Express Mode makes load balancer, certificate and scaling with it; AWS adds to it what they come to need"
        )
        acknowledge(role, {f"AwsSolutions-IAM4[Policy::{policy}]": reason})
        return role

    def _service(self, environment: Mapping[str, str], secrets: Mapping[str, str]) -> ecs.CfnExpressGatewayService:
        kind = ecs.CfnExpressGatewayService
        service = kind(
            self,
            "Service",
            infrastructure_role_arn=self._infrastructure_role().role_arn,
            execution_role_arn=self._execution_role.role_arn,
            task_role_arn=self._task_role.role_arn,
            cpu=str(_CPU),
            memory=str(_MEMORY),
            health_check_path="/_stcore/health",
            primary_container=kind.ExpressGatewayContainerProperty(
                image=str(self.settings.ui.image),
                container_port=PORT,
                aws_logs_configuration=kind.ExpressGatewayServiceAwsLogsConfigurationProperty(
                    log_group=self._logs.log_group_name, log_stream_prefix="ui"
                ),
                environment=[kind.KeyValuePairProperty(name=name, value=value) for name, value in environment.items()],
                secrets=[kind.SecretProperty(name=name, value_from=place) for name, place in secrets.items()] or None,
            ),
            # A visit is in one task's memory, uploads and the way through sign-in, too: a second task would not know
            # them.
            scaling_target=kind.ExpressGatewayScalingTargetProperty(min_task_count=1, max_task_count=1),
        )
        # Their policies are resources of their own, which have to be there when the task starts, and until it ends.
        service.node.add_dependency(self._execution_role, self._task_role, self._caller_role)
        return service


def floor_price() -> str:
    """What a month costs before anybody opens the page."""
    floor = _TASK + _LOAD_BALANCER + _ADDRESSES + _SECRET
    return (
        f"page: ECS Express Mode, floor about {floor:.0f} USD a month, used or not: a task {_TASK:.0f}, its load "
        f"balancer {_LOAD_BALANCER:.0f}, public addresses {_ADDRESSES:.0f} (at the US prices known in 2025)"
    )


def _repository_arn(image: str) -> str:
    found = cast(re.Match[str], _REPOSITORY.match(image))
    return f"arn:{Aws.PARTITION}:ecr:{found['region']}:{found['account']}:repository/{found['name']}"


def _writes(logs: aws_logs.ILogGroup) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[logs.log_group_arn])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
