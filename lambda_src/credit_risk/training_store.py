"""The table's items of trainings (`trainings#<caller>`, `<id>`): what was asked for, how far it is, how it ended.

The model's id is chosen with the training, so that a message that is delivered twice makes one model. Only the newest
attempt may write: an attempt that was taken for dead, and is not, changes nothing.
"""

from typing import Any

import msgspec

from lambda_src.credit_risk.models import CreateTraining, TrainingStatus, TrainingStepName
from lambda_src.shared.ids import timestamp
from lambda_src.shared.table import Item, Table, check_cursor, from_item, item_key, to_item, update_arguments


class TrainingItem(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A stored training. `request` is the JSON of what was asked for; `model` the id that its model has, or will."""

    id: str
    caller: str
    request: bytes
    model: str
    status: TrainingStatus
    created_at: str
    updated_at: str
    step: TrainingStepName | None = None
    attempts: int = 0
    error_code: str | None = None
    error_message: str | None = None

    @property
    def wanted(self) -> CreateTraining:
        """What was asked for."""
        return msgspec.json.decode(self.request, type=CreateTraining)


class TrainingStore(Table):
    """The trainings of one stage."""

    def create(self, training: TrainingItem) -> None:
        """Writes a new training."""
        self._write_if(
            "put_item",
            Item={
                **_key(training.caller, training.id),
                **to_item(msgspec.to_builtins(training, builtin_types=(bytes,))),
            },
            ConditionExpression="attribute_not_exists(pk)",
        )

    def get(self, caller: str, training_id: str) -> TrainingItem | None:
        """A training of the caller."""
        item = self._get(_key(caller, training_id))
        return _training(item) if item else None

    def page(self, caller: str, limit: int, cursor: str | None) -> tuple[list[TrainingItem], str | None]:
        """Trainings, newest first, and the cursor of the next page if there is one."""
        check_cursor(cursor)
        page = self._query(_partition(caller), limit=limit, cursor=cursor)
        return [_training(item) for item in page.items], page.cursor

    def begin(self, training: TrainingItem) -> TrainingItem:
        """Begins another attempt. Raises `StaleWriteError` if there is one since `training` was read, or its end."""
        changes = {"status": "running", "step": "reading", "attempts": training.attempts + 1}
        return self._change(training, changes)

    def set_step(self, training: TrainingItem, step: TrainingStepName) -> TrainingItem:
        """Records the step that begins. Raises as `begin`."""
        return self._change(training, {"step": step})

    def fail(self, training: TrainingItem, code: str, message: str) -> None:
        """Records why there is no model. Raises as `begin`."""
        self._change(training, {"status": "failed", "errorCode": code, "errorMessage": message})

    def ready_write(self, training: TrainingItem) -> dict[str, Any]:
        """The write of a transaction that ends a training, which fails where `begin` raises."""
        changes = {"status": "ready", "updatedAt": timestamp(self._now())}
        arguments = update_arguments(changes, **_unchanged(training))
        return {"Update": {"TableName": self._table, "Key": _key(training.caller, training.id), **arguments}}

    def _change(self, training: TrainingItem, changes: dict[str, Any]) -> TrainingItem:
        changes = {"status": training.status, **changes, "updatedAt": timestamp(self._now())}
        return _training(self._update(_key(training.caller, training.id), changes, **_unchanged(training)))


def _unchanged(training: TrainingItem) -> dict[str, Any]:
    """The condition that the attempt is the one that was read, and that it has not ended."""
    attempts = "attribute_not_exists(attempts)"
    values: dict[str, Any] = {":before": training.status}
    if training.attempts:
        attempts = "attempts = :attempts"
        values[":attempts"] = training.attempts
    return {"condition": f"#status = :before AND {attempts}", "values": values}


def _training(item: Item) -> TrainingItem:
    return msgspec.convert(from_item(item), TrainingItem)


def _partition(caller: str) -> str:
    return f"trainings#{caller}"


def _key(caller: str, training_id: str) -> Item:
    return item_key(_partition(caller), training_id)
