"""The chatbot's table: one item a conversation, one item a message.

A conversation (`conversation#<caller>`, `<id>`) has in `record` what never changes, and beside it what does. Its
messages (`messages#<caller>#<id>`) are numbered from 1, the user's odd and the assistant's even. The model is given
`summary`, which holds the messages up to `reachesTo`, and those after it whole.

A turn is one transaction: both messages, and the conversation's count, which has to be the one that was read. So of two
turns at once one is written, and none is ever half there. `deleted` (seconds since 1970) marks a conversation that
is being taken apart; it and an expired one are nowhere to be found.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.chatbot.models import Role
from lambda_src.shared import aws
from lambda_src.shared.errors import Conflict, InProgress, InvalidRequest, NotFound
from lambda_src.shared.ids import timestamp
from lambda_src.shared.parameters import Values
from lambda_src.shared.photos import ContentType
from lambda_src.shared.store import CURSOR, unavailable

# Wide enough for more messages than anybody writes; as text they sort as their numbers do.
POSITION_DIGITS = 8
POSITION = re.compile(rf"[0-9]{{{POSITION_DIGITS}}}")
# DynamoDB takes so many writes in one BatchWriteItem.
BATCH = 25
CONFLICT_PAUSES = (0.05, 0.2)

GONE = "There is nothing of yours with this id."


class StaleWriteError(Exception):
    """The write came too late: somebody else has changed what it was made from."""


class StoredPhoto(msgspec.Struct, frozen=True, rename="camel"):
    """A photo in the bucket; `digest` is its SHA-256 in hexadecimal."""

    digest: str
    content_type: ContentType
    bytes: int


class MessageItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A message as it is kept."""

    id: str
    role: Role
    text: str
    created_at: str
    photos: tuple[StoredPhoto, ...] = ()


