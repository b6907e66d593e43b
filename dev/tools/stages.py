"""A deployed stage, as the development tools call it: the local one with its own keys, one on AWS with the user's."""

from bedrock_endpoints import Stage, find_stage, local_stage
from dev.local.paths import Paths


def open_stage(name: str, caller: str | None = None) -> Stage:
    """`caller` names one of the local stage's callers. Raises `bedrock_endpoints.errors.ConfigurationError`."""
    return local_stage(Paths().home, caller=caller) if name == "local" else find_stage(name)
