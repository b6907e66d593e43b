"""Batches as their callers get them: files of applications to score, of outcomes, and of loans to train with."""

import time
from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchItem, BatchStore
from lambda_src.credit_risk.counters import HUNDREDTHS, MILLIONTHS
from lambda_src.credit_risk.models import (
    Batch,
    BatchAnswer,
    BatchCreated,
    BatchList,
    BatchQuery,
    BatchSummary,
    CreateBatch,
    DeletedBatch,
    Failure,
)
from lambda_src.credit_risk.queue import ProcessBatch, Queue
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.context import Context
from lambda_src.shared.errors import NotFound
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.inert_text import inert_text
from lambda_src.shared.table import StaleWriteError

NOT_FOUND = "There is nothing of yours with this id."


class Batches:
    """The operations of the routes below `/batches`."""

    def __init__(
        self, store: BatchStore, files: BatchFiles, queue: Queue, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._files = files
        self._queue = queue
        self._now = clock

    def create(self, context: Context, body: CreateBatch) -> BatchCreated:
        """A batch that waits for its file, with the form to upload it."""
        namespace, now = caller_namespace(context.caller), self._now()
        batch = BatchItem(
            id=new_id(int(now * 1000)),
            name=body.name.strip(),
            owner=context.caller,
            purpose=body.purpose,
            language=body.language,
            status="awaitingUpload",
            created_at=timestamp(now),
            updated_at=timestamp(now),
            sha256=body.sha256,
        )
        upload = self._files.upload_form(namespace, batch.id, body.bytes)
        context.idempotency.keep_with(batch.id)
        self._store.create(namespace, batch)
        return BatchCreated(id=batch.id, status=batch.status, upload=upload, request_id=context.request_id)

    def list(self, context: Context, query: BatchQuery) -> BatchList:
        """The caller's batches, newest first."""
        namespace = caller_namespace(context.caller)
        batches, cursor = self._store.page(namespace, query.limit, query.cursor, query.purpose)
        items = [Batch(**self._fields(namespace, batch)) for batch in batches]
        return BatchList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get(self, context: Context, batch_id: str) -> BatchAnswer:
        """Raises `NotFound`."""
        namespace = caller_namespace(context.caller)
        return BatchAnswer(
            **self._fields(namespace, find_batch(self._store, context.caller, batch_id)), request_id=context.request_id
        )

    def delete(self, context: Context, batch_id: str) -> DeletedBatch:
        """Raises `NotFound`. The scores of its rows stay, as those of single applications do."""
        namespace = caller_namespace(context.caller)
        find_batch(self._store, context.caller, batch_id)
        try:
            self._store.mark_deleting(namespace, batch_id)
        except StaleWriteError:
            raise NotFound(NOT_FOUND) from None
        # If these fail, the caller gets an error, and a retry repeats them.
        IdempotencyStore.of(self._store).forget(batch_id)
        self._queue.send(ProcessBatch(namespace, batch_id))
        return DeletedBatch(id=batch_id, status="deleting", request_id=context.request_id)

    def _fields(self, namespace: str, batch: BatchItem) -> dict[str, Any]:
        """The fields of the API's `Batch`."""
        fields: dict[str, Any] = {
            "id": batch.id,
            "name": inert_text(batch.name),
            "purpose": batch.purpose,
            "status": batch.status,
            "created_at": batch.created_at,
            "updated_at": batch.updated_at,
        }
        if batch.status == "failed":
            fields["error"] = Failure(batch.error_code or "", batch.error_message or "")
        if batch.rows is not None:
            is_stored = batch.purpose == "training"
            fields |= {
                "rows": batch.rows,
                "rows_done": batch.rows if is_stored else batch.rows_done,
                "rows_rejected": batch.totals.rejected,
            }
        if batch.champion is not None:
            fields["model"] = batch.champion.reference
        if batch.status == "ready":
            fields |= self._results(namespace, batch)
        return fields

    def _results(self, namespace: str, batch: BatchItem) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        totals = batch.totals
        if batch.champion is not None:
            name = f"scores-{batch.id}.csv.gz"
            fields["results"] = self._files.result(namespace, batch.id, "scores", name)
            if totals.scored:
                fields["summary"] = BatchSummary(
                    approval_rate=totals.approved / totals.scored,
                    mean_score=totals.score / totals.scored,
                    mean_probability_of_default=totals.probability / MILLIONTHS / totals.scored,
                    expected_loss=totals.expected_loss / HUNDREDTHS,
                    exposure=totals.exposure / HUNDREDTHS,
                    currency=batch.champion.currency,
                )
        if totals.rejected:
            name = f"rejected-{batch.id}.csv.gz"
            fields["rejected"] = self._files.result(namespace, batch.id, "rejected", name)
        return fields


def find_batch(store: BatchStore, caller: str, batch_id: str) -> BatchItem:
    """A batch of the caller. Raises `NotFound`."""
    batch = store.get(caller_namespace(caller), batch_id)
    if batch is None:
        raise NotFound(NOT_FOUND)
    return batch
