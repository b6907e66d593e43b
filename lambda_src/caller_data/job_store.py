"""The table of erasures and exports: an item for each, and one for the job of each kind that a caller has running.

Items: `erasures`, `<id>` and `exports#<subject>`, `<id>` have `record` (JSON bytes) and its `revision`;
`running#<subject>`, `erasure` or `export` has the `id` and the `caller`. `subject` is the caller's digest. The caller's
id itself is deleted with the running job, so no receipt has it.

Every change of a record requires the revision that was read. Of two workers with the same job, one finds another
revision and stops.
"""

from typing import Any, TypeVar

import msgspec

from lambda_src.caller_data.models import ErasureStatus, ExportStatus
from lambda_src.caller_data.queue import JobType
from lambda_src.shared import aws
from lambda_src.shared.caller_data import Kept, Piece
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.ids import new_id
from lambda_src.shared.table import Item, StaleWriteError, Table, check_cursor, item_key, to_item

_DAY_SECONDS = 24 * 3600
# An organization must be able to show that it has erased (GDPR, article 5(2)); after three years, claims about it have
# expired in most places.
ERASURE_KEPT_SECONDS = 3 * 366 * _DAY_SECONDS
# Its archive is gone after a day.
EXPORT_KEPT_SECONDS = 7 * _DAY_SECONDS


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far one use case is. `rounds` are finished: an erasure has two. `kept` is what the finished rounds leave,
    `found` what the current one has come across."""

    counts: dict[str, int] = {}
    kept: tuple[Kept, ...] = ()
    found: tuple[Kept, ...] = ()
    cursor: str | None = None
    rounds: int = 0

    def after(self, piece: Piece) -> "Progress":
        """The progress after another piece."""
        counts = dict(self.counts)
        for kind, count in piece.counts.items():
            counts[kind] = counts.get(kind, 0) + count
        found = _merged((*self.found, *piece.kept), sum)
        if piece.cursor is not None:
            return msgspec.structs.replace(self, counts=counts, found=found, cursor=piece.cursor)
        # What a round keeps, the next one may not find again.
        kept = _merged((*self.kept, *found), max)
        return Progress(counts=counts, kept=kept, rounds=self.rounds + 1)


class JobRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What erasures and exports have in common. Times are seconds since 1970. `write` is new with each write."""

    id: str
    subject: str
    requested_at: int
    use_cases: dict[str, Progress]
    failed_at: int | None = None
    failed: tuple[str, ...] = ()
    revision: int = 0
    write: str = ""


