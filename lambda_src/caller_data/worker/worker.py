"""Carries out erasures and exports: piece by piece, and every piece is recorded.

A message says which one to go on with; where follows from its record. So a worker that is killed is replaced by the
next delivery of its message, and messages that arrive twice, late or out of order do no harm.

An erasure has two rounds. The first erases what is stored. Requests that run at that time may store more, so the second
one begins when all of them must have ended.
"""

import time
from collections.abc import Callable

import msgspec

from lambda_src.caller_data.exports import Exports, files_folder
from lambda_src.caller_data.job_store import ErasureRecord, ExportRecord, JobStore, Progress, Record
from lambda_src.caller_data.queue import Job, Queue
from lambda_src.caller_data.service import OWN
from lambda_src.caller_data.settings import ErasureSettings
from lambda_src.caller_data.worker.functions import CALL_SECONDS, FunctionFailedError, Functions
from lambda_src.shared.caller_data import Piece, Task
from lambda_src.shared.context import Context
from lambda_src.shared.errors import ApiError
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.table import StaleWriteError

# Longer than any request or step of a queue may run: this worker, the longest, has 15 minutes.
SETTLED_SECONDS = 1_200
# SQS's longest delay.
_LONGEST_DELAY = 900
# Until a piece that waits for another function is asked for again, and how long at most.
WAIT_SECONDS = 20
GIVEN_UP_SECONDS = 24 * 3600


class Worker:
    """The jobs of one stage."""

    def __init__(
        self,
        settings: ErasureSettings,
        *,
        store: JobStore,
        queue: Queue,
        functions: Functions,
        exports: Exports,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._store = store
        self._queue = queue
        self._functions = functions
        self._exports = exports
        self._now = now

    def run(self, context: Context, job: Job) -> None:
        """Goes on with a job; does nothing for one that does not run any more. Raises what the last of the use cases
        that fail raises, after the others."""
        running = self._store.running(job.subject, job.job)
        if running is None or running.id != job.id:
            if job.job == "export":
                # The worker that ended it may have been killed before this.
                self._exports.erase_files(job.subject, job.id)
            return
        try:
            if job.job == "erasure":
                self._erase(context, job, running.caller)
            else:
                self._export(context, job, running.caller)
        except StaleWriteError:
            # Another worker has the same job, or an erasure has ended this export.
            logger.info("stale write", request_id=context.request_id)

    def give_up(self, job: Job) -> None:
        """After the last attempt: the job has failed where it is not done."""
        record = self._store.erasure(job.id) if job.job == "erasure" else self._store.export(job.subject, job.id)
        if record is not None:
            try:
                self._fail(record)
            except StaleWriteError:
                logger.info("job already ended", id=job.id)

    def _erase(self, context: Context, job: Job, caller: str) -> None:
        record = self._store.erasure(job.id)
        if record is None:
            return
        is_last = record.status == "erased"
        early = record.due_at - self._now()
        if early > 0:
            self._queue.send(job, delay=min(int(early) + 1, _LONGEST_DELAY))
            return
        rounds = 2 if is_last else 1
        task = Task(action="erase", caller=caller, last=is_last)
        if record.use_cases[OWN].rounds < rounds:
            record = self._store.save(_after(record, OWN, self._erase_exports(job.subject)))
        outcome, record = self._work(context, job, record, task, rounds)
        if outcome == "waits" and self._now() - record.begun_at > GIVEN_UP_SECONDS:
            self._fail(record)
        elif outcome == "waits":
            self._queue.send(job, delay=WAIT_SECONDS)
        elif outcome == "done":
            self._end_round(job, record, is_last=is_last)

    def _end_round(self, job: Job, record: ErasureRecord, *, is_last: bool) -> None:
        now = int(self._now())
        if is_last:
            self._store.finish(msgspec.structs.replace(record, status="final", final_at=now))
            return
        due_at = now + SETTLED_SECONDS
        erased = msgspec.structs.replace(record, status="erased", erased_at=now, due_at=due_at, begun_at=due_at)
        self._store.save(erased)
        self._queue.send(job, delay=min(SETTLED_SECONDS, _LONGEST_DELAY))

    def _erase_exports(self, subject: str) -> Piece:
        count = self._store.forget_exports(subject)
        self._exports.erase_all(subject)
        return Piece(counts={"exports": count} if count else {})

    def _export(self, context: Context, job: Job, caller: str) -> None:
        record = self._store.export(job.subject, job.id)
        if record is None:
            return
        if not record.gathered:
            task = Task(action="export", caller=caller)
            outcome, record = self._work(context, job, record, task, 1)
            if outcome == "done":
                self._store.save(msgspec.structs.replace(record, gathered=True))
                # Another invocation, which has all of its time for the archive.
                self._queue.send(job)
            return
        archive = new_id()
        size = self._exports.archive(record.subject, record.id, archive, self._manifest(record))
        changes = {"status": "ready", "archive": archive, "ready_at": int(self._now()), "bytes": size}
        self._store.finish(msgspec.structs.replace(record, **changes))
        self._exports.erase_files(record.subject, record.id)

    def _manifest(self, record: ExportRecord) -> dict[str, object]:
        return {
            "export": record.id,
            "stage": self._settings.stage,
            "requestedAt": timestamp(record.requested_at),
            "writtenAt": timestamp(self._now()),
            "useCases": {use_case: progress.counts for use_case, progress in record.use_cases.items()},
        }

    def _work(self, context: Context, job: Job, record: Record, task: Task, rounds: int) -> tuple[str, Record]:
        """Works on the use cases that are not done. Returns `done`, `waits`, or `continues` in another invocation, and
        the record. Raises when a use case fails, after the others."""
        failure: Exception | None = None
        waits = False
        for use_case, progress in record.use_cases.items():
            while progress.rounds < rounds:
                if context.deadline.seconds_left < CALL_SECONDS:
                    self._queue.send(job)
                    return "continues", record
                try:
                    piece = self._functions.call(use_case, _task_of(task, record, use_case))
                except (ApiError, FunctionFailedError, msgspec.MsgspecError) as error:
                    logger.exception("use case failed", use_case=use_case, request_id=context.request_id)
                    failure = error
                    break
                record = self._store.save(_after(record, use_case, piece))
                progress = record.use_cases[use_case]
                if piece.wait:
                    waits = True
                    break
        if failure is not None:
            raise failure
        return ("waits" if waits else "done"), record

    def _fail(self, record: ErasureRecord | ExportRecord) -> None:
        """Raises `StaleWriteError` if it has ended."""
        if record.status not in ("running", "erased"):
            return
        rounds = 2 if record.status == "erased" else 1
        failed = tuple(name for name, progress in record.use_cases.items() if progress.rounds < rounds)
        logger.error("job failed", id=record.id, use_cases=failed)
        changes = {"status": "failed", "failed_at": int(self._now()), "failed": failed}
        self._store.finish(msgspec.structs.replace(record, **changes))


def _task_of(task: Task, record: ErasureRecord | ExportRecord, use_case: str) -> Task:
    folder = f"{files_folder(record.subject, record.id)}/{use_case}" if task.action == "export" else None
    return msgspec.structs.replace(task, cursor=record.use_cases[use_case].cursor, folder=folder)


def _after(record: Record, use_case: str, piece: Piece) -> Record:
    progress: Progress = record.use_cases[use_case].after(piece)
    return msgspec.structs.replace(record, use_cases={**record.use_cases, use_case: progress})
