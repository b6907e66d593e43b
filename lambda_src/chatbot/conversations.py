"""The chatbot's table: one item per conversation, one item per message.

A conversation (`conversation#<caller>`, `<id>`) has its immutable fields in `record` and the others as attributes. Its
messages (`messages#<caller>#<id>`) are numbered from 1; the user's are odd, the assistant's even. The model gets
`summary`, which covers the messages up to `reachesTo`, and the full text of those after it.

A turn is one transaction: both messages, and the conversation's message count, which must be the one that was read. So
one of two concurrent turns is written, and no turn is written in part. `deleted` (seconds since 1970) marks a
conversation whose messages and photos are being deleted. To callers it does not exist, nor does an expired one.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from lambda_src.chatbot.models import Role
from lambda_src.shared import aws
from lambda_src.shared.errors import Conflict, InProgress, NotFound
from lambda_src.shared.ids import timestamp
from lambda_src.shared.parameters import Values
from lambda_src.shared.photos import ContentType
from lambda_src.shared.table import (
    Item,
    StaleWriteError,
    Table,
    check_cursor,
    from_item,
    item_key,
    to_item,
    update_arguments,
)

# Message numbers have a fixed width, so that they sort as text.
NUMBER_DIGITS = 8
NUMBER = re.compile(rf"[0-9]{{{NUMBER_DIGITS}}}")
# DynamoDB's limit for one BatchWriteItem.
BATCH_SIZE = 25

NOT_FOUND = "There is nothing of yours with this id."
LIVE = "attribute_exists(pk) AND attribute_not_exists(deleted)"


class StoredPhoto(msgspec.Struct, frozen=True, rename="camel"):
    """A photo in the bucket; `digest` is its SHA-256 in hexadecimal."""

    digest: str
    content_type: ContentType
    bytes: int


class MessageItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A stored message."""

    id: str
    role: Role
    text: str
    created_at: str
    photos: tuple[StoredPhoto, ...] = ()