class ErasureRecord(JobRecord, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One erasure. `begun_at` is the start of the current round, `due_at` that of the second one."""

    status: ErasureStatus = "running"
    kept: tuple[Kept, ...]
    administrator: str | None = None
    begun_at: int
    due_at: int = 0
    erased_at: int | None = None
    final_at: int | None = None


class ExportRecord(JobRecord, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One export. `gathered`: all files are in the bucket, and only the archive is missing, whose
    id `archive` is."""

    status: ExportStatus = "running"
    gathered: bool = False
    archive: str | None = None
    ready_at: int | None = None
    bytes: int = 0


class RunningJob(msgspec.Struct, frozen=True):
    """The job of one kind that runs for a caller."""

    id: str
    caller: str


Record = TypeVar("Record", ErasureRecord, ExportRecord)


class JobStore(Table):
    """The erasures and exports of a stage. All methods raise `Unavailable`."""

    def start(self, record: Record, caller: str) -> Record:
        """Writes a new record and returns it, or the one that runs for the caller."""
        subject = caller_namespace(caller)
        job = job_type(type(record))
        running = {**item_key(f"running#{subject}", job), **to_item({"id": record.id, "caller": caller})}
        new = "attribute_not_exists(pk)"
        writes = [
            {"Put": {"TableName": self._table, "Item": _item(record), "ConditionExpression": new}},
            {"Put": {"TableName": self._table, "Item": running, "ConditionExpression": new}},
        ]
        if not self._transact(writes):
            return record
        before = self.running(subject, job)
        current = self._find(type(record), subject, before.id) if before else None
        if current is None:
            # It ended in this moment, or two requests collided.
            raise aws.store_unavailable("TransactionCanceled")
        return current

    def running(self, subject: str, job: JobType) -> RunningJob | None:
        """The job that runs for a caller."""
        item = self._get(item_key(f"running#{subject}", job))
        return RunningJob(item["id"]["S"], item["caller"]["S"]) if item else None

    def erasure(self, erasure_id: str) -> ErasureRecord | None:
        """Any caller's erasure."""
        return self._find(ErasureRecord, "", erasure_id)

    def export(self, subject: str, export_id: str) -> ExportRecord | None:
        """An export of the caller's."""
        return self._find(ExportRecord, subject, export_id)

    def erasures(self, limit: int, cursor: str | None) -> tuple[list[ErasureRecord], str | None]:
        """All callers' erasures, newest first, and the cursor of the next page if there is one."""
        check_cursor(cursor)
        page = self._query(_partition(ErasureRecord, ""), limit=limit, cursor=cursor)
        return [_record(item, ErasureRecord) for item in page.items], page.cursor

    def save(self, record: Record) -> Record:
        """Writes a changed record and returns it with its new revision. Raises `StaleWriteError`."""
        after = msgspec.structs.replace(record, revision=record.revision + 1, write=new_id())
        item = _item(after)
        shown = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        try:
            self._write_if("put_item", Item=item, **_unchanged(record), **shown)
        except StaleWriteError as error:
            # botocore may have repeated a write whose answer was lost. Without this, its job would never go on.
            if error.item.get("record") != item["record"]:
                raise
        return after

    def finish(self, record: ErasureRecord | ExportRecord) -> None:
        """Writes the last change of a record; its job does not run any more. Raises `StaleWriteError`."""
        after = msgspec.structs.replace(record, revision=record.revision + 1)
        writes = [
            {"Put": {"TableName": self._table, "Item": _item(after), **_unchanged(record)}},
            {"Delete": self._end(record.subject, job_type(type(record)), record.id)},
        ]
        if self._transact(writes):
            raise StaleWriteError

    def forget_exports(self, subject: str) -> int:
        """Deletes the records of a caller's exports; one that runs is not finished. Returns how many there were."""
        running = self.running(subject, "export")
        if running:
            try:
                arguments = self._end(subject, "export", running.id)
                self._write_if("delete_item", **{name: arguments[name] for name in arguments if name != "TableName"})
            except StaleWriteError:
                # It has just ended. The second round deletes what has begun since.
                pass
        partition = _partition(ExportRecord, subject)
        count = 0
        while items := self._query(partition, consistent=True).items:
            for item in items:
                self._call("delete_item", Key=item_key(partition, item["sk"]["S"]))
            count += len(items)
        return count

    def _end(self, subject: str, job: JobType, job_id: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": item_key(f"running#{subject}", job),
            "ConditionExpression": "id = :id",
            "ExpressionAttributeValues": {":id": {"S": job_id}},
        }

    def _find(self, record_type: type[Record], subject: str, record_id: str) -> Record | None:
        item = self._get(item_key(_partition(record_type, subject), record_id))
        if item is None or int(item["expiresAt"]["N"]) <= self._now():
            return None
        return _record(item, record_type)


def job_type(record_type: type[JobRecord]) -> JobType:
    """The name of a record's job in messages and keys."""
    return "erasure" if record_type is ErasureRecord else "export"


def _partition(record_type: type[JobRecord], subject: str) -> str:
    return "erasures" if record_type is ErasureRecord else f"exports#{subject}"


def _item(record: ErasureRecord | ExportRecord) -> Item:
    kept = ERASURE_KEPT_SECONDS if isinstance(record, ErasureRecord) else EXPORT_KEPT_SECONDS
    fields = {
        "record": msgspec.json.encode(record),
        "revision": record.revision,
        "expiresAt": record.requested_at + kept,
    }
    return {**item_key(_partition(type(record), record.subject), record.id), **to_item(fields)}


def _record(item: Item, record_type: type[Record]) -> Record:
    return msgspec.json.decode(item["record"]["B"], type=record_type)


def _unchanged(record: JobRecord) -> dict[str, Any]:
    return {
        "ConditionExpression": "revision = :before",
        "ExpressionAttributeValues": {":before": {"N": str(record.revision)}},
    }


def _merged(kept: tuple[Kept, ...], combine: Any) -> tuple[Kept, ...]:
    """One for each kind and reason, with their counts combined."""
    groups: dict[tuple[str, str], list[Kept]] = {}
    for entry in kept:
        groups.setdefault((entry.kind, entry.reason), []).append(entry)
    merged = []
    for entries in groups.values():
        counts = [entry.count for entry in entries if entry.count is not None]
        merged.append(msgspec.structs.replace(entries[0], count=combine(counts) if counts else None))
    return tuple(merged)
