"""Lambda functions, one construct for each way they are invoked; each has its own package, role, logs and alarms."""

import json
from collections.abc import Mapping

from aws_cdk import Aws, Duration, Stack, aws_logs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.common.alarms import PERIOD, Alarms
from stacks.common.audit import audit_services, audit_variables, grant_audit
from stacks.common.bundling import Package, package_code
from stacks.common.log_group import log_group
from stacks.common.nag import acknowledge, compliance_findings
from stacks.common.package_target import PackageTarget, package_target
from stacks.common.usage import grant_usage, usage_services, usage_variables
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.common.web_adapter import public_layer
from stacks.config import DEFAULT_THRESHOLDS

# API Gateway's integration timeout.
API_TIMEOUT = Duration.seconds(29)
# The gateway allows streams three times as long, but no chat answer takes that long.
STREAM_TIMEOUT = Duration.minutes(5)
# Two requests to an issuer that does not answer.
AUTHORIZER_TIMEOUT = Duration.seconds(10)
_STREAM_PART = "stream"
_AUTHORIZER_PART = "authorizer"
# The readiness check opens the port, since no path could answer it.
_ADAPTER_ENVIRONMENT = {
    "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
    "AWS_LWA_INVOKE_MODE": "response_stream",
    "AWS_LWA_READINESS_CHECK_PROTOCOL": "tcp",
    "AWS_LWA_PORT": "8080",
}
# The runtime that cdk-nag's rules ask for.
_NEWEST_RUNTIME = "3.14"


class PythonFunction(Construct):
    """What all kinds of functions share. `role` may write its own logs and traces; everything else must be granted."""

    def __init__(
        self,
        scope: UseCaseStack,
        construct_id: str,
        *,
        services: tuple[str, ...],
        environment: Mapping[str, str],
        alarms: Alarms,
        timeout: Duration,
        memory_size: int = 1024,
        part: str = "",
        reserved_concurrency: int | None = None,
        libraries: tuple[str, ...] = (),
    ) -> None:
        """`services` are the AWS services the function calls, by botocore's names. `part` is the subfolder of the use
        case that contains the handler. `memory_size` is in MB and determines the CPU share as well.
        `reserved_concurrency` is None for a function that shares the account's concurrency. `libraries` are folders of
        `lambda_src/` besides the use case's and `shared`."""
        super().__init__(scope, construct_id)
        target = package_target(scope.settings)
        self.package = Package(
            use_case=scope.use_case, target=target, services=services, part=part, libraries=libraries
        )
        logs = log_group(self, "Logs", scope.settings)
        self.role = self._create_role(logs)
        self.function = lambda_.Function(
            self,
            "Resource",
            code=package_code(self.package),
            handler=self._handler(self.package),
            layers=self._layers(scope, target),
            runtime=target.runtime,
            architecture=target.architecture,
            role=self.role,
            log_group=logs,
            memory_size=memory_size,
            timeout=timeout,
            reserved_concurrent_executions=reserved_concurrency,
            tracing=lambda_.Tracing.ACTIVE,
            environment={**_common_environment(scope), **self._models_environment(scope), **environment},
        )
        self._add_alarms(alarms)
        self._acknowledge(target)

    @property
    def resource(self) -> lambda_.CfnFunction:
        """The function's resource in the template, for properties that CDK's construct does not change later."""
        resource = self.function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        return resource

    def _handler(self, package: Package) -> str:
        return package.handler

    def _layers(self, scope: UseCaseStack, target: PackageTarget) -> list[lambda_.ILayerVersion] | None:
        return None

    def _models_environment(self, scope: UseCaseStack) -> dict[str, str]:
        fallbacks = scope.fallback_ids(scope.use_case)
        variable = {"FALLBACKS": json.dumps(fallbacks)} if fallbacks else {}
        return {**models_variable(scope.model_ids(scope.use_case)), **variable}

    @property
    def _alarm_prefix(self) -> str:
        """Distinguishes the alarms of a stack's functions; the function behind the API has no prefix."""
        return self.node.id

    @property
    def _no_dead_letters(self) -> str:
        """Why the function needs no dead-letter queue."""
        raise NotImplementedError

    def _create_role(self, logs: aws_logs.ILogGroup) -> iam.Role:
        """AWS's managed policy for logging would allow every log group of the account."""
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[logs.log_group_arn])
        )
        return role

    def _add_alarms(self, alarms: Alarms) -> None:
        alarms.add(
            f"{self._alarm_prefix}FunctionErrors",
            self.function.metric_errors(period=PERIOD),
            threshold=alarms.thresholds.function_errors,
            periods=1,
            description="The function failed: unhandled error, out of memory, or timeout",
        )
        alarms.add(
            f"{self._alarm_prefix}FunctionThrottles",
            self.function.metric_throttles(period=PERIOD),
            threshold=alarms.thresholds.function_throttles,
            periods=1,
            description="The concurrency limit of the account or the function is exhausted",
        )

    def _acknowledge(self, target: PackageTarget) -> None:
        acknowledge(
            self.role,
            {"AwsSolutions-IAM5[Resource::*]": "X-Ray's actions for writing traces have no resource level"},
        )
        no_queue = {"Serverless-LambdaDLQ": self._no_dead_letters}
        acknowledge(self.function, {**no_queue, **compliance_findings({"LambdaDLQ": self._no_dead_letters})})
        if target.python_version != _NEWEST_RUNTIME:
            reason = f"Python {target.python_version} is supported, starts faster, and matches the packaged byte code"
            acknowledge(self.function, {"AwsSolutions-L1": reason, "Serverless-LambdaLatestVersion": reason})


