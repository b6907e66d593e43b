"""The audit trail: the log group of what callers asked, on stages that have one."""

from datetime import date
from typing import cast

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.common.audit import audit_group_name
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import AuditSettings, StageSettings


class AuditStack(UseCaseStack):
    """One log group for all functions behind APIs, in a stack that no function's deployment or deletion touches."""

    def __init__(self, scope: Construct, *, settings: StageSettings, audit: AuditSettings, today: date) -> None:
        super().__init__(scope, "audit", settings=settings, today=today)
        group = logs.LogGroup(
            self, "Group", log_group_name=audit_group_name(settings), removal_policy=self.data_removal_policy
        )
        resource = cast(logs.CfnLogGroup, group.node.default_child)
        # CDK's enumeration cannot be looked up by a number of days.
        resource.retention_in_days = audit.retention_days
        # Not CDK's construct of a key: the key's policy is its administrator's, see docs/how-to/audit.md.
        resource.kms_key_id = audit.kms_key
