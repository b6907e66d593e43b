"""The table's items of batches, one each: what it is, how far its work is, and the sums of its rows.

Work goes on in slices of rows. The end of a slice is one conditional write, in the same transaction as the counters
that the slice raises: a slice that is worked on twice, late or after a kill, counts once.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from lambda_src.credit_risk.models import BatchPurpose, BatchStatus, ModelReference, ScoreCutOff
from lambda_src.credit_risk.reasons import Language
from lambda_src.shared import aws
from lambda_src.shared.ids import timestamp
from lambda_src.shared.table import (
    Item,
    StaleWriteError,
    Table,
    check_cursor,
    from_item,
    item_key,
    to_item,
    update_arguments,
)

# A batch expires when its upload form is not used.
AWAITING_UPLOAD_SECONDS = 24 * 3600


class BatchModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A model that scores a batch: from its first row to its last, whatever is activated in between."""

    reference: ModelReference
    cut_off: ScoreCutOff
    currency: str


class Totals(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Sums over rows. Rates are in millionths and money in hundredths, because attributes are whole numbers."""

    rejected: int = 0
    scored: int = 0
    approved: int = 0
    score: int = 0
    probability: int = 0
    expected_loss: int = 0
    exposure: int = 0

    def plus(self, other: "Totals") -> "Totals":
        """The sum of both."""
        return Totals(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class BatchItem(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A stored batch. `source` is the ETag of its file; `rows` the data rows of the file.

    `slice` is the number of the slice to work on, from 0: it begins at `offset` in the text, on line `line`, and
    `rows_done` rows are before it. Of its writes `part` are made. `started_at`: seconds since 1970 at which the work
    began.
    """

    id: str
    name: str
    owner: str
    purpose: BatchPurpose
    language: Language
    status: BatchStatus
    created_at: str
    updated_at: str
    sha256: str | None = None
    source: str | None = None
    rows: int | None = None
    started_at: int = 0
    slice: int = 0
    part: int = 0
    offset: int = 0
    line: int = 0
    rows_done: int = 0
    totals: Totals = Totals()
    champion: BatchModel | None = None
    challenger: BatchModel | None = None
    error_code: str | None = None
    error_message: str | None = None
    deleted_at: int | None = None
    expires_at: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all rows are done."""
        return self.rows_done == self.rows


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the first look at a file found. `offset` and `line` are those of the first data row."""

    source: str
    rows: int
    offset: int
    line: int
    started_at: int
    champion: BatchModel | None = None
    challenger: BatchModel | None = None


class SliceEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Where a slice ended, and the sums of its rows."""

    offset: int
    line: int
    rows: int
    totals: Totals


class BatchStore(Table):
    """The batches of one stage, by the namespace of their caller."""

    def create(self, namespace: str, batch: BatchItem) -> None:
        """Writes a new batch that waits for its file."""
        expires_at = int(self._now()) + AWAITING_UPLOAD_SECONDS
        fields = msgspec.to_builtins(msgspec.structs.replace(batch, expires_at=expires_at))
        self._write_if(
            "put_item",
            Item={**_key(namespace, batch.id), **to_item(fields)},
            ConditionExpression="attribute_not_exists(pk)",
        )

    def get(self, namespace: str, batch_id: str) -> BatchItem | None:
        """A batch; None for one that does not exist or has expired."""
        item = self._get(_key(namespace, batch_id))
        return self._unexpired(item) if item else None

    def page(
        self, namespace: str, limit: int, cursor: str | None, purpose: BatchPurpose | None
    ) -> tuple[list[BatchItem], str | None]:
        """Batches, newest first, and the cursor of the next page if there is one. A page may be short."""
        check_cursor(cursor)
        page = self._query(_partition(namespace), limit=limit, cursor=cursor)
        batches = [batch for item in page.items if (batch := self._unexpired(item))]
        return [batch for batch in batches if purpose in (None, batch.purpose)], page.cursor

    def start(self, namespace: str, batch_id: str, plan: Plan, expires_at: int) -> None:
        """Begins the work. Raises `StaleWriteError` if another process has, or the batch is being deleted."""
        self._change(
            namespace,
            batch_id,
            {
                "status": "processing",
                "source": plan.source,
                "rows": plan.rows,
                "offset": plan.offset,
                "line": plan.line,
                "startedAt": plan.started_at,
                "champion": _plain(plan.champion),
                "challenger": _plain(plan.challenger),
                "slice": 0,
                "part": 0,
                "rowsDone": 0,
                "totals": msgspec.to_builtins(Totals()),
                "expiresAt": expires_at,
            },
            condition="#status = :waiting",
            values={":waiting": "awaitingUpload"},
        )

    def finish_part(self, namespace: str, batch: BatchItem, writes: Sequence[dict[str, Any]]) -> BatchItem:
        """Makes writes of the current slice, once. Raises `StaleWriteError` if that is done, or the batch is not in
        work any more. Returns the batch after it."""
        self._commit(namespace, batch, {"part": batch.part + 1}, writes)
        return msgspec.structs.replace(batch, part=batch.part + 1)

    def finish_slice(self, namespace: str, batch: BatchItem, end: SliceEnd) -> BatchItem:
        """Ends the current slice. Raises as `finish_part`. Returns the batch after it."""
        after = msgspec.structs.replace(
            batch,
            slice=batch.slice + 1,
            part=0,
            offset=end.offset,
            line=end.line,
            rows_done=batch.rows_done + end.rows,
            totals=batch.totals.plus(end.totals),
        )
        changes = {
            "slice": after.slice,
            "part": 0,
            "offset": after.offset,
            "line": after.line,
            "rowsDone": after.rows_done,
            "totals": msgspec.to_builtins(after.totals),
        }
        self._commit(namespace, batch, changes, ())
        return after

    def finish(self, namespace: str, batch: BatchItem) -> None:
        """The batch is ready. Raises `StaleWriteError` if it is not in work any more."""
        condition, values = _in_work(batch)
        self._change(
            namespace, batch.id, {"status": "ready"}, condition=condition, values=values, names=("slice", "part")
        )

    def store(self, namespace: str, batch_id: str, source: str, rows: int, expires_at: int) -> None:
        """A file that only trainings read is ready. Raises `StaleWriteError` as `start`."""
        self._change(
            namespace,
            batch_id,
            {"status": "ready", "source": source, "rows": rows, "expiresAt": expires_at},
            condition="#status = :waiting",
            values={":waiting": "awaitingUpload"},
        )

    def fail(self, namespace: str, batch: BatchItem, code: str, message: str, expires_at: int) -> None:
        """Records why the file cannot be used. Raises `StaleWriteError` if the batch is not in this state any more."""
        self._change(
            namespace,
            batch.id,
            {"status": "failed", "errorCode": code, "errorMessage": message, "expiresAt": expires_at},
            condition="#status = :before",
            values={":before": batch.status},
        )

    def mark_deleting(self, namespace: str, batch_id: str) -> None:
        """Stops the work and hides the files. Raises `StaleWriteError` when the batch no longer exists."""
        self._change(
            namespace,
            batch_id,
            {"status": "deleting", "deletedAt": int(self._now())},
            # It stays until its files are deleted.
            remove=("expiresAt",),
            condition="attribute_exists(pk)",
        )

    def delete(self, namespace: str, batch_id: str) -> None:
        """Deletes a batch that is marked as deleting, as the last step. Raises `StaleWriteError` for another."""
        self._write_if(
            "delete_item",
            Key=_key(namespace, batch_id),
            ConditionExpression="#status = :deleting",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":deleting": {"S": "deleting"}},
        )

    def _commit(
        self, namespace: str, batch: BatchItem, changes: dict[str, Any], writes: Sequence[dict[str, Any]]
    ) -> None:
        condition, values = _in_work(batch)
        arguments = update_arguments(
            {**changes, "updatedAt": timestamp(self._now())},
            condition=condition,
            values=values,
            names=("status", "slice", "part"),
        )
        update = {"TableName": self._table, "Key": _key(namespace, batch.id), **arguments}
        if reasons := self._transact([{"Update": update}, *writes]):
            if reasons[0] == "ConditionalCheckFailed":
                raise StaleWriteError
            raise aws.store_unavailable("TransactionConflict")

    def _unexpired(self, item: Item) -> BatchItem | None:
        batch = msgspec.convert(from_item(item), BatchItem)
        return batch if batch.expires_at is None or batch.expires_at > self._now() else None

    def _change(self, namespace: str, batch_id: str, changes: dict[str, Any], **arguments: Any) -> None:
        changes = {**changes, "updatedAt": timestamp(self._now())}
        self._update(_key(namespace, batch_id), changes, **arguments)


def _in_work(batch: BatchItem) -> tuple[str, dict[str, Any]]:
    """The condition that a batch is at the slice and part that were read, and the condition's values."""
    return (
        "#status = :processing AND #slice = :slice AND #part = :part",
        {":processing": "processing", ":slice": batch.slice, ":part": batch.part},
    )


def _plain(model: BatchModel | None) -> Any:
    return None if model is None else msgspec.to_builtins(model)


def _partition(namespace: str) -> str:
    return f"batches#{namespace}"


def _key(namespace: str, batch_id: str) -> Item:
    return item_key(_partition(namespace), batch_id)
