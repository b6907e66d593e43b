"""Entry point of the scheduled function."""

from lambda_src.shared import start  # isort: skip  (first: it disables garbage collection during the other imports)

from typing import Any

from lambda_src.model_lifecycle.service import Checkup, LifecycleSettings
from lambda_src.shared import aws
from lambda_src.shared.settings import read_settings

READ_SECONDS = 5
ATTEMPTS = 3


def make_checkup() -> Checkup:
    """Builds the checkup, once per process."""
    settings = read_settings(LifecycleSettings)
    return Checkup(settings, lambda region: aws.slow_client("bedrock", READ_SECONDS, ATTEMPTS, region))


checkup = make_checkup()


def handler(_event: object, _context: object) -> dict[str, Any]:
    """Returns the counts that the metrics report."""
    return checkup.run()


start.done()
