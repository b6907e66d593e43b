"""Opens a deployed stage: the local stage with its own keys, a stage on AWS with the user's credentials."""

import boto3
from botocore.exceptions import BotoCoreError

from bedrock_endpoints import Stage, find_stage, local_stage
from dev.local.paths import Paths


def open_stage(name: str, caller: str | None = None) -> Stage:
    """`caller` is one of the local stage's callers. Raises `bedrock_endpoints.errors.ConfigurationError`."""
    return local_stage(Paths().home, caller=caller) if name == "local" else find_stage(name)


def shell_region() -> str | None:
    """The region that stages without one are deployed in: the shell's; None without a usable one."""
    try:
        region: str | None = boto3.Session().region_name
    except BotoCoreError:
        return None
    return region
