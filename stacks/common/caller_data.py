"""What use cases have on a stage with `callerData`: a function that erases and exports what is kept of a caller."""

from collections.abc import Mapping, Sequence

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam

from lambda_src.shared.caller_data import EXPORTS
from stacks.common.alarms import Alarms
from stacks.common.bucket import PrivateBucket
from stacks.common.nag import acknowledge
from stacks.common.python_function import PythonFunction
from stacks.common.table import Table
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.config import StageSettings

# The worker waits ten seconds longer.
_TIMEOUT = Duration.seconds(60)
_PART = "caller_data"


class CallerDataFunction(PythonFunction):
    """Erases and exports, piece by piece; its handler is in the part `caller_data`.

    It may find, change and delete the items of the use case's table, and write its files of exports. What else it needs
    must be granted.
    """

    _no_dead_letters = "The worker of erasures and exports invokes it synchronously, and repeats what failed"

    def __init__(
        self,
        scope: UseCaseStack,
        construct_id: str,
        *,
        table: Table,
        alarms: Alarms,
        bucket: PrivateBucket | None = None,
        services: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`services` are those besides DynamoDB and S3."""
        exports = exports_bucket_name(scope.settings)
        super().__init__(
            scope,
            construct_id,
            services=("dynamodb", "s3", *services),
            environment={
                **table.environment,
                **(bucket.environment if bucket else {}),
                **(environment or {}),
                "EXPORTS_BUCKET": exports,
            },
            alarms=alarms,
            timeout=_TIMEOUT,
            part=_PART,
        )
        # A reference from the worker's stack would not let this one replace or delete it.
        self.resource.function_name = scope.settings.caller_data_function(scope.use_case)
        table.grant_erase(self.role)
        # Its own folder of each export: archives and the files of other use cases are out of reach.
        folder = f"{EXPORTS}/*/files/{kebab(scope.use_case)}/*"
        arn = f"arn:{Aws.PARTITION}:s3:::{exports}/{folder}"
        self.role.add_to_policy(iam.PolicyStatement(actions=["s3:PutObject"], resources=[arn]))
        shown = arn
        for token, name in ((Aws.PARTITION, "AWS::Partition"), (Aws.ACCOUNT_ID, "AWS::AccountId")):
            shown = shown.replace(token, f"<{name}>")
        shown = shown.replace(Aws.REGION, "<AWS::Region>")
        acknowledge(self.role, {f"AwsSolutions-IAM5[Resource::{shown}]": "Object names are not known in advance"})


def exports_bucket_name(settings: StageSettings) -> str:
    """The name of the stage's bucket of exports, which is unique in the world with account and region. The longest
    stage's has 59 of S3's 63 characters."""
    return f"be-{settings.name}-exports-{Aws.ACCOUNT_ID}-{Aws.REGION}"
