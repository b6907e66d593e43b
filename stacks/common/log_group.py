"""Log groups with the stage's retention and removal policy."""

from typing import cast

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.common.use_case_stack import removal_policy
from stacks.config import StageSettings


def log_group(
    scope: Construct, construct_id: str, settings: StageSettings, *, name: str | None = None
) -> logs.LogGroup:
    """A log group with the retention and removal policy of the stage. CloudFormation names it unless `name` is set."""
    group = logs.LogGroup(scope, construct_id, log_group_name=name, removal_policy=removal_policy(settings))
    # CDK's enumeration cannot be looked up by a number of days.
    cast(logs.CfnLogGroup, group.node.default_child).retention_in_days = settings.log_retention_days
    return group
