"""The documents' table: one item a document, one item an ingestion.

A document (`documents#<space>`, `<id>`) has a *live* generation, which questions are answered from, and at most one
generation that is *ingesting*. Every change is one conditional write, so whoever comes late, twice or in the wrong
order changes nothing.

An ingestion (`ingestion#<id>`, `<generation>`) has one entry for each page range that is done. Entries are set, never
counted up: a range that is done twice is done once.
"""

import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared import aws
from lambda_src.shared.errors import InvalidRequest
from lambda_src.shared.ids import timestamp
from lambda_src.shared.store import CURSOR, unavailable

# A form that nobody used leaves no document behind.
AWAITING_SECONDS = 24 * 3600
PROGRESS_SECONDS = 14 * 24 * 3600

Status = Literal["awaitingUpload", "processing", "ready", "failed", "deleting"]


class StaleWriteError(Exception):
    """The write came too late: the document was deleted, or another generation has taken this one's place."""


class DocumentItem(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A document's item. `live_source` and `ingesting_source` are the ETags of the files they were read from; `pages`,
    `chunks` and `pages_without_text` are the live generation's. `live_index`: the index that has its chunks."""

    id: str
    name: str
    owner: str
    status: Status
    created_at: str
    updated_at: str
    sha256: str | None = None
    live: str | None = None
    live_source: str | None = None
    live_index: str | None = None
    ingesting: str | None = None
    ingesting_source: str | None = None
    failed_source: str | None = None
    pages: int | None = None
    chunks: int | None = None
    pages_without_text: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    expires_at: int | None = None


class Range(msgspec.Struct, frozen=True, rename="camel"):
    """What came of one page range."""

    pages: int
    chunks: int
    without_text: int


class Ingestion(msgspec.Struct, frozen=True):
    """That a generation was planned. `touched_at`: seconds since 1970 of the last thing that was done to it."""

    generation: str
    touched_at: int


class Progress(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """An ingestion's item: the plan, and the ranges that are done (by number)."""

    source: str
    pages: int
    range_pages: int
    ranges: dict[str, Range] = {}
    touched_at: int = 0
    expires_at: int = 0

    @property
    def range_count(self) -> int:
        return -(-self.pages // self.range_pages)

    @property
    def pages_done(self) -> int:
        return sum(one.pages for one in self.ranges.values())

    @property
    def chunks(self) -> int:
        return sum(one.chunks for one in self.ranges.values())

    @property
    def without_text(self) -> int:
        return sum(one.without_text for one in self.ranges.values())

    @property
    def complete(self) -> bool:
        return len(self.ranges) == self.range_count

    def stalled(self, seconds: int) -> bool:
        """Whether nothing was done for so long."""
        return time.time() - self.touched_at > seconds

    def bounds(self, number: int) -> tuple[int, int]:
        """First and last page of a range, counted from 1."""
        first = number * self.range_pages + 1
        return first, min(first + self.range_pages - 1, self.pages)


class Documents:
    """The table of one stage."""

    def __init__(self, table: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._table = table
        self._dynamodb = client or aws.store_client("dynamodb")
        self._now = now

    def announce(self, space: str, record: DocumentItem) -> None:
        """A new document that waits for its file."""
        expiring = msgspec.structs.replace(record, expires_at=int(self._now()) + AWAITING_SECONDS)
        self._call(
            "put_item",
            Item={**_document(space, record.id), **_item(expiring)},
            ConditionExpression="attribute_not_exists(pk)",
        )

    def get(self, space: str, document: str) -> DocumentItem | None:
        """The document, as it is this very moment; None for one that is not there or whose form has expired."""
        found = self._call("get_item", Key=_document(space, document), ConsistentRead=True).get("Item")
        return self._alive(found) if found else None

    def page(self, space: str, limit: int, cursor: str | None) -> tuple[list[DocumentItem], str | None]:
        """Documents, newest first, and the cursor of the next page if there is one. A page may be short."""
        start = {}
        if cursor is not None:
            if not CURSOR.fullmatch(cursor):
                raise InvalidRequest.at("query.cursor", "not a cursor of this list")
            start = {"ExclusiveStartKey": _document(space, cursor)}
        answer = self._call("query", **_space(space), ScanIndexForward=False, Limit=limit, **start)
        last = answer.get("LastEvaluatedKey")
        return self._records(answer), last["sk"]["S"] if last else None

    def all(self, space: str) -> list[DocumentItem]:
        """Every document of a space, as it is this very moment."""
        found: list[DocumentItem] = []
        start: dict[str, Any] = {}
        while True:
            answer = self._call("query", **_space(space), ConsistentRead=True, **start)
            found += self._records(answer)
            if "LastEvaluatedKey" not in answer:
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def mark_deleting(self, space: str, document: str) -> None:
        """From here on no question is answered from it. Raises `StaleWriteError` when it is gone."""
        self._change(
            _document(space, document),
            {"status": "deleting"},
            remove=("live", "liveSource", "liveIndex", "ingesting", "ingestingSource", "expiresAt"),
            condition="attribute_exists(pk)",
        )

    def forget(self, space: str, document: str) -> None:
        """The last step of a deletion."""
        self._conditionally(
            "delete_item",
            Key=_document(space, document),
            ConditionExpression="#status = :deleting",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":deleting": {"S": "deleting"}},
        )

    def begin(self, space: str, record: DocumentItem, generation: str, source: str) -> None:
        """A new generation is being read. Raises `StaleWriteError` if another one has begun since `record` was read."""
        before = "attribute_not_exists(ingesting)" if record.ingesting is None else "ingesting = :before"
        self._change(
            _document(space, record.id),
            {"status": "processing", "ingesting": generation, "ingestingSource": source},
            remove=("expiresAt", "errorCode", "errorMessage", "failedSource"),
            condition=f"#status <> :deleting AND {before}",
            values={":deleting": "deleting", **({":before": record.ingesting} if record.ingesting else {})},
        )

    def fail(self, space: str, record: DocumentItem, source: str, code: str, message: str) -> None:
        """The file that was being read cannot be. Raises `StaleWriteError` if the document has changed since."""
        before = "attribute_not_exists(ingesting)" if record.ingesting is None else "ingesting = :before"
        self._change(
            _document(space, record.id),
            {"status": "failed", "failedSource": source, "errorCode": code, "errorMessage": message},
            remove=("ingesting", "ingestingSource", "expiresAt"),
            condition=f"attribute_exists(pk) AND #status <> :deleting AND {before}",
            values={":deleting": "deleting", **({":before": record.ingesting} if record.ingesting else {})},
        )

    def revert(self, space: str, record: DocumentItem) -> None:
        """The file is the live one again: what was being read of another is no longer wanted."""
        self._change(
            _document(space, record.id),
            {"status": "ready"},
            remove=("ingesting", "ingestingSource"),
            condition="ingesting = :before AND liveSource = :live",
            values={":before": record.ingesting, ":live": record.live_source},
        )

    def publish(self, space: str, document: str, generation: str, progress: Progress, index: str) -> None:
        """The generation becomes the live one, whole, in this one write. Raises `StaleWriteError`."""
        self._change(
            _document(space, document),
            {
                "status": "ready",
                "live": generation,
                "liveSource": progress.source,
                "liveIndex": index,
                "pages": progress.pages,
                "chunks": progress.chunks,
                "pagesWithoutText": progress.without_text,
            },
            remove=("ingesting", "ingestingSource", "errorCode", "errorMessage", "failedSource", "expiresAt"),
            condition="ingesting = :generation AND #status <> :deleting",
            values={":generation": generation, ":deleting": "deleting"},
        )

    def plan(self, document: str, generation: str, progress: Progress) -> None:
        """Writes down an ingestion before it begins; its generation is new, so nothing is there yet."""
        planned = msgspec.structs.replace(
            progress, touched_at=int(self._now()), expires_at=int(self._now()) + PROGRESS_SECONDS
        )
        item = {**_ingestion(document, generation), **_item(planned), "ranges": {"M": {}}}
        self._call("put_item", Item=item)

    def progress(self, document: str, generation: str) -> Progress | None:
        """How far an ingestion is."""
        found = self._call("get_item", Key=_ingestion(document, generation), ConsistentRead=True).get("Item")
        return msgspec.convert(_plain(found), Progress) if found else None

    def finish_range(self, document: str, generation: str, number: int, done: Range) -> Progress:
        """The ingestion with this range done. Raises `StaleWriteError` when the ingestion is gone."""
        answer = self._conditionally(
            "update_item",
            Key=_ingestion(document, generation),
            UpdateExpression="SET ranges.#number = :done, touchedAt = :now",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={"#number": str(number)},
            ExpressionAttributeValues={":done": _value(msgspec.to_builtins(done)), ":now": _value(int(self._now()))},
            ReturnValues="ALL_NEW",
        )
        return msgspec.convert(_plain(answer["Attributes"]), Progress)

    def forget_ingestion(self, document: str, generation: str) -> None:
        """Removes an ingestion's item."""
        self._call("delete_item", Key=_ingestion(document, generation))

    def ingestions(self, document: str) -> list[Ingestion]:
        """The ingestions that have an item."""
        answer = self._call(
            "query",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _ingestion(document, "")["pk"]},
        )
        return [Ingestion(item["sk"]["S"], int(item["touchedAt"]["N"])) for item in answer["Items"]]

    def _alive(self, item: dict[str, Any]) -> DocumentItem | None:
        record = msgspec.convert(_plain(item), DocumentItem)
        # DynamoDB deletes what has expired up to two days late.
        return record if record.expires_at is None or record.expires_at > self._now() else None

    def _records(self, answer: dict[str, Any]) -> list[DocumentItem]:
        return [record for item in answer["Items"] if (record := self._alive(item))]

    def _change(
        self,
        key: dict[str, Any],
        fields: dict[str, Any],
        *,
        remove: tuple[str, ...],
        condition: str,
        values: dict[str, Any] | None = None,
    ) -> None:
        fields = {**fields, "updatedAt": timestamp(self._now())}
        sets = ", ".join(f"#{name} = :set_{name}" for name in fields)
        self._conditionally(
            "update_item",
            Key=key,
            UpdateExpression=f"SET {sets} REMOVE {', '.join(remove)}",
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in fields},
            ExpressionAttributeValues={
                **{f":set_{name}": _value(value) for name, value in fields.items()},
                **{name: _value(value) for name, value in (values or {}).items()},
            },
        )

    def _conditionally(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self._dynamodb, operation)(TableName=self._table, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise StaleWriteError from error
            raise unavailable(error) from error
        except BotoCoreError as error:
            raise unavailable(error) from error

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self._dynamodb, operation)(TableName=self._table, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error


def _document(space: str, document: str) -> dict[str, Any]:
    return {"pk": {"S": f"documents#{space}"}, "sk": {"S": document}}


def _space(space: str) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": f"documents#{space}"}},
    }


def _ingestion(document: str, generation: str) -> dict[str, Any]:
    return {"pk": {"S": f"ingestion#{document}"}, "sk": {"S": generation}}


def _item(record: Any) -> dict[str, Any]:
    """DynamoDB's form of a struct; what is None is left out."""
    return {name: _value(value) for name, value in msgspec.to_builtins(record).items()}


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [_value(item) for item in value]}
    if isinstance(value, dict):
        return {"M": {name: _value(item) for name, item in value.items()}}
    return {"S": value}


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """The values of an item without its keys' names."""
    return {name: _read(value) for name, value in item.items() if name not in ("pk", "sk")}


def _read(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content)
    if kind == "L":
        return [_read(item) for item in content]
    if kind == "M":
        return {name: _read(item) for name, item in content.items()}
    return content
