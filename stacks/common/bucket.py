"""A private bucket with its access logs."""

from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.use_case_stack import UseCaseStack, removal_policy
from stacks.config import StageSettings

_OLD_VERSIONS_KEPT = Duration.days(30)
_INCOMPLETE_UPLOADS_KEPT = Duration.days(1)


class PrivateBucket(Construct):
    """Encrypted, TLS only, no public access; versioned where data is kept.

    S3 refuses to delete a bucket with objects. `make destroy` empties data buckets first, where the removal policy is
    `destroy`. Access logs arrive for hours, so their bucket always stays when the stack is deleted, and `make destroy`
    deletes it last.
    """

    def __init__(
        self,
        scope: UseCaseStack,
        construct_id: str,
        *,
        settings: StageSettings,
        uploads: bool = False,
        versions: bool = True,
        expires: Duration | None = None,
        expires_below: Mapping[str, Duration] | None = None,
        name: str | None = None,
    ) -> None:
        """`uploads`: whether browsers on the stage's origins may post forms to it and read objects by presigned URL.

        With the setting `existingData`, the stack uses that bucket as it is and has none of its own.

        Without `versions`, deletions are final in every stage. `expires` is the age at which objects are deleted,
        `expires_below` that of those below a prefix. CloudFormation names the bucket unless `name` is set.
        """
        super().__init__(scope, construct_id)
        existing = settings.existing_bucket(scope.use_case)
        if existing:
            arn = f"arn:{Aws.PARTITION}:s3:::{existing}"
            self._data: s3.IBucket = s3.Bucket.from_bucket_attributes(
                self, "Resource", bucket_arn=arn, bucket_name=existing
            )
            return
        logs = self._bucket("Logs", RemovalPolicy.RETAIN, expires=Duration.days(settings.log_retention_days))
        self._data = data = self._bucket(
            "Resource",
            removal_policy(settings),
            logs=logs,
            versioned=versions and settings.keeps_data,
            expires=expires,
            name=name,
        )
        for prefix, age in (expires_below or {}).items():
            data.add_lifecycle_rule(prefix=f"{prefix}/", expiration=age)
        if uploads and settings.cors_origins:
            data.add_cors_rule(
                allowed_origins=list(settings.cors_origins),
                allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.GET],
                allowed_headers=["*"],
            )

    @property
    def environment(self) -> dict[str, str]:
        """The function's environment variable with the bucket's name."""
        return {"BUCKET_NAME": self._data.bucket_name}

    def grant_objects(self, role: iam.Role, prefix: str, actions: Sequence[str]) -> None:
        """Lets the role use actions on the objects below a prefix. A presigned URL needs its action, too."""
        role.add_to_policy(
            iam.PolicyStatement(actions=list(actions), resources=[self._data.arn_for_objects(f"{prefix}/*")])
        )
        acknowledge(
            role,
            {f"AwsSolutions-IAM5[Resource::{self._shown}/{prefix}/*]": "Object names are not known in advance"},
        )

    @property
    def _shown(self) -> str:
        """The bucket's ARN as cdk-nag shows it."""
        resource = self._data.node.default_child
        if resource is None:
            return f"arn:<AWS::Partition>:s3:::{self._data.bucket_name}"
        return f"<{Stack.of(self).resolve(cast(s3.CfnBucket, resource).logical_id)}.Arn>"

    def grant_erase(self, role: iam.Role, prefix: str) -> None:
        """Lets the role list and delete all versions of the objects below a prefix."""
        # A call of DeleteObjects always needs `s3:DeleteObject`, also for versions.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        self.grant_objects(role, prefix, ("s3:DeleteObject", "s3:DeleteObjectVersion"))
        self._grant_listing(role, prefix, "s3:ListBucketVersions")

    def grant_list(self, role: iam.Role, prefix: str) -> None:
        """Lets the role list the objects below a prefix, and no others."""
        self._grant_listing(role, prefix, "s3:ListBucket")

    def _grant_listing(self, role: iam.Role, prefix: str, action: str) -> None:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[action],
                resources=[self._data.bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{prefix}/*"}},
            )
        )

    def send_events(self, queue: sqs.Queue, dead_letters: sqs.Queue, prefix: str) -> None:
        """Sends an event to a queue for every object created below a prefix, through EventBridge."""
        bucket = self._data.node.default_child
        if isinstance(bucket, s3.CfnBucket):
            # Set on the bucket itself: CDK's method adds a function that may change every bucket's notifications.
            bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )
        events.Rule(
            self,
            "ObjectCreated",
            description=f"Objects created below {prefix}/",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._data.bucket_name]},
                    "object": {"key": [{"prefix": f"{prefix}/"}]},
                },
            ),
            targets=[targets.SqsQueue(queue, dead_letter_queue=dead_letters)],
        )

    def _bucket(
        self,
        construct_id: str,
        removal: RemovalPolicy,
        *,
        logs: s3.IBucket | None = None,
        versioned: bool = False,
        expires: Duration | None = None,
        name: str | None = None,
    ) -> s3.Bucket:
        return s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            # Access logs are delivered by bucket policy: no bucket needs access control lists.
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=versioned,
            removal_policy=removal,
            server_access_logs_bucket=logs,
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=_INCOMPLETE_UPLOADS_KEPT,
                    expiration=expires,
                    noncurrent_version_expiration=_OLD_VERSIONS_KEPT if versioned else None,
                )
            ],
        )