class ConversationHeader(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a conversation keeps from its first day to its last."""

    created_at: str
    instructions: str | None = None
    parameters: Values = {}


class ConversationItem(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation's item. `opening` is what its first message begins with, shown until there is a `title`."""

    id: str
    header: ConversationHeader
    model: str
    updated_at: str
    message_count: int = 0
    title: str | None = None
    preview: str | None = None
    summary: str | None = None
    summarized_through: int = 0
    deleted: int | None = None
    expires_at: int | None = None


class Conversations:
    """The table of one stage."""

    def __init__(
        self,
        table: str,
        client: Any = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._dynamodb = client or aws.store_client("dynamodb")
        self._now = now
        self._sleep = sleep

    def begin(self, caller: str, record: ConversationItem, also: Sequence[dict[str, Any]]) -> None:
        """A new conversation. `also` are writes of the same transaction."""
        item = {**_conversation(caller, record.id), **_item(record)}
        put = {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        reasons = self._transact([{"Put": put}, *also])
        if reasons:
            raise _other_failure(reasons, own=1)

    def find(self, caller: str, conversation: str) -> ConversationItem | None:
        """The conversation as it is this very moment, deleted or not; None when it is not there or has expired."""
        if not CURSOR.fullmatch(conversation):
            return None
        found = self._call("get_item", Key=_conversation(caller, conversation), ConsistentRead=True).get("Item")
        record = _record(found) if found else None
        # DynamoDB deletes what has expired up to two days late.
        return record if record and not self._expired(record) else None

    def get(self, caller: str, conversation: str) -> ConversationItem:
        """Raises `NotFound` for one that is not the caller's, or no longer there."""
        record = self.find(caller, conversation)
        if record is None or record.deleted is not None:
            raise NotFound(GONE)
        return record

    def page(self, caller: str, limit: int, cursor: str | None) -> tuple[list[ConversationItem], str | None]:
        """The caller's conversations, newest first, and the cursor of the next page if there is one."""
        if cursor is not None and not CURSOR.fullmatch(cursor):
            raise InvalidRequest.at("query.cursor", "not a cursor of this list")
        found: list[ConversationItem] = []
        pk = _conversation(caller, "")["pk"]
        while True:
            # What is passed over is made up for: a page is short only when it is the last.
            items, cursor = self._query(pk, limit - len(found), cursor)
            records = map(_record, items)
            found += [one for one in records if one.deleted is None and not self._expired(one)]
            if cursor is None or len(found) == limit:
                return found, cursor

    def change(self, caller: str, conversation: str, *, title: str | None, model: str | None) -> ConversationItem:
        """Changes what is not None. Raises `NotFound`."""
        fields = {"title": title, "model": model, "updatedAt": timestamp(self._now())}
        try:
            return self._change(caller, conversation, fields, "attribute_exists(pk) AND attribute_not_exists(deleted)")
        except StaleWriteError:
            raise NotFound(GONE) from None

    def mark_deleted(self, caller: str, conversation: str) -> None:
        """From here on it is nowhere to be found; done again it changes nothing. Raises `NotFound`."""
        record = self.find(caller, conversation)
        if record is None:
            raise NotFound(GONE)
        if record.deleted is None:
            try:
                self._change(caller, conversation, {"deleted": int(self._now())}, "attribute_exists(pk)")
            except StaleWriteError:
                raise NotFound(GONE) from None

    def add_turn(
        self,
        caller: str,
        record: ConversationItem,
        turn: tuple[MessageItem, MessageItem],
        *,
        preview: str,
        also: Sequence[dict[str, Any]],
    ) -> None:
        """Both messages of a turn, after those that `record` counts. `also` are writes of the same transaction.

        Raises `NotFound` when the conversation was deleted meanwhile, `Conflict` when it has gone on.
        """
        fields = {
            "messageCount": record.message_count + len(turn),
            "updatedAt": turn[-1].created_at,
            "opening": preview if record.message_count == 0 else None,
        }
        condition = "attribute_exists(pk) AND attribute_not_exists(deleted) AND messageCount = :before"
        update = _update(fields, condition, {":before": record.message_count})
        update = {"TableName": self._table, "Key": _conversation(caller, record.id), **update}
        puts = [
            {"Put": self._message(caller, record, record.message_count + number, message)}
            for number, message in enumerate(turn, 1)
        ]
        reasons = self._transact([{"Update": update}, *puts, *also])
        if "ConditionalCheckFailed" in reasons[:1]:
            self.get(caller, record.id)
        if reasons:
            raise _other_failure(reasons, own=1 + len(puts))

    def remember(
        self, caller: str, record: ConversationItem, summary: str, summarized_through: int
    ) -> ConversationItem:
        """The messages up to there are in the summary now. Raises `StaleWriteError` when `record` is not the latest."""
        return self._change(
            caller,
            record.id,
            {"summary": summary, "reachesTo": summarized_through},
            "attribute_not_exists(deleted) AND reachesTo = :before",
            {":before": record.summarized_through},
        )

    def name(self, caller: str, conversation: str, title: str) -> None:
        """A title, where there is none. Raises `StaleWriteError`."""
        condition = "attribute_exists(pk) AND attribute_not_exists(deleted) AND attribute_not_exists(title)"
        self._change(caller, conversation, {"title": title}, condition)

    def messages(self, caller: str, conversation: str, after: int = 0, limit: int | None = None) -> list[MessageItem]:
        """What was said after that position, oldest first: all of it, or as many as `limit`."""
        found: list[MessageItem] = []
        cursor: str | None = _position(after)
        while cursor is not None and (limit is None or len(found) < limit):
            pk = _messages(caller, conversation)
            items, cursor = self._query(pk, limit, cursor, forward=True, ConsistentRead=True)
            found += map(_message, items)
        return found[:limit]

    def message_page(
        self, caller: str, conversation: str, limit: int, cursor: str | None
    ) -> tuple[list[MessageItem], str | None]:
        """A conversation's messages, newest first, and the cursor of the next page if there is one."""
        if cursor is not None and not POSITION.fullmatch(cursor):
            raise InvalidRequest.at("query.cursor", "not a cursor of this list")
        items, following = self._query(_messages(caller, conversation), limit, cursor)
        return [_message(item) for item in items], following

    def forget_messages(self, caller: str, conversation: str) -> None:
        """Deletes all that was said. What DynamoDB leaves undone is `Unavailable`: to be tried again."""
        pk = _messages(caller, conversation)
        cursor: str | None = None
        while True:
            items, cursor = self._query(pk, None, cursor, forward=True, ConsistentRead=True)
            keys = [{"pk": pk, "sk": item["sk"]} for item in items]
            for start in range(0, len(keys), BATCH):
                requests = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + BATCH]]
                answer = self._call("batch_write_item", RequestItems={self._table: requests})
                if answer.get("UnprocessedItems"):
                    raise unavailable(RuntimeError("UnprocessedItems"))
            if cursor is None:
                return

    def forget(self, caller: str, conversation: str) -> None:
        """The last step of a deletion."""
        self._conditionally(
            "delete_item",
            Key=_conversation(caller, conversation),
            ConditionExpression="attribute_exists(deleted)",
        )

    def _expired(self, record: ConversationItem) -> bool:
        return record.expires_at is not None and record.expires_at <= self._now()

    def _message(self, caller: str, record: ConversationItem, position: int, message: MessageItem) -> dict[str, Any]:
        item = {
            "pk": _messages(caller, record.id),
            "sk": {"S": _position(position)},
            "record": {"B": msgspec.json.encode(message)},
        }
        if record.expires_at is not None:
            item["expiresAt"] = {"N": str(record.expires_at)}
        return {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}

    def _query(
        self, pk: dict[str, str], limit: int | None, cursor: str | None, *, forward: bool = False, **options: Any
    ) -> tuple[list[dict[str, Any]], str | None]:
        arguments: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": pk},
            "ScanIndexForward": forward,
            **options,
        }
        if limit is not None:
            arguments["Limit"] = limit
        if cursor is not None:
            arguments["ExclusiveStartKey"] = {"pk": pk, "sk": {"S": cursor}}
        answer = self._call("query", **arguments)
        last = answer.get("LastEvaluatedKey")
        return answer["Items"], last["sk"]["S"] if last else None

    def _change(
        self,
        caller: str,
        conversation: str,
        fields: dict[str, Any],
        condition: str,
        values: dict[str, Any] | None = None,
    ) -> ConversationItem:
        answer = self._conditionally(
            "update_item",
            Key=_conversation(caller, conversation),
            **_update(fields, condition, values or {}),
            ReturnValues="ALL_NEW",
        )
        return _record(answer["Attributes"])

    def _transact(self, writes: Iterable[dict[str, Any]]) -> list[str]:
        """All of the writes or none: the reasons why none, write by write; empty when they are done.

        botocore gives every call a token of its own, so its repetition after a lost answer does not write again.
        """
        entries = list(writes)
        for pause in (*CONFLICT_PAUSES, None):
            reasons = self._attempt(entries)
            # The worker's writes touch the conversation's item, too: that moment passes, and the answer is paid for.
            if pause is None or "TransactionConflict" not in reasons or "ConditionalCheckFailed" in reasons:
                return reasons
            self._sleep(pause)
        raise AssertionError("unreachable")

    def _attempt(self, entries: list[dict[str, Any]]) -> list[str]:
        try:
            self._dynamodb.transact_write_items(TransactItems=entries)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise unavailable(error) from error
            reasons: list[str] = [one["Code"] for one in error.response["CancellationReasons"]]
            if not {*reasons} <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                raise unavailable(error) from error
            return reasons
        except BotoCoreError as error:
            raise unavailable(error) from error
        return []

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
        # BatchWriteItem names its tables in the request itself.
        table = {} if "RequestItems" in arguments else {"TableName": self._table}
        try:
            return getattr(self._dynamodb, operation)(**table, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error


def _other_failure(reasons: list[str], own: int) -> Conflict | InProgress:
    """Why a transaction failed whose conversation is there: `own` of its writes are the conversation's."""
    if all(reason == "None" for reason in reasons[:own]):
        return InProgress("Another request with this key has taken over.", retry_after=1)
    return Conflict("Another message was written meanwhile.")


def _conversation(caller: str, conversation: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": f"conversation#{caller}"}, "sk": {"S": conversation}}


def _messages(caller: str, conversation: str) -> dict[str, str]:
    return {"S": f"messages#{caller}#{conversation}"}


def _position(number: int) -> str:
    return f"{number:0{POSITION_DIGITS}}"


def _update(fields: dict[str, Any], condition: str, values: dict[str, Any]) -> dict[str, Any]:
    """An update that sets the fields which are not None."""
    given = {name: value for name, value in fields.items() if value is not None}
    set_values = {f":set_{name}": value for name, value in given.items()}
    return {
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :set_{name}" for name in given),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in given},
        "ExpressionAttributeValues": {name: _value(value) for name, value in {**set_values, **values}.items()},
    }


def _value(value: str | int) -> dict[str, str]:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _item(record: ConversationItem) -> dict[str, Any]:
    changing: dict[str, str | int | None] = {
        "model": record.model,
        "updatedAt": record.updated_at,
        "messageCount": record.message_count,
        "title": record.title,
        "reachesTo": record.summarized_through,
        "expiresAt": record.expires_at,
    }
    given = {name: _value(value) for name, value in changing.items() if value is not None}
    return {"record": {"B": msgspec.json.encode(record.header)}, **given}


def _record(item: dict[str, Any]) -> ConversationItem:
    def text(name: str) -> str | None:
        return item[name]["S"] if name in item else None

    def number(name: str) -> int | None:
        return int(item[name]["N"]) if name in item else None

    return ConversationItem(
        id=item["sk"]["S"],
        header=msgspec.json.decode(item["record"]["B"], type=ConversationHeader),
        model=item["model"]["S"],
        updated_at=item["updatedAt"]["S"],
        message_count=int(item["messageCount"]["N"]),
        title=text("title"),
        preview=text("opening"),
        summary=text("summary"),
        summarized_through=int(item["reachesTo"]["N"]),
        deleted=number("deleted"),
        expires_at=number("expiresAt"),
    )


def _message(item: dict[str, Any]) -> MessageItem:
    return msgspec.json.decode(item["record"]["B"], type=MessageItem)
