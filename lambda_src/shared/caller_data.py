"""What a use case keeps of one caller: erased, or copied into an export.

The stage's worker (`lambda_src/caller_data/worker`) invokes a function of each use case until it returns no cursor. An
invocation works through the use case's parts for a while, so a caller with any amount of data takes bounded steps. Each
may be repeated: erasing finds what is left, exporting writes the same files again.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec
from botocore.exceptions import ClientError

from lambda_src.shared import aws
from lambda_src.shared.context import Deadline
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.observability import logger
from lambda_src.shared.settings import Settings, read_settings
from lambda_src.shared.store import RecordStore
from lambda_src.shared.uploads import FORBIDDEN, MISSING

# Records of one step, which takes a few seconds.
PAGE = 50
# Files of up to 100 MB that one step copies.
COPIES = 5
# No step begins with less time left. The function's timeout leaves as much for others.
STEP_SECONDS = 30
# Where exports are in their bucket.
EXPORTS = "exports"
_CURSOR = re.compile(r"([0-9]{1,3}):(.{0,1024})", re.DOTALL)


class Task(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The event of an invocation. `cursor` is that of the piece before.

    `last`: no request that began before the erasure is running any more. `folder` is where an export's files go.
    """

    action: Literal["erase", "export"]
    caller: str
    cursor: str | None = None
    last: bool = False
    folder: str | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What an erasure leaves, and why. `count` is None where it is not counted."""

    kind: str
    reason: str
    until: str
    count: int | None = None


class Piece(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of an invocation. `counts` are those of this piece, by kind.

    `wait`: the rest is work of another function, so the next piece is better asked for later.
    """

    counts: dict[str, int] = {}
    kept: list[Kept] = []
    cursor: str | None = None
    wait: bool = False


class Archive:
    """The folder of one use case's files in the bucket of exports."""

    def __init__(self, bucket: str, folder: str, client: Any = None) -> None:
        self._bucket = bucket
        self._folder = folder
        self._s3 = client or aws.store_client("s3")

    def add(self, name: str, content: Any) -> None:
        """Writes a file with JSON."""
        body = msgspec.json.format(msgspec.json.encode(content), indent=2)
        with aws.store_errors():
            self._s3.put_object(
                Bucket=self._bucket, Key=f"{self._folder}/{name}", Body=body, ContentType="application/json"
            )

    def copy(self, name: str, bucket: str, key: str) -> bool:
        """Copies an object without reading it. Returns whether there is one."""
        with aws.store_errors():
            try:
                self._s3.copy_object(
                    Bucket=self._bucket, Key=f"{self._folder}/{name}", CopySource={"Bucket": bucket, "Key": key}
                )
            except ClientError as error:
                # S3 reveals whether an object exists only to those who may list its bucket.
                if error.response["Error"]["Code"] not in MISSING | FORBIDDEN:
                    raise
                logger.warning("file missing", key=key)
                return False
        return True


class Run:
    """One invocation's work: whose data, and what was done so far."""

    def __init__(self, task: Task, archive: Archive | None = None) -> None:
        self.caller = task.caller
        self.is_first = task.cursor is None
        self.is_last = task.last
        self.counts: dict[str, int] = {}
        self.kept: list[Kept] = []
        self.waits = False
        self._archive = archive

    @property
    def archive(self) -> Archive:
        """Of an export only."""
        assert self._archive is not None, "an erasure has no archive"
        return self._archive

    def count(self, kind: str, number: int = 1) -> None:
        """Counts what was erased or copied."""
        if number:
            self.counts[kind] = self.counts.get(kind, 0) + number

    def keep(self, kind: str, reason: str, until: str, count: int | None = None) -> None:
        """Records what is left."""
        self.kept.append(Kept(kind=kind, reason=reason, until=until, count=count))


# Works on one page after a cursor, and returns the cursor of the next page if there is one.
Part = Callable[[Run, str | None], str | None]


class CallerData(Protocol):
    """What a use case keeps of callers, in parts that are erased or exported one after another."""

    erasers: Sequence[Part]
    exporters: Sequence[Part]


class CallerDataSettings(Settings, frozen=True, kw_only=True):
    """The environment of a use case's function."""

    exports_bucket: str = ""


