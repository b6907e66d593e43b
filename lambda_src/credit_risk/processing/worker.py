"""The work on a batch, from its upload to its results. Every step is repeatable.

A message only says that there may be something to do: it arrives when a file was uploaded, when the time of a function
ended before the work, and when a batch is to be deleted. What to do follows from the batch's item, so messages may
arrive twice, late or out of order. A killed worker's message is delivered again, and continues at the last slice.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice

import msgspec

from lambda_src.credit_risk.application_store import ApplicationStore
from lambda_src.credit_risk.batch_files import OUTPUTS, BatchFiles
from lambda_src.credit_risk.batch_store import BatchItem, BatchModel, BatchStore, Plan
from lambda_src.credit_risk.counters import Counters
from lambda_src.credit_risk.processing import outcomes
from lambda_src.credit_risk.processing.applications import columns
from lambda_src.credit_risk.processing.errors import FILE_CHANGED, NO_ACTIVE_MODEL, PROCESSING_FAILED, FileError
from lambda_src.credit_risk.processing.outcomes import OutcomeSlices
from lambda_src.credit_risk.processing.outputs import head
from lambda_src.credit_risk.processing.rows import Columns, check_digest, look_at, read_header, read_rows
from lambda_src.credit_risk.processing.scoring import ScoringSlices
from lambda_src.credit_risk.queue import ProcessBatch, Queue
from lambda_src.credit_risk.registry import Assignment, ModelRegistry
from lambda_src.credit_risk.score_store import expiry
from lambda_src.credit_risk.scorecard import Scorecard
from lambda_src.credit_risk.scoring import ModelInForce
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.credit_risk.training.columns import AMOUNTS, REQUIRED
from lambda_src.shared.context import Context
from lambda_src.shared.observability import logger
from lambda_src.shared.table import StaleWriteError
from lambda_src.shared.uploads import FileChangedError, FileInfo

# A slice takes some seconds, and at most half a minute while the table takes few writes of a caller.
SLICE_ROWS = 10_000
# After this time a batch waits for the others, so that a short one does not wait for all of a long one.
TURN_SECONDS = 60
# A slice that would begin with less left is left to the next function.
SLICE_SECONDS = 90
# The longest run of a function: until then a worker that has read the old state may write files.
SETTLED_SECONDS = 360
_LONGEST_DELAY_SECONDS = 900
_LOANS = Columns(REQUIRED, one_of=AMOUNTS, strict=False)
_ANY = Columns((), strict=False)


class Worker:
    """The work, over the stores of one stage."""

    def __init__(
        self,
        settings: CreditSettings,
        *,
        batches: BatchStore,
        files: BatchFiles,
        applications: ApplicationStore,
        counters: Counters,
        registry: ModelRegistry,
        queue: Queue,
        slice_rows: int = SLICE_ROWS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._batches = batches
        self._files = files
        self._registry = registry
        self._queue = queue
        self._slice_rows = slice_rows
        self._now = now
        self._scoring = ScoringSlices(batches, files, applications, counters)
        self._outcomes = OutcomeSlices(batches, files, applications, counters, self._scorecard_of)
        self._scorecards: dict[str, Scorecard | None] = {}

    def run(self, context: Context, message: ProcessBatch) -> None:
        """Does what there is to do for a batch."""
        namespace = message.namespace
        batch = self._batches.get(namespace, message.batch)
        if batch is None:
            # A form outlives its batch: a file uploaded later belongs to nobody.
            self._files.delete_upload(namespace, message.batch)
        elif batch.status == "deleting":
            self._delete(namespace, batch)
        else:
            try:
                self._advance(context, namespace, batch)
            except StaleWriteError:
                # Another worker does the same, and has a message of its own; or the batch is being deleted.
                logger.info("stale write", request_id=context.request_id, batch=batch.id)

    def give_up(self, message: ProcessBatch) -> None:
        """After the last attempt: marks the batch as failed, so that its owner does not wait."""
        batch = self._batches.get(message.namespace, message.batch)
        if batch is not None and batch.status in ("awaitingUpload", "processing"):
            self._fail(message.namespace, batch, PROCESSING_FAILED)

    def _advance(self, context: Context, namespace: str, batch: BatchItem) -> None:
        """Raises `StaleWriteError`."""
        if batch.status == "awaitingUpload":
            file = self._files.find(namespace, batch.id)
            if file is None:
                return
            with self._failures(namespace, batch):
                self._start(namespace, batch, file)
            batch = self._batches.get(namespace, batch.id) or batch
        with self._failures(namespace, batch):
            if batch.status == "processing":
                self._work(context, namespace, batch)
            elif batch.status in ("ready", "failed"):
                self._clean(namespace, batch)

    @contextmanager
    def _failures(self, namespace: str, batch: BatchItem) -> Iterator[None]:
        """A file that cannot be used makes the batch fail, unless its status has changed. Raises `StaleWriteError`."""
        try:
            yield
        except FileError as error:
            self._fail(namespace, batch, error)

    def _fail(self, namespace: str, batch: BatchItem, error: FileError) -> None:
        logger.info("batch failed", batch=batch.id, code=error.code)
        self._batches.fail(namespace, batch, error.code, error.message, self._expires_at)
        self._clean(namespace, msgspec.structs.replace(batch, status="failed"))

    def _start(self, namespace: str, batch: BatchItem, file: FileInfo) -> None:
        """Looks at the file, and chooses the models that score it. Raises `FileError`."""
        champion, challenger = self._models(batch)
        known = outcomes.COLUMNS if batch.purpose == "outcomes" else _LOANS
        if champion is not None:
            known = columns(champion.scorecard.model)
        try:
            with self._files.open(namespace, batch.id, file.source) as content:
                check_digest(content, batch.sha256)
                overview = look_at(content, known)
        except FileChangedError:
            # There is an event for the file that replaced it.
            raise StaleWriteError from None
        if batch.purpose == "training":
            self._batches.store(namespace, batch.id, file.source, overview.rows, self._expires_at)
            return
        plan = Plan(
            source=file.source,
            rows=overview.rows,
            offset=overview.header.offset,
            line=2,
            started_at=int(self._now()),
            champion=_stored(champion),
            challenger=_stored(challenger),
        )
        self._batches.start(namespace, batch.id, plan, self._expires_at)

    def _models(self, batch: BatchItem) -> tuple[ModelInForce | None, ModelInForce | None]:
        """Champion and challenger, for a batch that is scored. Raises `FileError` when no model is active."""
        if batch.purpose != "scoring":
            return None, None
        state = self._registry.state()
        champion = self._in_force(state.champion)
        if champion is None:
            raise NO_ACTIVE_MODEL
        return champion, self._in_force(state.challenger)

    def _work(self, context: Context, namespace: str, batch: BatchItem) -> None:
        """Works on slices until all rows are done, or the turn ends. Raises `FileError` and `StaleWriteError`."""
        end = self._now() + TURN_SECONDS
        run = self._slices(batch)
        try:
            with self._files.open(namespace, batch.id, str(batch.source)) as content:
                header = read_header(content, _ANY)
                rows = read_rows(content, batch.offset, batch.line)
                while not batch.is_complete:
                    if self._now() >= end or context.deadline.seconds_left < SLICE_SECONDS:
                        self._queue.send(ProcessBatch(namespace, batch.id))
                        return
                    batch = run(namespace, batch, header, islice(rows, self._slice_rows))
        except FileChangedError:
            raise FILE_CHANGED from None
        for output in OUTPUTS:
            if batch.purpose == "scoring" or output == "rejected":
                self._files.join_parts(namespace, batch.id, output, head(output), batch.slice)
        self._batches.finish(namespace, batch)
        self._clean(namespace, batch)

    def _slices(self, batch: BatchItem) -> Callable[..., BatchItem]:
        """What works on a slice of the batch."""
        expires_at = self._expires_at
        if batch.champion is None:
            return partial(self._outcomes.run, expires_at=expires_at)
        models = self._restored(batch.champion), self._restored(batch.challenger) if batch.challenger else None
        return partial(self._scoring.run, models=models, expires_at=expires_at)

    def _clean(self, namespace: str, batch: BatchItem) -> None:
        """Deletes what is not needed any more. The file of a training stays, and the one that was uploaded in its
        place makes it unusable."""
        if batch.purpose != "training":
            self._files.delete_parts(namespace, batch.id)
            self._files.delete_upload(namespace, batch.id)
            return
        file = self._files.find(namespace, batch.id)
        if batch.status == "ready" and file is not None and file.source != batch.source:
            raise FILE_CHANGED
        if batch.status == "failed":
            self._files.delete_upload(namespace, batch.id)

    def _delete(self, namespace: str, batch: BatchItem) -> None:
        """Deletes all files, and the item when no running worker can write another one."""
        self._files.delete_all(namespace, batch.id)
        remaining = (batch.deleted_at or 0) + SETTLED_SECONDS - self._now()
        if remaining > 0:
            delay = min(int(remaining) + 1, _LONGEST_DELAY_SECONDS)
            self._queue.send(ProcessBatch(namespace, batch.id), delay)
            return
        try:
            self._batches.delete(namespace, batch.id)
        except StaleWriteError:
            logger.info("batch already deleted", batch=batch.id)

    def _in_force(self, assignment: Assignment | None) -> ModelInForce | None:
        if assignment is None:
            return None
        record = self._registry.get(assignment.model)
        return ModelInForce(record.reference, self._registry.read(record), assignment.cut_off)

    def _restored(self, model: BatchModel) -> ModelInForce:
        record = self._registry.get(model.reference.id)
        return ModelInForce(record.reference, self._registry.read(record), model.cut_off)

    def _scorecard_of(self, model_id: str) -> Scorecard | None:
        if model_id not in self._scorecards:
            record = self._registry.find(model_id)
            self._scorecards[model_id] = self._registry.read(record) if record else None
        return self._scorecards[model_id]

    @property
    def _expires_at(self) -> int:
        return expiry(self._now(), self._settings.options.retention_months)


def _stored(model: ModelInForce | None) -> BatchModel | None:
    if model is None:
        return None
    return BatchModel(reference=model.reference, cut_off=model.cut_off, currency=model.scorecard.model.currency)
