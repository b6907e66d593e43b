"""What one use case stores for callers that are ARNs, and its move to another caller.

Everything can be killed at any point and run again, while functions read and write. An item moves in one transaction,
which requires that it has not changed. What belongs to an item is copied before that transaction, to where no function
looks for it, and what is left of the old caller's is deleted after it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from dev.tools.callers.files import Files
from lambda_src.chatbot.conversations import ConversationItem, Conversations
from lambda_src.chatbot.document_store import DocumentStore
from lambda_src.chatbot.memory.worker import SETTLED_SECONDS
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.chatbot.stored_files import StoredFiles
from lambda_src.hr_qa.documents import DocumentItem, moved_key
from lambda_src.hr_qa.settings import is_space
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.idempotency import IdempotencyStore, kept_partition
from lambda_src.shared.ids import timestamp
from lambda_src.shared.table import Item, StaleWriteError, Table, from_item, item_key, to_item
from lambda_src.shared.uploads import UPLOAD_SECONDS

_ATTEMPTS = 10
_ID_CHARACTERS = 36
# A message may wait two weeks in the queue, and two more in the dead-letter queue.
_MARK_SECONDS = 60 * 24 * 3600


class LeftAsIs(Exception):
    """Data that cannot be moved now. The message says why, and what to do."""


class Holding(msgspec.Struct, frozen=True):
    """One thing that an ARN owns: `kind` is the prefix of its partition, `place` the partition without it."""

    arn: str
    kind: str
    place: str
    id: str

    @property
    def key(self) -> Item:
        return item_key(f"{self.kind}#{self.place}", self.id)

    @property
    def created(self) -> datetime:
        """The time in its id, a UUIDv7."""
        return datetime.fromtimestamp(int(self.id.replace("-", "")[:12], 16) / 1000, UTC)


class CallerData(Table):
    """The table and the bucket (None: it has none) of one use case."""

    def __init__(
        self,
        table: str,
        bucket: str | None,
        *,
        dynamodb: Any,
        s3: Any,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(table, dynamodb, now, sleep)
        self._files = Files(bucket, s3) if bucket else None
        stores = (PhotoStore(bucket, s3, now), DocumentStore(bucket, s3)) if bucket else ()
        self._file_stores: Sequence[StoredFiles] = stores
        self._conversations = Conversations(table, dynamodb, now, sleep)

    def holdings(self) -> list[Holding]:
        """Everything that is stored under an ARN."""
        return [holding for item in self._scan() if (holding := _holding(item))]

    def move(self, holdings: Iterable[Holding], arn: str, caller: str) -> Iterator[tuple[Holding, str]]:
        """Moves an ARN's holdings to a caller. Yields those that it leaves as they are, and why."""
        # First: as long as there are other holdings, a run that is repeated knows the ARN.
        self._move_kept_responses(arn, caller)
        for holding in holdings:
            try:
                self._move_holding(holding, caller)
            except LeftAsIs as reason:
                yield holding, str(reason)

    def unfinished(self) -> Iterator[Callable[[], object]]:
        """What killed runs have left, as functions that finish it.

        It is the files of documents that have moved, and messages without a conversation.
        """
        for staged in self._files.staged() if self._files else ():
            # A document that has not moved gets its turn.
            if self._get(_document_key(staged.source, staged.document)) is None:
                yield partial(self._move_file, staged.source, staged.target, staged.document)
        for caller, conversation_id in self._stray_messages():
            if self._get(item_key(f"conversation#{caller}", conversation_id)) is None:
                yield partial(self._conversations.delete_messages, caller, conversation_id)

    def _move_holding(self, holding: Holding, caller: str) -> None:
        if holding.kind == "conversation":
            self._move_conversation(holding, caller)
        elif holding.kind == "documents":
            self._move_document(holding, caller)
        else:
            self._move_item(holding.key, item_key(f"{holding.kind}#{caller}", holding.id))

    def _move_kept_responses(self, arn: str, caller: str) -> None:
        """The links by which a caller's kept responses are erased. Their resources' links do not name the caller."""
        old, new = kept_partition(arn), kept_partition(caller)
        for item in self._all(old):
            self._move_item(item_key(old, item["sk"]["S"]), item_key(new, item["sk"]["S"]))

    def _move_conversation(self, holding: Holding, caller: str) -> None:
        def prepare(item: Item) -> Item:
            if "deleted" in item:
                self._conversations.delete_messages(caller, holding.id)
                raise LeftAsIs("is being deleted; run this again")
            self._copy_messages(holding, caller)
            return item

        if deleted := (self._get(holding.key) or {}).get("deleted"):
            self._finish_deletion(holding, caller, int(deleted["N"]))
            return
        target = item_key(f"conversation#{caller}", holding.id)
        if self._move_item(holding.key, target, prepare, may_get=_names(ConversationItem)):
            self._conversations.delete_messages(holding.arn, holding.id)

    def _copy_messages(self, holding: Holding, caller: str) -> None:
        """Copies and compares. No function writes there: the conversation does not exist under this caller yet."""
        old, new = (f"messages#{name}#{holding.id}" for name in (holding.arn, caller))
        copies = [{**item, "pk": {"S": new}} for item in self._all(old)]
        for copy in copies:
            self._call("put_item", Item=copy)
        if list(self._all(new)) != copies:
            raise LeftAsIs("its messages have changed; run this again")

    def _finish_deletion(self, holding: Holding, caller: str, deleted_at: int) -> None:
        """Does what the queue's function may have failed to do, also to copies made before the deletion."""
        remaining = deleted_at + SETTLED_SECONDS - self._now()
        if remaining > 0:
            raise LeftAsIs(f"is being deleted; run this again in {int(remaining / 60) + 1} minutes")
        IdempotencyStore.of(self).forget(holding.id)
        for store in self._file_stores:
            store.delete_all(holding.id)
        for name in (holding.arn, caller):
            self._conversations.delete_messages(name, holding.id)
        with suppress(StaleWriteError):
            self._conversations.delete(holding.arn, holding.id)

    def _move_document(self, holding: Holding, caller: str) -> None:
        if is_space(holding.place):
            self._change_owner(holding, caller)
            return
        if holding.place != caller_namespace(holding.arn):
            raise LeftAsIs("is in a namespace of another caller")
        target = caller_namespace(caller)

        def prepare(item: Item) -> Item:
            document = msgspec.convert(from_item(item), DocumentItem)
            self._check_settled(document)
            self._stage_file(document, holding.place, target)
            return {**item, "owner": {"S": caller}}

        mark = to_item({"expiresAt": int(self._now()) + _MARK_SECONDS})
        moved = self._move_item(
            holding.key,
            _document_key(target, holding.id),
            prepare,
            may_get=_names(DocumentItem),
            mark={**moved_key(holding.place, holding.id), **mark},
        )
        if moved:
            self._move_file(holding.place, target, holding.id)

    def _change_owner(self, holding: Holding, caller: str) -> None:
        try:
            self._update(holding.key, {"owner": caller}, condition="#owner = :arn", values={":arn": holding.arn})
        except StaleWriteError:
            raise LeftAsIs("has changed; run this again") from None

    def _check_settled(self, document: DocumentItem) -> None:
        """Messages of the queue, and forms for uploads, name the document's old place."""
        if document.status not in ("ready", "failed"):
            raise LeftAsIs(f"has the status {document.status}; run this again when that has ended")
        form_ends = datetime.fromisoformat(document.created_at).timestamp() + UPLOAD_SECONDS
        if form_ends > self._now():
            raise LeftAsIs(f"its form takes uploads until {timestamp(form_ends)}; run this again then")

    def _stage_file(self, document: DocumentItem, source: str, target: str) -> None:
        etag = self._files.etag(source, document.id) if self._files else None
        if etag is None or self._files is None:
            return
        if etag not in (document.live_source, document.failed_source) and document.error_code != "ingestion_failed":
            raise LeftAsIs("a newer file of it has not been read; run this again when it has")
        self._files.stage(source, target, document.id, etag)

    def _move_file(self, source: str, target: str, document_id: str) -> None:
        """Moves the staged file of a document that has moved, or deletes it with its document."""
        if self._files is None:
            return
        item = self._get(_document_key(target, document_id))
        if item and item["status"]["S"] != "deleting":
            # S3's event starts an ingestion, which finds the file's digest unchanged.
            self._files.publish(source, target, document_id)
        self._files.erase(source, target, document_id)

    def _move_item(
        self,
        old: Item,
        new: Item,
        prepare: Callable[[Item], Item] = lambda item: item,
        *,
        may_get: Iterable[str] = (),
        mark: Item | None = None,
    ) -> bool:
        """Moves what `prepare` makes of an item, and writes the `mark`. Returns whether there was one.

        It has changed when an attribute has, or when it got one of `may_get`.
        """
        marks = [{"Put": {"TableName": self._table, "Item": mark}}] if mark else []
        for _ in range(_ATTEMPTS):
            item = self._get(old)
            if item is None:
                return False
            put = {"Item": {**prepare(item), **new}, "ConditionExpression": "attribute_not_exists(pk)"}
            delete = {"Key": old, **_unchanged(item, may_get)}
            writes = [{"Put": {"TableName": self._table, **put}}, {"Delete": {"TableName": self._table, **delete}}]
            reasons = self._transact([*writes, *marks])
            if not reasons:
                return True
            if reasons[0] == "ConditionalCheckFailed":
                raise LeftAsIs("exists under both callers")
        raise LeftAsIs("changes all the time; run this again")

    def _all(self, partition: str) -> Iterator[Item]:
        cursor: str | None = None
        while True:
            page = self._query(partition, cursor=cursor, forward=True, consistent=True)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def _stray_messages(self) -> list[tuple[str, str]]:
        """Caller and conversation of messages that may have no conversation.

        Another caller's conversation of that id may be moving here, so its copied messages stay.
        """
        partitions: set[str] = set()
        conversations: set[str] = set()
        for item in self._scan():
            kind, _, place = item["pk"]["S"].partition("#")
            if kind == "messages":
                partitions.add(place)
            elif kind == "conversation":
                conversations.add(item["sk"]["S"])
        places = [(place[: -_ID_CHARACTERS - 1], place[-_ID_CHARACTERS:]) for place in sorted(partitions)]
        return [place for place in places if place[0].startswith("arn:") or place[1] not in conversations]

    def _scan(self) -> Iterator[Item]:
        """The keys of all items, and their owners."""
        options: dict[str, Any] = {}
        while True:
            page = self._call(
                "scan",
                ProjectionExpression="pk, sk, #owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ConsistentRead=True,
                **options,
            )
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            options = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _holding(item: Item) -> Holding | None:
    kind, _, place = item["pk"]["S"].partition("#")
    arn = item.get("owner", {}).get("S", "") if kind == "documents" else place
    if not arn.startswith("arn:") or kind == "messages":
        return None
    return Holding(arn, kind, place, item["sk"]["S"])


def _document_key(namespace: str, document_id: str) -> Item:
    return item_key(f"documents#{namespace}", document_id)


def _names(item_type: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(item_type)}


def _unchanged(item: Item, may_get: Iterable[str]) -> dict[str, Any]:
    """The condition that an item is the one that was read."""
    present = sorted({*item} - {"pk", "sk"})
    absent = sorted({*may_get} - {*item})
    terms = [f"#{name} = :{name}" for name in present] + [f"attribute_not_exists(#{name})" for name in absent]
    condition = {"ConditionExpression": " AND ".join(["attribute_exists(pk)", *terms])}
    if not terms:
        return condition
    values = {"ExpressionAttributeValues": {f":{name}": item[name] for name in present}} if present else {}
    return {**condition, "ExpressionAttributeNames": {f"#{name}": name for name in (*present, *absent)}, **values}
