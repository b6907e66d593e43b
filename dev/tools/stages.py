"""Opens a deployed stage: the local stage with its own keys, a stage on AWS with the user's credentials."""

from bedrock_endpoints import Stage, find_stage, local_stage
from dev.local.paths import Paths


def open_stage(name: str, caller: str | None = None) -> Stage:
    """`caller` is one of the local stage's callers. Raises `bedrock_endpoints.errors.ConfigurationError`."""
    return local_stage(Paths().home, caller=caller) if name == "local" else find_stage(name)
