"""A use case's functions: each with its package, its own role, its own log group, its alarms."""

from collections.abc import Mapping

from aws_cdk import Aws, Duration, aws_logs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.common.alarms import PERIOD, Alarms
from stacks.common.bundling import Package, package_code
from stacks.common.log_group import log_group
from stacks.common.nag import acknowledge
from stacks.common.package_target import PackageTarget, package_target
from stacks.common.use_case_stack import UseCaseStack, kebab

# API Gateway gives up on an integration after 29 s.
TIMEOUT = Duration.seconds(29)
# AWS Lambda Web Adapter 1.0, in every region of the partition `aws`.
# https://github.com/awslabs/aws-lambda-web-adapter
_ADAPTER = "753240598075:layer:LambdaAdapterLayer{machine}:26"
# The gateway lets a stream last three times as long; nobody waits so long for a chat's answer.
STREAM_TIMEOUT = Duration.minutes(5)
STREAM_PART = "stream"
# By cdk-nag's two rules about it.
_NEWEST_RUNTIME = "3.14"
# What a request that is about to time out has taken.
_SLOW = Duration.seconds(25)


class PythonFunction(Construct):
    """`lambda_src/<use_case>`'s handler, allowed to write its own log and traces; everything else is granted to `role`.

    `services` are the AWS services it calls, by botocore's names. `memory_size` in MB decides on the CPU as well.
    `part` is the folder of a handler that does not answer the API but works behind a queue, for up to `timeout`.
    `streams` is for a server behind the web adapter that answers the API's streams, in the part `stream`.
    `scheduled` is for a handler that nobody waits for: it runs at its times, with the `models` of all use cases.
    """

    def __init__(
        self,
        scope: UseCaseStack,
        construct_id: str,
        *,
        services: tuple[str, ...],
        environment: Mapping[str, str],
        alarms: Alarms,
        memory_size: int = 1024,
        part: str = "",
        timeout: Duration = TIMEOUT,
        scheduled: bool = False,
        streams: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self._behind_queue = bool(part)
        self._scheduled = scheduled
        self._streams = streams
        target = package_target(scope.settings)
        if streams:
            part, timeout = STREAM_PART, STREAM_TIMEOUT
            environment = {**environment, **_ADAPTER_ENVIRONMENT}
        package = Package(use_case=scope.use_case, target=target, services=services, part=part)
        logs = log_group(self, "Logs", scope.settings)
        self.role = self._own_role(logs)
        self.function = lambda_.Function(
            self,
            "Resource",
            code=package_code(package),
            handler="lambda_src/shared/run.sh" if streams else package.handler,
            layers=[self._adapter(scope, target)] if streams else None,
            runtime=target.runtime,
            architecture=target.architecture,
            role=self.role,
            log_group=logs,
            memory_size=memory_size,
            timeout=timeout,
            tracing=lambda_.Tracing.ACTIVE,
            environment={**_common_environment(scope, scheduled), **environment},
        )
        self._watch(alarms)
        self._acknowledge(target)

    def _own_role(self, logs: aws_logs.ILogGroup) -> iam.Role:
        """Not AWS's managed policy for logging, which allows every log group of the account."""
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[logs.log_group_arn])
        )
        return role

    def _adapter(self, scope: UseCaseStack, target: PackageTarget) -> lambda_.ILayerVersion:
        machine = "Arm64" if target.machine == "arm64" else "X86"
        public = f"arn:{Aws.PARTITION}:lambda:{Aws.REGION}:{_ADAPTER.format(machine=machine)}"
        return lambda_.LayerVersion.from_layer_version_arn(
            self, "Adapter", scope.settings.streaming.layer_arn or public
        )

    def _watch(self, alarms: Alarms) -> None:
        name = self.node.id if self._behind_queue or self._streams else ""
        alarms.add(
            f"{name}FunctionErrors",
            self.function.metric_errors(period=PERIOD),
            threshold=1,
            periods=1,
            says="The function failed: an error it did not map to an answer, out of memory, or out of time",
        )
        alarms.add(
            f"{name}FunctionThrottles",
            self.function.metric_throttles(period=PERIOD),
            threshold=1,
            periods=1,
            says="The account's or the function's concurrency is used up",
        )
        if self._behind_queue or self._scheduled or self._streams:
            return
        alarms.add(
            "FunctionSlow",
            self.function.metric_duration(period=PERIOD, statistic="p99"),
            threshold=_SLOW.to_milliseconds(),
            periods=3,
            says="One request in a hundred takes almost as long as the gateway waits",
        )

    def _acknowledge(self, target: PackageTarget) -> None:
        acknowledge(
            self.role,
            {"AwsSolutions-IAM5[Resource::*]": "X-Ray's actions for writing traces have no resource level"},
        )
        acknowledge(
            self.function,
            {"Serverless-LambdaDLQ": self._why_no_dead_letters()},
        )
        if target.python_version != _NEWEST_RUNTIME:
            reason = (
                f"Python {target.python_version} is supported, starts faster, and is what the byte code is made for"
            )
            acknowledge(self.function, {"AwsSolutions-L1": reason, "Serverless-LambdaLatestVersion": reason})

    def _why_no_dead_letters(self) -> str:
        if self._scheduled:
            return "Its event says nothing: a run that failed for the third time is made up for by the next one"
        if self._behind_queue:
            return "Its queue has the dead-letter queue"
        return "Only API Gateway invokes it, and waits: there is no queue to fall out of"


# Waits for the port instead of asking a path: no route is there for it.
_ADAPTER_ENVIRONMENT = {
    "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
    "AWS_LWA_INVOKE_MODE": "response_stream",
    "AWS_LWA_READINESS_CHECK_PROTOCOL": "tcp",
    "AWS_LWA_PORT": "8080",
}


def _common_environment(scope: UseCaseStack, scheduled: bool) -> dict[str, str]:
    settings = scope.settings
    models = settings.all_models if scheduled else settings.models_for(scope.use_case)
    environment = {
        "STAGE": settings.name,
        "USE_CASE": scope.use_case,
        "MODELS": ",".join(models),
        "PAYLOAD_LOGGING": "true" if settings.payload_logging else "false",
        "POWERTOOLS_SERVICE_NAME": kebab(scope.use_case),
        "POWERTOOLS_METRICS_NAMESPACE": "BedrockEndpoints",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
    if settings.cors_origins:
        environment["CORS_ORIGINS"] = ",".join(settings.cors_origins)
    if settings.model_region:
        environment["MODEL_REGION"] = settings.model_region
    return environment
