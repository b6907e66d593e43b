"""Reports the life cycle of a stage's models: one log line per model, and metrics for alarms."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared.catalog import Model, resolve
from lambda_src.shared.lifecycle import (
    IMMINENT_END,
    NEAR_END,
    BedrockLifecycle,
    earliest_end,
    merge_lifecycle,
    parse_lifecycle,
)
from lambda_src.shared.observability import logger, metrics


class LifecycleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`models`: those that any use case of the stage offers, followed by `@` and their region if it is another one."""

    stage: str
    models: tuple[str, ...]


class ModelStatus(msgspec.Struct, frozen=True):
    """One model's status. `days`: until its earliest end of life.

    `near`: it may end within 90 days, or is legacy. `ending`: its end within 30 days is announced. `asked`: whether
    Bedrock has reported its life cycle.
    """

    model: str
    asked: bool
    status: str
    days: int | None
    near: bool
    ending: bool


class Checkup:
    """Queries Bedrock for each model of the stage. Without an answer, only the catalog's dates count."""

    def __init__(
        self,
        settings: LifecycleSettings,
        client_for: Callable[[str | None], Any],
        today: Callable[[], date] | None = None,
    ) -> None:
        """`client_for` returns a Bedrock client for a region; None is the function's own."""
        self._settings, self._client_for = settings, client_for
        self._today = today or (lambda: datetime.now(UTC).date())

    def run(self) -> dict[str, int]:
        """The counts. A model that Bedrock does not report is counted, too."""
        today = self._today()
        # A model may be offered by its id and by several profiles, and called in two regions.
        models = {model.id: (model, region) for model, region in map(_located, self._settings.models)}
        statuses = [model_status(model, self._query(model, region), today) for model, region in models.values()]
        for status in statuses:
            logger.info("model life cycle", **msgspec.to_builtins(status))
            if status.days is not None:
                self._emit({"DaysToEndOfLife": status.days}, model=status.model)
        counts = _counts(statuses)
        self._emit(counts)
        return counts

    def _query(self, model: Model, region: str | None) -> BedrockLifecycle | None:
        try:
            details = self._client_for(region).get_foundation_model(modelIdentifier=model.id)["modelDetails"]
            return parse_lifecycle(details["modelLifecycle"])
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            logger.warning("no life cycle from Bedrock: using the catalog only", model=model.id, reason=str(error))
            return None

    def _emit(self, values: dict[str, int], **dimensions: str) -> None:
        for name, value in dimensions.items():
            metrics.add_dimension(name, value)
        for name, number in values.items():
            metrics.add_metric(name, MetricUnit.Count, number)
        metrics.flush_metrics()


def _located(entry: str) -> tuple[Model, str | None]:
    name, _, region = entry.partition("@")
    return resolve(name).model, region or None


def model_status(model: Model, reported: BedrockLifecycle | None, today: date) -> ModelStatus:
    """Uses the earlier of Bedrock's date and the catalog's."""
    catalog = model.lifecycle
    ends = earliest_end(catalog, reported)
    status = (merge_lifecycle(catalog, reported, today) if reported else catalog).status
    remaining = ends - today if ends else None
    # The catalog's date of an active model is only the earliest possible one.
    reported_end = reported.ends_on if reported else None
    announced = reported_end if catalog.status == "active" else ends
    return ModelStatus(
        model=model.id,
        asked=reported is not None,
        status=status,
        days=None if remaining is None else remaining.days,
        near=status != "active" or (remaining is not None and remaining <= NEAR_END),
        ending=status == "ended" or (announced is not None and announced - today <= IMMINENT_END),
    )


def _counts(statuses: Sequence[ModelStatus]) -> dict[str, int]:
    return {
        "ModelsNearEnd": sum(status.near for status in statuses),
        "ModelsEnding": sum(status.ending for status in statuses),
        "ModelsNotAsked": sum(not status.asked for status in statuses),
    }
