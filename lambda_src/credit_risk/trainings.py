"""Trainings as their callers get them: models made from a batch of loans."""

import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from lambda_src.credit_risk.batch_store import BatchStore
from lambda_src.credit_risk.batches import NOT_FOUND, find_batch
from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.models import (
    CreateTraining,
    Failure,
    Training,
    TrainingAnswer,
    TrainingList,
    TrainingStep,
    TrainingStepName,
)
from lambda_src.credit_risk.queue import Queue, TrainModel
from lambda_src.credit_risk.training_store import TrainingItem, TrainingStore
from lambda_src.shared.context import Context
from lambda_src.shared.errors import ApiError, Conflict, InvalidRequest, NotFound
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.inert_text import inert_text
from lambda_src.shared.schemas import ListQuery

_STEPS: tuple[TrainingStepName, ...] = ("reading", "classing", "selecting", "losses", "measuring")
# Less makes scores that differ by rounding.
_LEAST_SCALE = 100


class Trainings:
    """The operations of the routes below `/trainings`."""

    def __init__(
        self, store: TrainingStore, batches: BatchStore, queue: Queue, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._batches = batches
        self._queue = queue
        self._now = clock

    def create(self, context: Context, body: CreateTraining) -> TrainingAnswer:
        """Queues a training.

        Raises `InvalidRequest` for settings that no training takes, `NotFound` for a batch that is not the caller's,
        and `Conflict` for one that is not of loans, or not ready.
        """
        _check(body)
        self._check_batch(context, body.batch)
        now = self._now()
        training = TrainingItem(
            id=new_id(int(now * 1000)),
            caller=context.caller,
            request=msgspec.json.encode(body),
            model=new_id(int(now * 1000)),
            status="waiting",
            created_at=timestamp(now),
            updated_at=timestamp(now),
        )
        context.idempotency.keep_with(training.id)
        self._store.create(training)
        try:
            self._queue.send(TrainModel(context.caller, training.id))
        except ApiError:
            # It would wait for ever.
            self._store.fail(training, "not_queued", "The training could not be queued. Create another one.")
            raise
        return TrainingAnswer(**_fields(training), request_id=context.request_id)

    def list(self, context: Context, query: ListQuery) -> TrainingList:
        """The caller's trainings, newest first."""
        trainings, cursor = self._store.page(context.caller, query.limit, query.cursor)
        items = [Training(**_fields(training)) for training in trainings]
        return TrainingList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get(self, context: Context, training_id: str) -> TrainingAnswer:
        """Raises `NotFound`."""
        training = self._store.get(context.caller, training_id)
        if training is None:
            raise NotFound(NOT_FOUND)
        return TrainingAnswer(**_fields(training), request_id=context.request_id)

    def _check_batch(self, context: Context, batch_id: str) -> None:
        path = "body.batch"
        try:
            batch = find_batch(self._batches, context.caller, batch_id)
        except NotFound as error:
            message = "there is nothing of yours with this id"
            raise NotFound(f"{path}: {message}", details=[{"path": path, "message": message}]) from error
        message = ""
        if batch.purpose != "training":
            message = f"the batch is for {batch.purpose}, not for training"
        elif batch.status != "ready":
            message = f"the batch is {batch.status}, not ready"
        if message:
            raise Conflict(f"{path}: {message}", details=[{"path": path, "message": message}])


def _check(body: CreateTraining) -> None:
    for number, name in enumerate(body.exclude):
        if name not in CHARACTERISTICS:
            raise InvalidRequest.at(f"body.exclude[{number}]", f"is unknown; known are {', '.join(CHARACTERISTICS)}")
    if body.scale.max - body.scale.min < _LEAST_SCALE:
        raise InvalidRequest.at("body.scale", f"max must exceed min by at least {_LEAST_SCALE}")


def _fields(training: TrainingItem) -> dict[str, Any]:
    """The fields of the API's `Training`."""
    wanted = training.wanted
    fields: dict[str, Any] = {
        "id": training.id,
        "name": inert_text(wanted.name),
        "batch": wanted.batch,
        "status": training.status,
        "steps": _steps(training),
        "created_by": training.caller,
        "created_at": training.created_at,
        "updated_at": training.updated_at,
    }
    if training.status == "ready":
        fields["model"] = training.model
    if training.status == "failed":
        fields["error"] = Failure(training.error_code or "", training.error_message or "")
    return fields


def _steps(training: TrainingItem) -> list[TrainingStep]:
    """The steps before the current one are done; after a failure, the one that failed is not."""
    if training.status == "ready":
        return [TrainingStep(name, "done") for name in _STEPS]
    place = -1 if training.step is None else _STEPS.index(training.step)
    running: Literal["running", "waiting"] = "running" if training.status == "running" else "waiting"
    return [
        TrainingStep(name, "done" if number < place else running if number == place else "waiting")
        for number, name in enumerate(_STEPS)
    ]
