"""The documents' table: one item per document, one item per ingestion.

A document (`documents#<namespace>`, `<id>`) has a *live* generation, which answers questions, and at most one
generation that is *ingesting*. Every change is one conditional write, so a step that runs late, twice or out of order
changes nothing.

An ingestion (`ingestion#<id>`, `<generation>`) has one entry for each finished page range. Entries are set, not
counted, so a range that is read twice counts once.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from lambda_src.hr_qa.models import Status
from lambda_src.hr_qa.settings import IndexPlace
from lambda_src.shared.file_types import PDF
from lambda_src.shared.ids import timestamp
from lambda_src.shared.table import Item, Table, check_cursor, from_item, item_key, to_attribute, to_item

# A document expires when its upload form is not used.
AWAITING_UPLOAD_SECONDS = 24 * 3600
INGESTION_SECONDS = 14 * 24 * 3600
# The owner of a document in a space after the data of the caller who had uploaded it was erased. No caller's id is so.
NOBODY = "erased"


class SourceObject(msgspec.Struct, frozen=True):
    """An object of a source, by its bucket and key."""

    bucket: str
    key: str


class DocumentItem(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A stored document. `live_source` and `ingesting_source` are the ETags of the files; `live_index` is the
    address of the index with the live chunks, embedded by `live_model` in `live_dimensions` (documents from before
    these were stored have neither); `pages` to `unread_characters` describe the live generation."""

    id: str
    name: str
    owner: str
    status: Status
    created_at: str
    updated_at: str
    sha256: str | None = None
    # As announced, and once it was read, as it is. Older documents have none: they are PDFs.
    content_type: str = PDF
    # None for an uploaded file.
    origin: SourceObject | None = None
    live_generation: str | None = msgspec.field(default=None, name="live")
    live_source: str | None = None
    live_index: str | None = None
    live_model: str | None = None
    live_dimensions: int | None = None
    ingesting_generation: str | None = msgspec.field(default=None, name="ingesting")
    ingesting_source: str | None = None
    failed_source: str | None = None
    pages: int | None = None
    chunks: int | None = None
    pages_without_text: int | None = None
    hidden_characters: int | None = None
    embedded_files: int = 0
    unread_characters: int = 0
    error_code: str | None = None
    error_message: str | None = None
    expires_at: int | None = None


class RangeResult(msgspec.Struct, frozen=True, rename="camel"):
    """What reading one page range produced. `files`: attached to the pages; `unread`: characters that were left out."""

    pages: int
    chunks: int
    without_text: int
    hidden: int = 0
    files: int = 0
    unread: int = 0


class IngestionRef(msgspec.Struct, frozen=True):
    """A planned ingestion. `touched_at`: seconds since 1970 of its last progress."""

    generation: str
    touched_at: int


