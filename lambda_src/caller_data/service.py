"""The operations of caller data's route table. The work itself is the worker's, behind a queue."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from lambda_src.caller_data.exports import ARCHIVE_SECONDS, Exports
from lambda_src.caller_data.job_store import ErasureRecord, ExportRecord, JobStore, Progress, job_type
from lambda_src.caller_data.models import (
    ErasedData,
    Erasure,
    ErasureAnswer,
    ErasureList,
    ExportAnswer,
    ExportedData,
    KeptData,
    NoQuery,
    RequestErasure,
)
from lambda_src.caller_data.queue import Job, Queue
from lambda_src.caller_data.settings import ErasureSettings
from lambda_src.shared.caller_data import Kept
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.context import Context
from lambda_src.shared.errors import NotFound
from lambda_src.shared.ids import new_id, timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.schemas import ListQuery

NOT_FOUND = "There is nothing of yours with this id."
# The use case's own entry in receipts: the archives of exports.
OWN = "caller-data"
RECOVERY_DAYS = 35


class CallerDataService:
    """Erasures and exports. Each that begins is a line of the log."""

    def __init__(
        self,
        settings: ErasureSettings,
        store: JobStore | None = None,
        queue: Queue | None = None,
        exports: Exports | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` returns the seconds since 1970."""
        self._settings = settings
        self._store = store or JobStore(settings.table_name)
        self._queue = queue or Queue(settings.queue_url)
        self._exports = exports or Exports(str(settings.bucket_name))
        self._now = now

    def erase_own(self, context: Context, *, query: NoQuery | None = None) -> ErasureAnswer:
        """Starts an erasure, or returns the one that runs."""
        return self._erase(context, context.caller)

    def get_own_erasure(self, context: Context, *, id: str) -> ErasureAnswer:
        """Raises `NotFound`, also for another caller's."""
        record = self._store.erasure(id)
        if record is None or record.subject != caller_namespace(context.caller):
            raise NotFound(NOT_FOUND)
        return _erasure_answer(record, context)

    def export_own(self, context: Context) -> ExportAnswer:
        """Starts an export, or returns the one that runs."""
        record = ExportRecord(
            id=new_id(),
            subject=caller_namespace(context.caller),
            requested_at=int(self._now()),
            use_cases={use_case: Progress() for use_case in self._settings.use_cases},
        )
        current = self._store.start(record, context.caller)
        self._send(current, "export requested", context)
        return self._export_answer(current, context)

    def get_own_export(self, context: Context, *, id: str) -> ExportAnswer:
        """Raises `NotFound`, also for another caller's."""
        record = self._store.export(caller_namespace(context.caller), id)
        if record is None:
            raise NotFound(NOT_FOUND)
        return self._export_answer(record, context)

    def erase_caller(self, context: Context, *, body: RequestErasure) -> ErasureAnswer:
        """As `erase_own`, for any caller. One that has never called is erased, too: nothing is found."""
        return self._erase(context, body.caller, administrator=context.caller)

    def list_erasures(self, context: Context, *, query: ListQuery) -> ErasureList:
        """All callers' erasures, newest first."""
        records, cursor = self._store.erasures(query.limit, query.cursor)
        items = [Erasure(**_fields(record)) for record in records]
        return ErasureList(items=items, next_cursor=cursor or UNSET, request_id=context.request_id)

    def get_erasure(self, context: Context, *, id: str) -> ErasureAnswer:
        """Raises `NotFound`."""
        record = self._store.erasure(id)
        if record is None:
            raise NotFound("There is no erasure with this id.")
        return _erasure_answer(record, context)

    def _erase(self, context: Context, caller: str, administrator: str | None = None) -> ErasureAnswer:
        now = int(self._now())
        record = ErasureRecord(
            id=new_id(),
            subject=caller_namespace(caller),
            requested_at=now,
            begun_at=now,
            use_cases={use_case: Progress() for use_case in (OWN, *self._settings.use_cases)},
            kept=tuple(self._kept()),
            administrator=administrator,
        )
        current = self._store.start(record, caller)
        self._send(current, "erasure requested", context)
        return _erasure_answer(current, context)

    def _send(self, record: ErasureRecord | ExportRecord, message: str, context: Context) -> None:
        """Also for one that runs: the request that began it may have ended before its message was sent."""
        self._queue.send(Job(job=job_type(type(record)), subject=record.subject, id=record.id))
        logger.info(message, request_id=context.request_id, caller=context.caller, id=record.id)

    def _kept_audit_trail(self) -> list[Kept]:
        if not self._settings.audit_group:
            return []
        contents = " and the texts of requests and answers" if self._settings.audit_contents else ""
        reason = f"The audit trail is a record of what was done; it has the caller's id{contents}"
        return [Kept(kind="auditTrail", reason=reason, until="audit.retentionDays after they were written")]

    def _kept(self) -> list[Kept]:
        """What no erasure reaches, in any use case."""
        texts = " and, with `payloadLogging`, prompts and answers" if self._settings.payload_logging else ""
        kept = [
            Kept(
                kind="logs",
                reason=f"Lines of logs cannot be deleted singly; they have the caller's id{texts}",
                until=f"{self._settings.log_retention_days} days after they were written (logRetentionDays)",
            ),
            *self._kept_audit_trail(),
            Kept(
                kind="backups",
                reason="Tables can be restored to any time of these days; request the erasure again after that",
                until=f"{RECOVERY_DAYS} days after the erasure",
            ),
            Kept(
                kind="counters",
                reason="Sums of requests, tokens and costs, with the caller's id and name, without texts",
                until="their minute, day, month or report expires",
            ),
        ]
        if self._settings.api_keys:
            reason = "Records of API keys are the administrators': name, owner, team and times"
            kept.append(Kept(kind="apiKeys", reason=reason, until="90 days after a key has ended"))
        return kept

    def _export_answer(self, record: ExportRecord, context: Context) -> ExportAnswer:
        answer = ExportAnswer(
            id=record.id,
            status=record.status,
            requested_at=timestamp(record.requested_at),
            failed=list(record.failed) or UNSET,
            use_cases=[ExportedData(name, entry.counts) for name, entry in record.use_cases.items()],
            request_id=context.request_id,
        )
        if record.ready_at is None or record.archive is None:
            return answer
        expires_at = record.ready_at + ARCHIVE_SECONDS
        answer.ready_at, answer.expires_at = timestamp(record.ready_at), timestamp(expires_at)
        answer.bytes = record.bytes
        if expires_at <= self._now():
            answer.status = "expired"
        else:
            answer.url, answer.url_expires_at = self._exports.url(record.subject, record.id, record.archive)
        return answer


def _erasure_answer(record: ErasureRecord, context: Context) -> ErasureAnswer:
    return ErasureAnswer(**_fields(record), request_id=context.request_id)


def _fields(record: ErasureRecord) -> dict[str, Any]:
    """The fields of the API's `Erasure`."""
    times = ("erased_at", "final_at", "failed_at")
    return {
        "id": record.id,
        "status": record.status,
        "caller_digest": record.subject,
        "requested_at": timestamp(record.requested_at),
        "requested_by": "administrator" if record.administrator else "caller",
        "administrator": record.administrator or UNSET,
        **{name: timestamp(value) for name in times if (value := getattr(record, name)) is not None},
        "failed": list(record.failed) or UNSET,
        "use_cases": [
            ErasedData(name, progress.counts, _kept(progress.kept or progress.found))
            for name, progress in record.use_cases.items()
        ],
        "kept": _kept(record.kept),
    }


def _kept(kept: Sequence[Kept]) -> list[KeptData]:
    return [KeptData(each.kind, each.reason, each.until, UNSET if each.count is None else each.count) for each in kept]
