"""The web UI on AWS, behind sign-in."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, cast

import msgspec
from aws_cdk import Aws, CfnOutput, Duration, Fn, aws_logs
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.common.log_group import log_group
from stacks.common.nag import acknowledge, compliance_findings
from stacks.common.use_case_api import STAGE_NAME
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.common.user_pool import new_user_pool
from stacks.config import StageSettings

PORT = 8501
_INFRASTRUCTURE_POLICY = "service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"
# Size of the Fargate task: CPU units (1024 are one vCPU), and MB.
_CPU, _MEMORY = 512, 1024
# USD per month of 730 hours: vCPU and memory of a Linux x86 task, the load balancer without capacity units, public
# addresses (one for the task, one per zone for the load balancer), and the secret.
# https://aws.amazon.com/fargate/pricing/ https://aws.amazon.com/elasticloadbalancing/pricing/
# https://aws.amazon.com/vpc/pricing/ https://aws.amazon.com/secrets-manager/pricing/
_TASK = (_CPU / 1024 * 0.04048 + _MEMORY / 1024 * 0.004445) * 730
_LOAD_BALANCER = 0.0225 * 730
_ADDRESSES = 3 * 0.005 * 730
_SECRET = 0.40
_REPOSITORY = re.compile(r"^(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z.]+/(?P<name>[^:@]+)[:@]")
# Covers a working day; a user removed from the pool is signed out the next day.
_SIGNED_IN = Duration.hours(8)


class _Container(NamedTuple):
    """What a container is given: values, and places in Secrets Manager."""

    environment: dict[str, str]
    secrets: dict[str, str]


class UiStack(UseCaseStack):
    """The web UI as one task of ECS Express Mode.

    It calls the APIs with its own role, for the users of a pool of its own. With `ui.signIn`, people sign in at an
    identity provider and call with their own tokens, and the task has no permission to call.

    It takes two deployments: ECS assigns the address at the first one, and sign-in needs it. Until the settings contain
    it (`ui.url`), nobody can sign in.

    Requires the APIs' stacks deployed, an image in ECR, and a default VPC with public subnets.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date, apis: Sequence[UseCaseStack]) -> None:
        super().__init__(scope, "ui", settings=settings, today=today)
        self._logs = log_group(self, "Logs", settings)
        pool = None if settings.ui.sign_in else self._create_pool()
        self._execution_role = self._create_execution_role()
        self._task_role = iam.Role(self, "TaskRole", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        self._roles = [self._execution_role, self._task_role]
        for api in apis:
            # No exports: their SSM parameters must exist when this stack is deployed.
            self.add_stack_dependency(api)
        environment = {
            "UI_STAGE": settings.name,
            "UI_SIGN_IN": "oidc",
            # botocore needs it, and Fargate does not set it.
            "AWS_DEFAULT_REGION": Aws.REGION,
        }
        if pool is None:
            # The client prefers the second API, which does not take a user pool's tokens.
            names = ("url",) if settings.auth.type == "cognito" else ("url", "token-url")
            self._grant_addresses(self._task_role, apis, *names)
        else:
            environment["UI_CALLER_ROLE"] = self._create_caller_role(apis).role_arn
        sign_in = self._sign_in(pool)
        service = self._service(environment | sign_in.environment, sign_in.secrets)
        CfnOutput(self, "Endpoint", value=service.attr_endpoint)
        if pool is not None:
            CfnOutput(self, "UserPoolId", value=pool.user_pool_id)

    def _create_pool(self) -> cognito.UserPool:
        pool = new_user_pool(self, "UserPool", self.settings)
        prefix = str(self.settings.ui.sign_in_domain_prefix)
        pool.add_domain("Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix))
        return pool

    def _sign_in(self, pool: cognito.UserPool | None) -> _Container:
        """What the container is given to sign people in; before the URL is known, next to nothing."""
        own = self.settings.ui.sign_in
        environment: dict[str, str] = {"UI_API_TOKEN": own.token} if own else {}
        url = self.settings.ui.url
        if not url:
            return _Container(environment, {})
        if own:
            self._grant_secret(own.client_secret_arn)
            client_secret, cookie_secret = own.client_secret_arn, self._secret({})
            environment |= {"UI_ISSUER": own.issuer, "UI_CLIENT_ID": own.client_id}
        else:
            assert pool is not None
            client = self._client(pool, url)
            client_secret = cookie_secret = self._secret({"clientSecret": client.attr_client_secret})
            environment |= {"UI_ISSUER": pool.user_pool_provider_url, "UI_CLIENT_ID": client.ref}
        secrets = {
            "UI_CLIENT_SECRET": f"{client_secret}:clientSecret::",
            "UI_COOKIE_SECRET": f"{cookie_secret}:cookieSecret::",
        }
        return _Container({**environment, "UI_URL": url}, secrets)

    def _create_execution_role(self) -> iam.Role:
        """The role ECS starts the task with. AWS's managed policy would allow every repository and log group."""
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

    def _create_caller_role(self, apis: Sequence[UseCaseStack]) -> iam.Role:
        """The role the web UI calls the stage's APIs with, after finding them by their SSM parameters.

        All of its sessions are one caller: the users' data belongs to this role, and is lost to them with it.
        """
        role = iam.Role(self, "CallerRole", assumed_by=iam.ArnPrincipal(self._task_role.role_arn))
        self._task_role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[role.role_arn]))
        self._roles.append(role)
        for api_id in map(self._api_id, self._grant_addresses(role, apis, "url")):
            arn = f"arn:{Aws.PARTITION}:execute-api:{Aws.REGION}:{Aws.ACCOUNT_ID}:{api_id}/{STAGE_NAME}/*"
            role.add_to_policy(iam.PolicyStatement(actions=["execute-api:Invoke"], resources=[arn]))
            # cdk-nag shows values that are resolved at deployment as they are in the template.
            place = f"arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:{_json(self.resolve(api_id))}"
            acknowledge(
                role,
                {f"AwsSolutions-IAM5[Resource::{place}/{STAGE_NAME}/*]": "The web UI calls every route of this API"},
            )
        return role

    def _grant_addresses(self, role: iam.Role, apis: Sequence[UseCaseStack], *names: str) -> list[str]:
        """Lets the role read these SSM parameters of each API. Returns their names."""
        stage = f"/bedrock-endpoints/{self.settings.name}"
        parameters = [f"{stage}/{kebab(api.use_case)}/{name}" for api in apis for name in names]
        arns = [f"arn:{Aws.PARTITION}:ssm:{Aws.REGION}:{Aws.ACCOUNT_ID}:parameter{name}" for name in parameters]
        role.add_to_policy(iam.PolicyStatement(actions=["ssm:GetParameters"], resources=arns))
        return parameters

    def _api_id(self, parameter: str) -> str:
        """The id in the API's URL, `https://ID.execute-api...`, extracted at deployment."""
        url = ssm.StringParameter.value_for_string_parameter(self, parameter)
        return Fn.select(0, Fn.split(".", Fn.select(2, Fn.split("/", url))))

    def _client(self, pool: cognito.UserPool, url: str) -> cognito.CfnUserPoolClient:
        client = pool.add_client(
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
        resource = cast(cognito.CfnUserPoolClient, client.node.default_child)
        # Users enter passwords on the pool's page only. By default, Cognito would accept them in its API too.
        resource.explicit_auth_flows = ["ALLOW_REFRESH_TOKEN_AUTH"]
        return resource

    def _secret(self, values: Mapping[str, str]) -> str:
        """The ARN of a secret with these values, and with a new one to sign cookies with, `cookieSecret`."""
        secret = secretsmanager.CfnSecret(
            self,
            "Secret",
            description="Sign-in of the web UI",
            generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                secret_string_template=_json(values),
                generate_string_key="cookieSecret",
                password_length=64,
                exclude_punctuation=True,
            ),
        )
        reason = "Cognito rotates its secret with the client only; the other would sign everyone out"
        own_key = (
            "Secrets Manager encrypts with AWS's key, which only principals with permission for the secret can use"
        )
        rules = {"SecretsManagerRotationEnabled": reason, "SecretsManagerUsingKMSKey": own_key}
        acknowledge(secret, {"AwsSolutions-SMG4": reason, **compliance_findings(rules)})
        self._grant_secret(secret.ref)
        return secret.ref

    def _grant_secret(self, arn: str) -> None:
        self._execution_role.add_to_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[arn])
        )

    def _infrastructure_role(self) -> iam.Role:
        """The role ECS creates the load balancer and its other resources with."""
        role = iam.Role(
            self,
            "InfrastructureRole",
            assumed_by=iam.ServicePrincipal("ecs.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_INFRASTRUCTURE_POLICY)],
        )
        policy = f"arn:<AWS::Partition>:iam::aws:policy/{_INFRASTRUCTURE_POLICY}"
        reason = "Express Mode manages load balancer, certificate and scaling with it; AWS maintains its permissions"
        acknowledge(role, {f"AwsSolutions-IAM4[Policy::{policy}]": reason})
        return role

    def _service(self, environment: Mapping[str, str], secrets: Mapping[str, str]) -> ecs.CfnExpressGatewayService:
        resource_type = ecs.CfnExpressGatewayService
        service = resource_type(
            self,
            "Service",
            infrastructure_role_arn=self._infrastructure_role().role_arn,
            execution_role_arn=self._execution_role.role_arn,
            task_role_arn=self._task_role.role_arn,
            cpu=str(_CPU),
            memory=str(_MEMORY),
            health_check_path="/_stcore/health",
            primary_container=resource_type.ExpressGatewayContainerProperty(
                image=str(self.settings.ui.image),
                container_port=PORT,
                aws_logs_configuration=resource_type.ExpressGatewayServiceAwsLogsConfigurationProperty(
                    log_group=self._logs.log_group_name, log_stream_prefix="ui"
                ),
                environment=[
                    resource_type.KeyValuePairProperty(name=name, value=value) for name, value in environment.items()
                ],
                secrets=[resource_type.SecretProperty(name=name, value_from=place) for name, place in secrets.items()]
                or None,
            ),
            tags=self.fixed_tags,
            # Sessions, uploads and pending sign-ins are in one task's memory; a second task would not have them.
            scaling_target=resource_type.ExpressGatewayScalingTargetProperty(min_task_count=1, max_task_count=1),
        )
        # Their policies are separate resources, which must exist for as long as the task does.
        service.node.add_dependency(*self._roles)
        return service


def floor_price() -> str:
    """The monthly price without any use."""
    floor = _TASK + _LOAD_BALANCER + _ADDRESSES + _SECRET
    return (
        f"web UI: ECS Express Mode, floor about {floor:.0f} USD a month, used or not: a task {_TASK:.0f}, its load "
        f"balancer {_LOAD_BALANCER:.0f}, public addresses {_ADDRESSES:.0f} (at the US prices known in 2025)"
    )


def _repository_arn(image: str) -> str:
    repository = cast(re.Match[str], _REPOSITORY.match(image))
    return f"arn:{Aws.PARTITION}:ecr:{repository['region']}:{repository['account']}:repository/{repository['name']}"


def _writes(logs: aws_logs.ILogGroup) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[logs.log_group_arn])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
