"""The function's entry: the schedule's event, which says nothing."""

from lambda_src.shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from typing import Any

from lambda_src.model_lifecycle.service import Checkup, LifecycleSettings
from lambda_src.shared import aws
from lambda_src.shared.settings import read_settings

READ_SECONDS = 5
ATTEMPTS = 3


def make_checkup() -> Checkup:
    """What the function makes at its start, once."""
    settings = read_settings(LifecycleSettings)
    return Checkup(settings, aws.slow_client("bedrock", READ_SECONDS, ATTEMPTS, settings.model_region))


checkup = make_checkup()


def handler(_event: object, _context: object) -> dict[str, Any]:
    """The counts, as the metrics have them."""
    return checkup.run()


start.done()