class ApiFunction(PythonFunction):
    """Answers the requests of a REST API."""

    _no_dead_letters = "Only API Gateway invokes it, synchronously: there are no events to lose"
    _alarm_prefix = ""

    def __init__(
        self,
        scope: UseCaseStack,
        construct_id: str,
        *,
        services: tuple[str, ...],
        environment: Mapping[str, str],
        alarms: Alarms,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            services=(*services, *usage_services(scope), *audit_services(scope.settings)),
            environment={**environment, **usage_variables(scope), **audit_variables(scope.settings)},
            alarms=alarms,
            timeout=API_TIMEOUT,
            reserved_concurrency=scope.settings.reserved_concurrency_of(scope.use_case),
        )
        grant_usage(scope, self.role)
        grant_audit(scope, self.role)

    def _add_alarms(self, alarms: Alarms) -> None:
        super()._add_alarms(alarms)
        slow = alarms.thresholds.slow_function_milliseconds
        is_default = slow == DEFAULT_THRESHOLDS.slow_function_milliseconds
        duration = "almost as long as the gateway waits" if is_default else f"{slow / 1000:g} s or more"
        alarms.add(
            "FunctionSlow",
            self.function.metric_duration(period=PERIOD, statistic="p99"),
            threshold=slow,
            periods=3,
            description=f"One request in a hundred takes {duration}",
        )


class StreamFunction(PythonFunction):
    """Streams the answers of a REST API: a server behind AWS Lambda Web Adapter, in the part `stream`."""

    _no_dead_letters = ApiFunction._no_dead_letters

    def __init__(
        self,
        scope: UseCaseStack,
        construct_id: str,
        *,
        services: tuple[str, ...],
        environment: Mapping[str, str],
        alarms: Alarms,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            services=(*services, *usage_services(scope), *audit_services(scope.settings)),
            environment={
                **environment,
                **usage_variables(scope),
                **audit_variables(scope.settings),
                **_ADAPTER_ENVIRONMENT,
            },
            alarms=alarms,
            timeout=STREAM_TIMEOUT,
            part=_STREAM_PART,
            reserved_concurrency=scope.settings.reserved_concurrency_of(scope.use_case),
        )
        grant_usage(scope, self.role)
        grant_audit(scope, self.role)

    def _handler(self, package: Package) -> str:
        return "lambda_src/shared/run.sh"

    def _layers(self, scope: UseCaseStack, target: PackageTarget) -> list[lambda_.ILayerVersion]:
        arn = scope.settings.streaming.layer_arn or public_layer(Aws.PARTITION, Aws.REGION, target.machine)
        return [lambda_.LayerVersion.from_layer_version_arn(self, "Adapter", arn)]


class AuthorizerFunction(PythonFunction):
    """Answers the gateway's question whether credentials are valid; its handler is in the part `authorizer`."""

    _no_dead_letters = "Only API Gateway invokes it, synchronously: there are no events to lose"

    def __init__(
        self,
        scope: UseCaseStack,
        construct_id: str,
        *,
        services: tuple[str, ...],
        environment: Mapping[str, str],
        alarms: Alarms,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            services=services,
            environment=environment,
            alarms=alarms,
            timeout=AUTHORIZER_TIMEOUT,
            part=_AUTHORIZER_PART,
        )

    def _add_alarms(self, alarms: Alarms) -> None:
        """None on errors: the function must raise one for every wrong token, which anyone can send."""
        alarms.add(
            f"{self._alarm_prefix}FunctionThrottles",
            self.function.metric_throttles(period=PERIOD),
            threshold=alarms.thresholds.function_throttles,
            periods=1,
            description="The concurrency limit of the account or the function is exhausted",
        )


class QueueFunction(PythonFunction):
    """Processes the messages of a queue; its handler is in a part of the use case."""

    _no_dead_letters = "Its queue has a dead-letter queue"

    def allow_messages_to_itself(self) -> None:
        """For a function whose work continues with messages that it sends to its own queue, and ends.

        Otherwise Lambda takes that for a mistake, and drops the sixteenth message or so.
        https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        """
        self.resource.recursive_loop = "Allow"


class ScheduledFunction(PythonFunction):
    """Runs on a schedule, by the rule that `run` adds."""

    _no_dead_letters = "Its event has no content, and the next run makes up for a failed one"

    @property
    def _alarm_prefix(self) -> str:
        """The only function of a stack has none."""
        return "" if self.node.id == "Function" else self.node.id

    def run(self, construct_id: str, schedule: events.Schedule, *, description: str) -> None:
        """Adds a schedule to the stack."""
        rule = events.Rule(
            Stack.of(self),
            construct_id,
            description=description,
            schedule=schedule,
            targets=[targets.LambdaFunction(self.function)],
        )
        acknowledge(
            rule, {"Serverless-EventBusDLQ": "Its event has no content, and the next run makes up for a missed one"}
        )


def models_variable(models: tuple[str, ...]) -> dict[str, str]:
    """The variable with the models' ids; a use case without models has none."""
    return {"MODELS": ",".join(models)} if models else {}


def _common_environment(scope: UseCaseStack) -> dict[str, str]:
    settings = scope.settings
    environment = {
        "STAGE": settings.name,
        "USE_CASE": scope.use_case,
        "PAYLOAD_LOGGING": "true" if settings.payload_logging else "false",
        "POWERTOOLS_SERVICE_NAME": kebab(scope.use_case),
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
    if options := settings.options(scope.use_case):
        environment |= options.environment()
    if settings.cors_origins:
        environment["CORS_ORIGINS"] = ",".join(settings.cors_origins)
    if (region := settings.model_region(scope.use_case)) and settings.leaves_region(scope.use_case):
        environment["MODEL_REGION"] = region
    return environment
