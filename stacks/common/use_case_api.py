"""A use case's REST API, built from its route table."""

from collections.abc import Sequence
from typing import Any

import msgspec
from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from lambda_src.shared.routes import Route
from stacks.common.access import Access, TokenAccess
from stacks.common.alarms import PERIOD, Alarms
from stacks.common.gateway_responses import add_gateway_responses
from stacks.common.invoke_policies import InvokePolicies
from stacks.common.log_group import log_group
from stacks.common.nag import acknowledge
from stacks.common.python_function import STREAM_TIMEOUT
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.config import DEFAULT_THRESHOLDS, StageSettings

STAGE_NAME = "v1"
# Who called what, with which result. No bodies or query strings, since both may contain prompts.
ACCESS_LOG_FIELDS = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "principal": "$context.identity.userArn",
    "subject": "$context.authorizer.claims.sub",
    "sourceIp": "$context.identity.sourceIp",
    "userAgent": "$context.identity.userAgent",
    "latencyMs": "$context.responseLatency",
    "integrationMs": "$context.integrationLatency",
    "integrationStatus": "$context.integration.status",
    "responseBytes": "$context.responseLength",
    "trace": "$context.xrayTraceId",
}


# Of the API for tokens and keys: what the stage's authorizer says of the caller.
TOKEN_LOG_FIELDS = {"caller": "$context.authorizer.caller", "keyId": "$context.authorizer.keyId"}


def add_apis(
    scope: UseCaseStack,
    *,
    routes: Sequence[Route],
    token_routes: Sequence[Route] | None = None,
    function: lambda_.IFunction,
    stream_function: lambda_.IFunction | None = None,
    alarms: Alarms,
) -> None:
    """Adds the use case's API, and a second one for tokens and keys if the stage accepts them.

    The second one has the same routes, or `token_routes`.
    """
    options: dict[str, Any] = {"function": function, "stream_function": stream_function, "alarms": alarms}
    UseCaseApi(scope, "Api", routes=routes, **options, accounts=scope.settings.auth.accounts)
    if scope.settings.auth.accepts_tokens:
        UseCaseApi(scope, "TokenApi", routes=routes if token_routes is None else token_routes, **options, tokens=True)