class Progress(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A stored ingestion: its plan, and the results of the finished ranges by number. `index` is the address of the
    index that it fills; None in plans from before it was stored."""

    source: str
    index: str | None = None
    pages: int
    range_pages: int
    embedded_files: int = 0
    content_type: str = PDF
    ranges: dict[str, RangeResult] = {}
    touched_at: int = 0
    expires_at: int = 0

    @property
    def range_count(self) -> int:
        return -(-self.pages // self.range_pages)

    @property
    def pages_done(self) -> int:
        return sum(result.pages for result in self.ranges.values())

    @property
    def chunks(self) -> int:
        return sum(result.chunks for result in self.ranges.values())

    @property
    def without_text(self) -> int:
        return sum(result.without_text for result in self.ranges.values())

    @property
    def hidden_characters(self) -> int:
        return sum(result.hidden for result in self.ranges.values())

    @property
    def attached_files(self) -> int:
        return self.embedded_files + sum(result.files for result in self.ranges.values())

    @property
    def unread_characters(self) -> int:
        return sum(result.unread for result in self.ranges.values())

    @property
    def complete(self) -> bool:
        return len(self.ranges) == self.range_count

    def stalled(self, seconds: int, now: float | None = None) -> bool:
        """Whether there has been no progress for longer than `seconds`."""
        return (time.time() if now is None else now) - self.touched_at > seconds

    def unfinished(self, number: int, count: int) -> list[int]:
        """Those of `count` ranges from `number` on that are not finished."""
        last = min(number + count, self.range_count)
        return [each for each in range(number, last) if str(each) not in self.ranges]

    def bounds(self, number: int) -> tuple[int, int]:
        """First and last page of a range, counted from 1."""
        first = number * self.range_pages + 1
        return first, min(first + self.range_pages - 1, self.pages)


class Documents(Table):
    """The table of one stage. A namespace holds the documents of one caller or one space."""

    def create(self, namespace: str, document: DocumentItem) -> None:
        """Writes a new document that waits for its file. Raises `StaleWriteError` if it exists."""
        now = int(self._now())
        document = msgspec.structs.replace(document, expires_at=now + AWAITING_UPLOAD_SECONDS)
        self._write_if(
            "put_item",
            Item={**_document_key(namespace, document.id), **to_item(msgspec.to_builtins(document))},
            # An expired document stays in the table for a while.
            ConditionExpression="attribute_not_exists(pk) OR expiresAt < :now",
            ExpressionAttributeValues={":now": to_attribute(now)},
        )

    def get(self, namespace: str, document_id: str) -> DocumentItem | None:
        """The current document; None if it does not exist or its upload form has expired."""
        item = self._get(_document_key(namespace, document_id))
        return self._unexpired(item) if item else None

    def page(self, namespace: str, limit: int, cursor: str | None) -> tuple[list[DocumentItem], str | None]:
        """Documents, newest first, and the cursor of the next page if there is one. A page may be short."""
        check_cursor(cursor)
        page = self._query(_partition(namespace), limit=limit, cursor=cursor)
        return self._documents(page.items), page.cursor

    def all(self, namespace: str) -> list[DocumentItem]:
        """Every current document of a namespace."""
        documents: list[DocumentItem] = []
        cursor: str | None = None
        while True:
            page = self._query(_partition(namespace), cursor=cursor, forward=True, consistent=True)
            documents += self._documents(page.items)
            cursor = page.cursor
            if cursor is None:
                return documents

    def stored_page(self, namespace: str, limit: int, cursor: str | None) -> tuple[list[DocumentItem], str | None]:
        """As `page`, with those whose upload form has expired."""
        page = self._query(_partition(namespace), limit=limit, cursor=cursor, consistent=True)
        return [msgspec.convert(from_item(item), DocumentItem) for item in page.items], page.cursor

    def disown(self, namespace: str, document_id: str, owner: str) -> None:
        """Forgets who has uploaded a document. Raises `StaleWriteError` if that was somebody else."""
        key = _document_key(namespace, document_id)
        self._update(key, {"owner": NOBODY}, condition="#owner = :before", values={":before": owner})

    def has_moved(self, namespace: str, document_id: str) -> bool:
        """Whether an operator has moved the document to another caller's namespace."""
        return self._get(moved_key(namespace, document_id)) is not None

    def mark_deleting(self, namespace: str, document_id: str) -> None:
        """Excludes the document from all answers. Raises `StaleWriteError` when it no longer exists."""
        self._change(
            namespace,
            document_id,
            {"status": "deleting"},
            remove=(
                *("live", "liveSource", "liveIndex", "liveModel", "liveDimensions"),
                *("ingesting", "ingestingSource", "expiresAt"),
            ),
            condition="attribute_exists(pk)",
        )

    def delete(self, namespace: str, document_id: str) -> None:
        """Deletes a document that is marked as deleting, as the last step. Raises `StaleWriteError` for another."""
        self._write_if(
            "delete_item",
            Key=_document_key(namespace, document_id),
            ConditionExpression="#status = :deleting",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":deleting": {"S": "deleting"}},
        )

    def start_ingesting(self, namespace: str, document: DocumentItem, generation: str, source: str) -> None:
        """Sets the ingesting generation. Raises `StaleWriteError` if it has changed since `document` was read."""
        unchanged, values = _ingestion_unchanged(document)
        self._change(
            namespace,
            document.id,
            {"status": "processing", "ingesting": generation, "ingestingSource": source},
            remove=("expiresAt", "errorCode", "errorMessage", "failedSource"),
            condition=f"#status <> :deleting AND {unchanged}",
            values={":deleting": "deleting", **values},
        )

    def fail(self, namespace: str, document: DocumentItem, source: str, code: str, message: str) -> None:
        """Records why the file cannot be read. Raises `StaleWriteError` if the document has changed since."""
        unchanged, values = _ingestion_unchanged(document)
        self._change(
            namespace,
            document.id,
            {"status": "failed", "failedSource": source, "errorCode": code, "errorMessage": message},
            remove=("ingesting", "ingestingSource", "expiresAt"),
            condition=f"attribute_exists(pk) AND #status <> :deleting AND {unchanged}",
            values={":deleting": "deleting", **values},
        )

    def restore_live(self, namespace: str, document: DocumentItem) -> None:
        """Drops another file, because the live one is in place again. Raises `StaleWriteError`."""
        unchanged, values = _ingestion_unchanged(document)
        self._change(
            namespace,
            document.id,
            {"status": "ready"},
            remove=("ingesting", "ingestingSource", "errorCode", "errorMessage", "failedSource"),
            condition=f"liveSource = :live AND {unchanged}",
            values={":live": document.live_source, **values},
        )

    def publish(self, namespace: str, document_id: str, generation: str, progress: Progress, place: IndexPlace) -> None:
        """Makes the ingesting generation the live one, in one write. Raises `StaleWriteError`."""
        self._change(
            namespace,
            document_id,
            {
                "status": "ready",
                "live": generation,
                "liveSource": progress.source,
                "liveIndex": place.address,
                "liveModel": place.model,
                "liveDimensions": place.dimensions,
                "pages": progress.pages,
                "chunks": progress.chunks,
                "pagesWithoutText": progress.without_text,
                "hiddenCharacters": progress.hidden_characters,
                "embeddedFiles": progress.attached_files,
                "unreadCharacters": progress.unread_characters,
                "contentType": progress.content_type,
            },
            remove=("ingesting", "ingestingSource", "errorCode", "errorMessage", "failedSource", "expiresAt"),
            condition="ingesting = :generation AND #status <> :deleting",
            values={":generation": generation, ":deleting": "deleting"},
        )

    def record_place(self, namespace: str, document: DocumentItem, place: IndexPlace) -> None:
        """Adds model and dimensions to a document from before they were stored. Raises `StaleWriteError`."""
        self._update(
            _document_key(namespace, document.id),
            {"liveModel": place.model, "liveDimensions": place.dimensions},
            condition="live = :live AND liveIndex = :index",
            values={":live": document.live_generation, ":index": place.address},
        )

    def plan(self, document_id: str, generation: str, progress: Progress) -> None:
        """Writes an ingestion before it starts. The generation is new, so there is no item to overwrite."""
        now = int(self._now())
        progress = msgspec.structs.replace(progress, touched_at=now, expires_at=now + INGESTION_SECONDS)
        item = {**_ingestion_key(document_id, generation), **to_item(msgspec.to_builtins(progress))}
        self._call("put_item", Item={**item, "ranges": {"M": {}}})

    def progress(self, document_id: str, generation: str) -> Progress | None:
        """The progress of an ingestion."""
        item = self._get(_ingestion_key(document_id, generation))
        return msgspec.convert(from_item(item), Progress) if item else None

    def finish_range(self, document_id: str, generation: str, number: int, result: RangeResult) -> Progress:
        """Records a finished range. Raises `StaleWriteError` when the ingestion no longer exists."""
        answer = self._write_if(
            "update_item",
            Key=_ingestion_key(document_id, generation),
            UpdateExpression="SET ranges.#number = :result, touchedAt = :now",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={"#number": str(number)},
            ExpressionAttributeValues={
                ":result": to_attribute(msgspec.to_builtins(result)),
                ":now": to_attribute(int(self._now())),
            },
            ReturnValues="ALL_NEW",
        )
        return msgspec.convert(from_item(answer["Attributes"]), Progress)

    def touch_ingestion(self, document_id: str, generation: str) -> None:
        """Makes an ingestion look as if there had just been progress. Raises `StaleWriteError` if there is none."""
        key = _ingestion_key(document_id, generation)
        self._update(key, {"touchedAt": int(self._now())}, condition="attribute_exists(pk)")

    def delete_ingestion(self, document_id: str, generation: str) -> None:
        """Deletes an ingestion's item."""
        self._call("delete_item", Key=_ingestion_key(document_id, generation))

    def ingestions(self, document_id: str) -> list[IngestionRef]:
        """The ingestions that have an item."""
        page = self._query(f"ingestion#{document_id}", forward=True)
        return [IngestionRef(item["sk"]["S"], int(item["touchedAt"]["N"])) for item in page.items]

    def scan(self) -> Iterator[tuple[str, DocumentItem]]:
        """Every current document of the stage, with its namespace."""
        options: dict[str, Any] = {}
        while True:
            page = self._call(
                "scan",
                FilterExpression="begins_with(pk, :documents)",
                ExpressionAttributeValues={":documents": {"S": _partition("")}},
                ConsistentRead=True,
                **options,
            )
            for item in page["Items"]:
                if document := self._unexpired(item):
                    yield item["pk"]["S"].removeprefix(_partition("")), document
            if "LastEvaluatedKey" not in page:
                return
            options = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def enter_index(self, index: str) -> int:
        """Records the index that new documents are stored in. Returns since when it is that one, in seconds since
        1970."""
        state = self._get(_CURRENT_INDEX_KEY)
        if state and state["index"] == {"S": index}:
            return int(state["since"]["N"])
        now = int(self._now())
        self.add_indices([index])
        self._call("put_item", Item={**_CURRENT_INDEX_KEY, **to_item({"index": index, "since": now})})
        return now

    def add_indices(self, names: Iterable[str]) -> None:
        """Records indices of the stage that have chunks."""
        for name in {*names} - {*self.indices()}:
            self._call("put_item", Item=item_key(_INDICES, name))

    def indices(self) -> list[str]:
        """The names of the stage's indices: the current one, and those that may still have chunks."""
        return [item["sk"]["S"] for item in self._query(_INDICES, forward=True, consistent=True).items]

    def forget_index(self, index: str) -> None:
        """Removes an index that was deleted."""
        self._call("delete_item", Key=item_key(_INDICES, index))

    def sweep_turn(self) -> str | None:
        """The turn of the sweep that continues; messages of other turns are obsolete."""
        state = self._get(_SWEEP_KEY)
        return state["turn"]["S"] if state else None

    def set_sweep_turn(self, turn: str) -> None:
        """Makes a turn the one that continues."""
        self._call("put_item", Item={**_SWEEP_KEY, **to_item({"turn": turn})})

    def _unexpired(self, item: Item) -> DocumentItem | None:
        document = msgspec.convert(from_item(item), DocumentItem)
        return document if document.expires_at is None or document.expires_at > self._now() else None

    def _documents(self, items: list[Item]) -> list[DocumentItem]:
        return [document for item in items if (document := self._unexpired(item))]

    def _change(self, namespace: str, document_id: str, changes: dict[str, Any], **arguments: Any) -> None:
        changes = {**changes, "updatedAt": timestamp(self._now())}
        self._update(_document_key(namespace, document_id), changes, **arguments)


_INDICES = "indices"
_CURRENT_INDEX_KEY = item_key("sweep", "index")
_SWEEP_KEY = item_key("sweep", "turn")


def _ingestion_unchanged(document: DocumentItem) -> tuple[str, dict[str, str]]:
    """The condition that the ingesting generation is the one that was read, and the condition's values."""
    if document.ingesting_generation is None:
        return "attribute_not_exists(ingesting)", {}
    return "ingesting = :before", {":before": document.ingesting_generation}


def _partition(namespace: str) -> str:
    return f"documents#{namespace}"


def _document_key(namespace: str, document_id: str) -> Item:
    return item_key(_partition(namespace), document_id)


def moved_key(namespace: str, document_id: str) -> Item:
    """The mark of a document that has left the namespace; late messages of the queue still name it."""
    return item_key(f"moved#{namespace}", document_id)


def _ingestion_key(document_id: str, generation: str) -> Item:
    return item_key(f"ingestion#{document_id}", generation)