class CallerDataHandler:
    """The Lambda handler of a use case's function."""

    def __init__(self, data: CallerData, exports_bucket: str, s3: Any = None) -> None:
        self._data = data
        self._exports_bucket = exports_bucket
        self._s3 = s3

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        """A task in, a piece out. Raises `Unavailable`; the worker repeats the task."""
        task = msgspec.convert(event, Task)
        deadline = Deadline(lambda_context.get_remaining_time_in_millis() / 1000)
        archive = Archive(self._exports_bucket, task.folder, self._s3) if task.folder else None
        run = Run(task, archive)
        cursor = self._work(run, task, deadline)
        logger.info("caller data", action=task.action, counts=run.counts, done=cursor is None)
        piece = Piece(counts=run.counts, kept=run.kept, cursor=cursor, wait=run.waits)
        plain: dict[str, Any] = msgspec.to_builtins(piece)
        return plain

    def _work(self, run: Run, task: Task, deadline: Deadline) -> str | None:
        """At least one step, as many as there is time for. Returns where the next invocation goes on."""
        parts = self._data.erasers if task.action == "erase" else self._data.exporters
        number, cursor = _parse(task.cursor)
        while number < len(parts):
            cursor = parts[number](run, cursor)
            if cursor is None:
                number += 1
            if number < len(parts) and (run.waits or deadline.seconds_left < STEP_SECONDS):
                return f"{number}:{cursor or ''}"
        return None


class KeptResponses:
    """A use case that keeps nothing but responses for repeated requests, for a day. They are not exported: callers have
    got them."""

    def __init__(self, store: IdempotencyStore) -> None:
        self._store = store
        self.erasers: Sequence[Part] = (self.erase,)
        self.exporters: Sequence[Part] = ()

    def erase(self, run: Run, cursor: str | None) -> str | None:
        """The part that every use case has."""
        found, erased = self._store.forget_caller(run.caller, PAGE)
        run.count("keptResponses", erased)
        return "more" if found == PAGE else None


class CallerRecords:
    """A use case whose data is records: `erase` and `export` do what one record needs beyond the record itself."""

    def __init__(
        self,
        kind: str,
        store: RecordStore,
        *,
        erase: Callable[[Any], None] = lambda record: None,
        export: Callable[[Run, Any], None] = lambda run, record: None,
    ) -> None:
        """`kind` is the plural that counts and folders have."""
        self._kind = kind
        self._store = store
        self._responses = IdempotencyStore.of(store)
        self._erase_more = erase
        self._export_more = export
        self.erasers: Sequence[Part] = (KeptResponses(self._responses).erase, self._erase)
        self.exporters: Sequence[Part] = (self._export,)

    def _erase(self, run: Run, cursor: str | None) -> str | None:
        """The record last: if something fails before it, a repetition still finds it."""
        records, cursor = self._store.stored_page(run.caller, PAGE, cursor)
        for record in records:
            self._responses.forget(record.id)
            self._erase_more(record)
            self._store.delete(run.caller, record.id)
            run.count(self._kind)
        return cursor

    def _export(self, run: Run, cursor: str | None) -> str | None:
        """A file for each record."""
        records, cursor = self._store.page(run.caller, PAGE, cursor)
        for record in records:
            run.archive.add(f"{self._kind}/{record.id}.json", record)
            self._export_more(run, record)
            run.count(self._kind)
        return cursor


def kept_responses(settings: CallerDataSettings) -> KeptResponses:
    """The data of a use case that stores nothing else."""
    return KeptResponses(IdempotencyStore(settings.table_name))


def make_handler(
    make_data: Callable[[Any], CallerData], settings_type: type[CallerDataSettings] = CallerDataSettings
) -> CallerDataHandler:
    """A use case's handler, once per process."""
    settings = read_settings(settings_type)
    return CallerDataHandler(make_data(settings), settings.exports_bucket)


def _parse(cursor: str | None) -> tuple[int, str | None]:
    """The part's number and its own cursor. Raises `ValueError`."""
    if cursor is None:
        return 0, None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ValueError("not a cursor of this function")
    return int(match[1]), match[2] or None