class ConversationHeader(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The immutable fields of a conversation."""

    created_at: str
    instructions: str | None = None
    parameters: Values = {}


class ConversationItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A stored conversation. `preview`: the first words of its first message, shown while there is no `title`."""

    id: str
    header: ConversationHeader
    model: str
    updated_at: str
    message_count: int = 0
    title: str | None = None
    preview: str | None = msgspec.field(default=None, name="opening")
    summary: str | None = None
    summarized_through: int = msgspec.field(default=0, name="reachesTo")
    deleted_at: int | None = msgspec.field(default=None, name="deleted")
    expires_at: int | None = None


class Conversations(Table):
    """The table of one stage."""

    def create(self, caller: str, conversation: ConversationItem, extra_writes: Sequence[dict[str, Any]]) -> None:
        """Writes a new conversation; `extra_writes` go into the same transaction."""
        item = {**_key(caller, conversation.id), **_to_item(conversation)}
        put = {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        reasons = self._transact([{"Put": put}, *extra_writes])
        if reasons:
            raise _transaction_error(reasons, own_writes=1)

    def find(self, caller: str, conversation_id: str) -> ConversationItem | None:
        """The current conversation, also one marked as deleted; None if it does not exist or has expired."""
        item = self._get(_key(caller, conversation_id))
        conversation = _from_item(item) if item else None
        return conversation if conversation and not self._expired(conversation) else None

    def get(self, caller: str, conversation_id: str) -> ConversationItem:
        """Raises `NotFound` for one that is not the caller's, or no longer exists."""
        conversation = self.find(caller, conversation_id)
        if conversation is None or conversation.deleted_at is not None:
            raise NotFound(NOT_FOUND)
        return conversation

    def page(self, caller: str, limit: int, cursor: str | None) -> tuple[list[ConversationItem], str | None]:
        """The caller's conversations, newest first, and the cursor of the next page if there is one."""
        check_cursor(cursor)
        listed: list[ConversationItem] = []
        while True:
            # Reads on to replace deleted and expired ones, so that only the last page is short.
            page = self._query(_partition(caller), limit=limit - len(listed), cursor=cursor)
            conversations = map(_from_item, page.items)
            listed += [each for each in conversations if each.deleted_at is None and not self._expired(each)]
            cursor = page.cursor
            if cursor is None or len(listed) == limit:
                return listed, cursor

    def stored_page(self, caller: str, limit: int, cursor: str | None) -> tuple[list[ConversationItem], str | None]:
        """As `page`, with those marked as deleted and expired ones."""
        page = self._query(_partition(caller), limit=limit, cursor=cursor)
        return list(map(_from_item, page.items)), page.cursor

    def change(self, caller: str, conversation_id: str, *, title: str | None, model: str | None) -> ConversationItem:
        """Changes what is not None. Raises `NotFound`."""
        changes = {"title": title, "model": model, "updatedAt": timestamp(self._now())}
        try:
            return _from_item(self._update(_key(caller, conversation_id), changes, condition=LIVE))
        except StaleWriteError:
            raise NotFound(NOT_FOUND) from None

    def mark_deleted(self, caller: str, conversation_id: str) -> None:
        """Hides the conversation from its caller. Repeating it has no effect. Raises `NotFound`."""
        conversation = self.find(caller, conversation_id)
        if conversation is None:
            raise NotFound(NOT_FOUND)
        if conversation.deleted_at is None:
            try:
                changes = {"deleted": int(self._now())}
                self._update(_key(caller, conversation_id), changes, condition="attribute_exists(pk)")
            except StaleWriteError:
                raise NotFound(NOT_FOUND) from None

    def erase_content(self, caller: str, conversation_id: str) -> None:
        """Marks the conversation as deleted, and removes all texts from its item. No turn that is running can be
        written after this. Raises `StaleWriteError` if it no longer exists."""
        empty = ConversationHeader(created_at="")
        self._update(
            _key(caller, conversation_id),
            {"deleted": int(self._now()), "record": msgspec.json.encode(empty)},
            remove=("title", "opening", "summary"),
            condition="attribute_exists(pk)",
        )

    def add_turn(
        self,
        caller: str,
        conversation: ConversationItem,
        turn: tuple[MessageItem, MessageItem],
        *,
        preview: str,
        extra_writes: Sequence[dict[str, Any]],
    ) -> None:
        """Appends both messages of a turn to the conversation as it was read.

        `extra_writes` go into the same transaction. Raises `NotFound` when the conversation has been deleted,
        `Conflict` when another turn was added.
        """
        count = conversation.message_count
        changes = {
            "messageCount": count + len(turn),
            "updatedAt": turn[-1].created_at,
            "opening": preview if count == 0 else None,
        }
        condition = f"{LIVE} AND messageCount = :before"
        update = {
            "TableName": self._table,
            "Key": _key(caller, conversation.id),
            **update_arguments(changes, condition=condition, values={":before": count}),
        }
        puts = [
            {"Put": self._message_write(caller, conversation, number, message)}
            for number, message in enumerate(turn, count + 1)
        ]
        reasons = self._transact([{"Update": update}, *puts, *extra_writes])
        if "ConditionalCheckFailed" in reasons[:1]:
            self.get(caller, conversation.id)
        if reasons:
            raise _transaction_error(reasons, own_writes=1 + len(puts))

    def save_summary(
        self, caller: str, conversation: ConversationItem, summary: str, summarized_through: int
    ) -> ConversationItem:
        """Replaces the summary. Raises `StaleWriteError` when it has changed since `conversation` was read."""
        item = self._update(
            _key(caller, conversation.id),
            {"summary": summary, "reachesTo": summarized_through},
            condition="attribute_not_exists(deleted) AND reachesTo = :before",
            values={":before": conversation.summarized_through},
        )
        return _from_item(item)

    def set_title(self, caller: str, conversation_id: str, title: str) -> None:
        """Sets a missing title. Raises `StaleWriteError` when there is one."""
        condition = f"{LIVE} AND attribute_not_exists(title)"
        self._update(_key(caller, conversation_id), {"title": title}, condition=condition)

    def messages(
        self, caller: str, conversation_id: str, after: int = 0, limit: int | None = None
    ) -> list[MessageItem]:
        """The messages after that number, oldest first."""
        messages: list[MessageItem] = []
        cursor: str | None = _number(after)
        while cursor is not None and (limit is None or len(messages) < limit):
            partition = _messages_partition(caller, conversation_id)
            page = self._query(partition, limit=limit, cursor=cursor, forward=True, consistent=True)
            messages += map(_message, page.items)
            cursor = page.cursor
        return messages[:limit]

    def message_page(
        self, caller: str, conversation_id: str, limit: int, cursor: str | None
    ) -> tuple[list[MessageItem], str | None]:
        """A conversation's messages, newest first, and the cursor of the next page if there is one."""
        check_cursor(cursor, NUMBER)
        page = self._query(_messages_partition(caller, conversation_id), limit=limit, cursor=cursor)
        return [_message(item) for item in page.items], page.cursor

    def delete_messages(self, caller: str, conversation_id: str) -> int:
        """Deletes all messages. Returns how many there were. Raises `Unavailable` when DynamoDB leaves some: to be
        repeated."""
        partition = _messages_partition(caller, conversation_id)
        cursor: str | None = None
        count = 0
        while True:
            page = self._query(partition, cursor=cursor, forward=True, consistent=True)
            keys = [item_key(partition, item["sk"]["S"]) for item in page.items]
            for start in range(0, len(keys), BATCH_SIZE):
                self._delete_batch(keys[start : start + BATCH_SIZE])
            count += len(keys)
            cursor = page.cursor
            if cursor is None:
                return count

    def delete(self, caller: str, conversation_id: str) -> None:
        """Deletes a conversation that is marked as deleted, as the last step. Raises `StaleWriteError` for another."""
        self._write_if(
            "delete_item", Key=_key(caller, conversation_id), ConditionExpression="attribute_exists(deleted)"
        )

    def _expired(self, conversation: ConversationItem) -> bool:
        return conversation.expires_at is not None and conversation.expires_at <= self._now()

    def _message_write(
        self, caller: str, conversation: ConversationItem, number: int, message: MessageItem
    ) -> dict[str, Any]:
        fields = {"record": msgspec.json.encode(message), "expiresAt": conversation.expires_at}
        key = item_key(_messages_partition(caller, conversation.id), _number(number))
        return {
            "TableName": self._table,
            "Item": {**key, **to_item(fields)},
            "ConditionExpression": "attribute_not_exists(pk)",
        }

    def _delete_batch(self, keys: Sequence[Item]) -> None:
        requests = [{"DeleteRequest": {"Key": key}} for key in keys]
        with aws.store_errors():
            answer = self._dynamodb.batch_write_item(RequestItems={self._table: requests})
        if answer.get("UnprocessedItems"):
            raise aws.store_unavailable("UnprocessedItems")


def _transaction_error(reasons: Sequence[str], own_writes: int) -> Conflict | InProgress:
    """Why a transaction failed although its conversation exists. The first `own_writes` are the conversation's."""
    if all(reason == "None" for reason in reasons[:own_writes]):
        return InProgress("Another request with this key has taken over.", retry_after=1)
    return Conflict("Another message was added to the conversation in the meantime.")


def _partition(caller: str) -> str:
    return f"conversation#{caller}"


def _messages_partition(caller: str, conversation_id: str) -> str:
    return f"messages#{caller}#{conversation_id}"


def _key(caller: str, conversation_id: str) -> Item:
    return item_key(_partition(caller), conversation_id)


def _number(number: int) -> str:
    return f"{number:0{NUMBER_DIGITS}}"


def _to_item(conversation: ConversationItem) -> Item:
    fields = msgspec.to_builtins(conversation)
    del fields["id"], fields["header"]
    return {"record": {"B": msgspec.json.encode(conversation.header)}, **to_item(fields)}


def _from_item(item: Item) -> ConversationItem:
    fields = from_item(item)
    header = msgspec.json.decode(fields["record"])
    return msgspec.convert({**fields, "id": fields["sk"], "header": header}, ConversationItem)


def _message(item: Item) -> MessageItem:
    return msgspec.json.decode(item["record"]["B"], type=MessageItem)
