"""A prefix of a bucket outside of the stacks that functions read, and whose events reach a queue."""

import hashlib

from aws_cdk import Aws
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.work_queue import WorkQueue


class S3Source(Construct):
    """The bucket must be in the stack's account and region, with notifications to EventBridge on."""

    def __init__(self, scope: Construct, bucket: str, prefix: str, *, kms_key: str | None, queue: WorkQueue) -> None:
        # Named after its place: a source that moves in the list stays the same resource.
        super().__init__(scope, f"Source{hashlib.sha256(f'{bucket}/{prefix}'.encode()).hexdigest()[:8]}")
        self._bucket = f"arn:{Aws.PARTITION}:s3:::{bucket}"
        self._prefix = prefix
        self._kms_key = kms_key
        objects = {"object": {"key": [{"prefix": prefix}]}} if prefix else {}
        events.Rule(
            self,
            "Changes",
            description=f"Objects created and deleted in s3://{bucket}/{prefix}",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created", "Object Deleted"],
                detail={"bucket": {"name": [bucket]}, **objects},
            ),
            targets=[targets.SqsQueue(queue.queue, dead_letter_queue=queue.dead_letters)],
        )

    def grant_read(self, role: iam.Role) -> None:
        """Lets the role read the objects, also by presigned URL."""
        objects = f"{self._bucket}/{self._prefix}*"
        role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects]))
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{objects.replace(Aws.PARTITION, '<AWS::Partition>')}]": (
                    "Object names are not known in advance"
                )
            },
        )
        if self._kms_key:
            role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[self._kms_key]))

    def grant_list(self, role: iam.Role) -> None:
        """Lets the role list the objects below the prefix, and no others."""
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[self._bucket],
                conditions={"StringLike": {"s3:prefix": f"{self._prefix}*"}},
            )
        )
