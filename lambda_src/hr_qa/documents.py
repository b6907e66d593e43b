"""The documents' table: one item per document, one item per ingestion.

A document (`documents#<namespace>`, `<id>`) has a *live* generation, which answers questions, and at most one
generation that is *ingesting*. Every change is one conditional write, so a step that runs late, twice or out of order
changes nothing.

An ingestion (`ingestion#<id>`, `<generation>`) has one entry for each finished page range. Entries are set, not
counted, so a range that is read twice counts once.
"""

import time
from typing import Any

import msgspec

from lambda_src.hr_qa.models import Status
from lambda_src.shared.ids import timestamp
from lambda_src.shared.table import Item, Table, check_cursor, from_item, item_key, to_attribute, to_item

# A document expires when its upload form is not used.
AWAITING_UPLOAD_SECONDS = 24 * 3600
INGESTION_SECONDS = 14 * 24 * 3600


class DocumentItem(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A stored document. `live_source` and `ingesting_source` are the ETags of the files; `live_index` is the
    address of the index with the live chunks; `pages` to `unread_characters` describe the live generation."""

    id: str
    name: str
    owner: str
    status: Status
    created_at: str
    updated_at: str
    sha256: str | None = None
    live_generation: str | None = msgspec.field(default=None, name="live")
    live_source: str | None = None
    live_index: str | None = None
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
    """A stored ingestion: its plan, and the results of the finished ranges by number."""

    source: str
    pages: int
    range_pages: int
    embedded_files: int = 0
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

    def stalled(self, seconds: int) -> bool:
        """Whether there has been no progress for longer than `seconds`."""
        return time.time() - self.touched_at > seconds

    def unfinished(self, number: int, count: int) -> list[int]:
        """Those of `count` ranges from `number` on that are not finished."""
        last = min(number + count, self.range_count)
        return [each for each in range(number, last) if str(each) not in self.ranges]

    def bounds(self, number: int) -> tuple[int, int]:
        """First and last page of a range, counted from 1."""
        first = number * self.range_pages + 1
        return first, min(first + self.range_pages - 1, self.pages)


class Documents(Table):
    """The table of one stage. A namespace holds the documents that one caller, or all callers, can see."""

    def create(self, namespace: str, document: DocumentItem) -> None:
        """Writes a new document that waits for its file."""
        document = msgspec.structs.replace(document, expires_at=int(self._now()) + AWAITING_UPLOAD_SECONDS)
        self._call(
            "put_item",
            Item={**_document_key(namespace, document.id), **to_item(msgspec.to_builtins(document))},
            ConditionExpression="attribute_not_exists(pk)",
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

    def has_moved(self, namespace: str, document_id: str) -> bool:
        """Whether an operator has moved the document to another caller's namespace."""
        return self._get(moved_key(namespace, document_id)) is not None

    def mark_deleting(self, namespace: str, document_id: str) -> None:
        """Excludes the document from all answers. Raises `StaleWriteError` when it no longer exists."""
        self._change(
            namespace,
            document_id,
            {"status": "deleting"},
            remove=("live", "liveSource", "liveIndex", "ingesting", "ingestingSource", "expiresAt"),
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

    def cancel_ingesting(self, namespace: str, document: DocumentItem) -> None:
        """Drops the ingesting generation, because the live file is in place again. Raises `StaleWriteError`."""
        self._change(
            namespace,
            document.id,
            {"status": "ready"},
            remove=("ingesting", "ingestingSource"),
            condition="ingesting = :before AND liveSource = :live",
            values={":before": document.ingesting_generation, ":live": document.live_source},
        )

    def publish(self, namespace: str, document_id: str, generation: str, progress: Progress, index: str) -> None:
        """Makes the ingesting generation the live one, in one write. Raises `StaleWriteError`."""
        self._change(
            namespace,
            document_id,
            {
                "status": "ready",
                "live": generation,
                "liveSource": progress.source,
                "liveIndex": index,
                "pages": progress.pages,
                "chunks": progress.chunks,
                "pagesWithoutText": progress.without_text,
                "hiddenCharacters": progress.hidden_characters,
                "embeddedFiles": progress.attached_files,
                "unreadCharacters": progress.unread_characters,
            },
            remove=("ingesting", "ingestingSource", "errorCode", "errorMessage", "failedSource", "expiresAt"),
            condition="ingesting = :generation AND #status <> :deleting",
            values={":generation": generation, ":deleting": "deleting"},
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

    def delete_ingestion(self, document_id: str, generation: str) -> None:
        """Deletes an ingestion's item."""
        self._call("delete_item", Key=_ingestion_key(document_id, generation))

    def ingestions(self, document_id: str) -> list[IngestionRef]:
        """The ingestions that have an item."""
        page = self._query(f"ingestion#{document_id}", forward=True)
        return [IngestionRef(item["sk"]["S"], int(item["touchedAt"]["N"])) for item in page.items]

    def _unexpired(self, item: Item) -> DocumentItem | None:
        document = msgspec.convert(from_item(item), DocumentItem)
        return document if document.expires_at is None or document.expires_at > self._now() else None

    def _documents(self, items: list[Item]) -> list[DocumentItem]:
        return [document for item in items if (document := self._unexpired(item))]

    def _change(self, namespace: str, document_id: str, changes: dict[str, Any], **arguments: Any) -> None:
        changes = {**changes, "updatedAt": timestamp(self._now())}
        self._update(_document_key(namespace, document_id), changes, **arguments)


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
