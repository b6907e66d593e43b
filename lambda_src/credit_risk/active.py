"""The models that score, read once per process and looked up again every minute."""

import time
from collections.abc import Callable

from lambda_src.credit_risk.registry import ActiveState, Assignment, ModelRegistry
from lambda_src.credit_risk.scoring import ModelInForce
from lambda_src.shared.errors import ApiError, Conflict
from lambda_src.shared.observability import logger

# An activation is in force everywhere after this time.
FRESH_SECONDS = 60


class ActiveModels:
    """Champion and challenger of the stage."""

    def __init__(self, registry: ModelRegistry, clock: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._clock = clock
        self._read_at = -float("inf")
        self._champion: ModelInForce | None = None
        self._challenger: ModelInForce | None = None

    def find(self) -> tuple[ModelInForce, ModelInForce | None]:
        """The model that answers, and the one that is scored next to it, if there is one.

        Raises `Conflict` when none answers, and `Unavailable`.
        """
        self._refresh()
        if self._champion is None:
            raise Conflict("no model is active")
        return self._champion, self._challenger

    def _refresh(self) -> None:
        now = self._clock()
        if 0 <= now - self._read_at < FRESH_SECONDS:
            return
        state = self._registry.state()
        self._champion = self._in_force(state.champion)
        self._challenger = self._in_shadow(state)
        self._read_at = now

    def _in_shadow(self, state: ActiveState) -> ModelInForce | None:
        """A challenger that cannot be read must not stop the champion."""
        try:
            return self._in_force(state.challenger)
        except ApiError as error:
            logger.warning("challenger not read", error=type(error).__name__)
            return None

    def _in_force(self, assignment: Assignment | None) -> ModelInForce | None:
        record = self._registry.find(assignment.model) if assignment else None
        if assignment is None or record is None:
            # A sample model is gone when the stage turns them off.
            return None
        return ModelInForce(record.reference, self._registry.read(record), assignment.cut_off)
