"""How long the models of a stage still live: one log line a model, and metrics that alarms watch."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared.catalogue import Model, resolve
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
    """The models that any use case of the stage offers, and where Bedrock is asked about them."""

    stage: str
    models: tuple[str, ...]
    model_region: str | None = None


class Life(msgspec.Struct, frozen=True):
    """What is known of one model. `near`: it may end within 90 days, or is legacy; `ending`: within 30, announced."""

    model: str
    asked: bool
    status: str
    days: int | None
    near: bool
    ending: bool


class Checkup:
    """Asks Bedrock about each model of the stage; where it does not answer, the catalogue is all there is."""

    def __init__(self, settings: LifecycleSettings, client: Any, today: Callable[[], date] | None = None) -> None:
        self._settings, self._client = settings, client
        self._today = today or (lambda: datetime.now(UTC).date())

    def run(self) -> dict[str, int]:
        """The counts. Never fails for a model that Bedrock says nothing of: that is counted."""
        today = self._today()
        # A model that is called by its id here and by a profile there has one life.
        models = {model.id: model for model in (resolve(one).model for one in self._settings.models)}
        lives = [life(model, self._ask(model), today) for model in models.values()]
        for one in lives:
            logger.info("model life cycle", **msgspec.to_builtins(one))
            if one.days is not None:
                self._emit({"DaysToEndOfLife": one.days}, model=one.model)
        counts = _counts(lives)
        self._emit(counts)
        return counts

    def _ask(self, model: Model) -> BedrockLifecycle | None:
        try:
            details = self._client.get_foundation_model(modelIdentifier=model.id)["modelDetails"]
            return parse_lifecycle(details["modelLifecycle"])
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            logger.warning("could not ask Bedrock: the catalogue alone counts", model=model.id, reason=str(error))
            return None

    def _emit(self, values: dict[str, int], **dimensions: str) -> None:
        for name, value in {"stage": self._settings.stage, **dimensions}.items():
            metrics.add_dimension(name, value)
        for name, number in values.items():
            metrics.add_metric(name, MetricUnit.Count, number)
        metrics.flush_metrics()


def life(model: Model, said: BedrockLifecycle | None, today: date) -> Life:
    """By the earlier of Bedrock's day and the catalogue's."""
    known = model.lifecycle
    ends = earliest_end(known, said)
    status = (merge_lifecycle(known, said, today) if said else known).status
    left = ends - today if ends else None
    # The catalogue's day of an active model is the earliest possible one.
    announced = said.ends_on if said and known.status == "active" else ends if known.status != "active" else None
    return Life(
        model=model.id,
        asked=said is not None,
        status=status,
        days=None if left is None else left.days,
        near=status != "active" or (left is not None and left <= NEAR_END),
        ending=status == "ended" or (announced is not None and announced - today <= IMMINENT_END),
    )


def _counts(lives: Sequence[Life]) -> dict[str, int]:
    return {
        "ModelsNearEnd": sum(one.near for one in lives),
        "ModelsEnding": sum(one.ending for one in lives),
        "ModelsNotAsked": sum(not one.asked for one in lives),
    }