class UseCaseApi(Construct):
    """All routes of the table, authorized and throttled by the gateway.

    The function validates requests: the gateway's validator could not tell the caller which field is wrong.

    Other requests reach the function too, so that unknown routes return 404 in the API's error shape instead of the
    gateway's 403: each resource accepts any method, and a catch-all resource any path, with the same authorization.

    `stream_function` serves the streaming routes; the gateway forwards each chunk immediately.

    Its URL is an output of the stack and the SSM parameter `/bedrock-endpoints/<stage>/<use-case>/url`. With `tokens`,
    the stage's authorizer decides who may call; the parameter ends in `token-url`. `accounts` are other AWS accounts
    whose principals may call.
    """

    def __init__(
        self,
        scope: UseCaseStack,
        construct_id: str,
        *,
        routes: Sequence[Route],
        function: lambda_.IFunction,
        stream_function: lambda_.IFunction | None = None,
        alarms: Alarms,
        tokens: bool = False,
        accounts: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = scope.settings
        self._tokens = tokens
        self._accounts = accounts
        self._access = TokenAccess(scope, "TokenAccess") if tokens else Access(scope, "Access")
        self._api = self._rest_api(scope, routes)
        # One permission for the API instead of one per method: the catch-all resource accepts any path anyway.
        self._integration = apigateway.LambdaIntegration(function, scope_permission_to_method=False)
        self._stream_integration = _stream_integration(stream_function) if stream_function else self._integration
        for route in routes:
            self._add_route(route)
        self._add_catch_all()
        add_gateway_responses(self._api, self._settings.cors_origins, authorizer=tokens)
        self._set_execution_log_retention()
        self._publish(scope)
        self._add_alarms(alarms)
        if self._access.authorizer is None:
            InvokePolicies(scope, "Policies", api=self._api, stage=STAGE_NAME, routes=routes)
        self._acknowledge()

    def _rest_api(self, scope: UseCaseStack, routes: Sequence[Route]) -> apigateway.RestApi:
        return apigateway.RestApi(
            self,
            "Resource",
            rest_api_name=api_name(scope.stack_name, tokens=self._tokens),
            description=scope.use_case.replace("_", " ").capitalize()
            + (", for tokens and keys" if self._tokens else ""),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            # The account has one role for the logs of all APIs; if a stack owned it, the others would lose it.
            cloud_watch_role=False,
            deploy_options=self._deploy_options(routes),
            default_cors_preflight_options=_cors_options(self._settings),
            policy=_resource_policy(self._accounts),
        )

    def _deploy_options(self, routes: Sequence[Route]) -> apigateway.StageOptions:
        throttling = self._settings.throttling
        access_log = log_group(self, "AccessLogs", self._settings)
        fields = {**ACCESS_LOG_FIELDS, **TOKEN_LOG_FIELDS} if self._tokens else ACCESS_LOG_FIELDS
        log_format = msgspec.json.encode(fields).decode()
        return apigateway.StageOptions(
            stage_name=STAGE_NAME,
            access_log_destination=apigateway.LogGroupLogDestination(access_log),
            access_log_format=apigateway.AccessLogFormat.custom(log_format),
            # Errors of the gateway only; data tracing would log bodies.
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
            metrics_enabled=True,
            tracing_enabled=True,
            throttling_rate_limit=throttling.rate,
            throttling_burst_limit=throttling.burst,
            method_options={
                f"{route.path}/{route.method}": _model_limits(self._settings) for route in routes if route.calls_model
            },
        )

    def _add_route(self, route: Route) -> None:
        self._api.root.resource_for_path(route.path).add_method(
            route.method,
            self._stream_integration if route.stream else self._integration,
            operation_name=route.operation,
            authorizer=self._access.authorizer,
            authorization_type=self._access.authorization_type,
        )

    def _add_catch_all(self) -> None:
        options: dict[str, Any] = {
            "authorizer": self._access.authorizer,
            "authorization_type": self._access.authorization_type,
        }
        self._api.root.resource_for_path("/{proxy+}")
        for construct in self._api.node.find_all():
            if isinstance(construct, apigateway.Resource):
                construct.add_method("ANY", self._integration, **options)
        self._api.root.add_method("ANY", self._integration, **options)

    def _publish(self, scope: UseCaseStack) -> None:
        output, parameter = ("TokenUrl", "token-url") if self._tokens else ("Url", "url")
        CfnOutput(scope, output, value=self._api.url, description="Base of the REST API's routes")
        ssm.StringParameter(
            self,
            "UrlParameter",
            parameter_name=f"/bedrock-endpoints/{self._settings.name}/{kebab(scope.use_case)}/{parameter}",
            string_value=self._api.url,
            description=f"Base of the {scope.use_case.replace('_', ' ')} API's routes",
        )

    def _add_alarms(self, alarms: Alarms) -> None:
        alarms.add(
            f"{self.node.id}ServerErrors",
            self._api.metric_server_error(period=PERIOD, statistic="Sum"),
            threshold=alarms.thresholds.server_errors,
            periods=1,
            description="Responses with status 500 or above, including model failures",
        )
        if self._tokens:
            # Each alarm has its price. Wrong tokens are counted by the authorizer, and slowness is the function's.
            return
        share = alarms.thresholds.client_error_share
        is_default = share == DEFAULT_THRESHOLDS.client_error_share
        requests = "Every second request is" if is_default else f"{share:.0%} of requests are"
        alarms.add(
            "ApiClientErrors",
            self._api.metric_client_error(period=PERIOD, statistic="Average"),
            threshold=share,
            periods=3,
            description=f"{requests} rejected: a broken client, or someone probing the API",
        )
        slow = alarms.thresholds.slow_api_milliseconds
        is_default = slow == DEFAULT_THRESHOLDS.slow_api_milliseconds
        duration = "almost the gateway's limit of 29 s" if is_default else f"{slow / 1000:g} s or more"
        alarms.add(
            "ApiSlow",
            self._api.metric_latency(period=PERIOD, statistic="p99"),
            threshold=slow,
            periods=3,
            description=f"One request in a hundred takes {duration}",
        )

    def _set_execution_log_retention(self) -> None:
        """Otherwise the gateway creates this log group itself, without retention."""
        name = f"API-Gateway-Execution-Logs_{self._api.rest_api_id}/{STAGE_NAME}"
        group = log_group(self, "ExecutionLogs", self._settings, name=name)
        self._api.deployment_stage.node.add_dependency(group)

    def _acknowledge(self) -> None:
        reason = "Callers are authorized and throttled; platforms attach their own web ACL"
        rules = ("AwsSolutions-APIG3", "NIST.800.53.R5-APIGWAssociatedWithWAF")
        acknowledge(self._api.deployment_stage, dict.fromkeys(rules, reason))
        acknowledge(self._api, {"AwsSolutions-APIG2": "The function validates requests, and names the wrong field"})
        if self._tokens:
            reason = "The stage's authorizer verifies tokens of the platform's identity provider, and API keys"
            acknowledge(self._api, {"AwsSolutions-COG4": reason})
        elif self._access.authorizer is None:
            acknowledge(self._api, {"AwsSolutions-COG4": "Callers sign with IAM credentials; Cognito is a setting"})


def api_name(stack_name: str, *, tokens: bool) -> str:
    """The name of a stack's API, which its metrics have."""
    return f"{stack_name}-tokens" if tokens else stack_name


def _stream_integration(function: lambda_.IFunction) -> apigateway.LambdaIntegration:
    return apigateway.LambdaIntegration(
        function,
        scope_permission_to_method=False,
        response_transfer_mode=apigateway.ResponseTransferMode.STREAM,
        # The function times out first.
        timeout=STREAM_TIMEOUT.plus(Duration.seconds(10)),
    )


def _model_limits(settings: StageSettings) -> apigateway.MethodDeploymentOptions:
    """A method's settings replace all of the stage's, so logging is repeated here."""
    return apigateway.MethodDeploymentOptions(
        logging_level=apigateway.MethodLoggingLevel.ERROR,
        data_trace_enabled=False,
        metrics_enabled=True,
        throttling_rate_limit=settings.throttling.model_rate,
        throttling_burst_limit=settings.throttling.model_burst,
    )


def _resource_policy(accounts: Sequence[str]) -> iam.PolicyDocument | None:
    """Lets other accounts call as far as their own policies do. Callers of the API's account need no statement.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
    """
    if not accounts:
        return None
    statement = iam.PolicyStatement(
        actions=["execute-api:Invoke"],
        principals=[iam.AccountPrincipal(account) for account in accounts],
        # API Gateway puts the API's ARN in front, which a template cannot refer to here.
        resources=[f"execute-api:/{STAGE_NAME}/*"],
    )
    return iam.PolicyDocument(statements=[statement])


def _cors_options(settings: StageSettings) -> apigateway.CorsOptions | None:
    if not settings.cors_origins:
        return None
    return apigateway.CorsOptions(
        allow_origins=list(settings.cors_origins),
        allow_headers=[*apigateway.Cors.DEFAULT_HEADERS, "Idempotency-Key"],
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
    )
