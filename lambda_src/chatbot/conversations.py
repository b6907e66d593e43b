"""The chatbot's table: one item per conversation, one item per message.

A conversation (`conversation#<caller>`, `<id>`) has its immutable fields in `record` and the others as attributes. Its
messages (`messages#<caller>#<id>`) are numbered from 1; the user's are odd, the assistant's even. The model gets
`summary`, which covers the messages up to `reachesTo`, and the full text of those after it.

A turn is one transaction: both messages, and the conversation's counters, which must be those that were read. So one of
two concurrent turns is written, and no turn is written in part. `deleted` (seconds since 1970) marks a conversation
whose messages, photos and documents are being deleted. To callers it does not exist, nor does an expired one.

A turn may replace an earlier one and all after it. Their numbers are added to `removed` in its transaction: from then
on no reader gets them. The worker deletes the items later, and `removedCount` counts them for good. Numbers are never
used again, so what is being deleted is never what a new turn writes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from lambda_src.chatbot.message_item import MessageItem, StoredFeedback
from lambda_src.shared import aws
from lambda_src.shared.errors import Conflict, InProgress, NotFound
from lambda_src.shared.ids import timestamp
from lambda_src.shared.parameters import Values
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
EMPTY = "messageCount = :none"
# No message was replaced since the conversation was read. Conversations from before that was possible lack the count.
NOTHING_REMOVED = "(attribute_not_exists(removedCount) OR removedCount = :removed)"


class ConversationHeader(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The immutable fields of a conversation."""

    created_at: str
    instructions: str | None = None
    parameters: Values = {}


class ConversationItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A stored conversation. `preview`: the first words of its first message, shown while there is no `title`.

    `removed`: the first and the last number of messages that were replaced and still have to be deleted.
    """

    id: str
    header: ConversationHeader
    model: str
    updated_at: str
    message_count: int = 0
    removed_count: int = 0
    removed: list[tuple[int, int]] = []
    title: str | None = None
    title_generated: bool = False
    preview: str | None = msgspec.field(default=None, name="opening")
    summary: str | None = None
    summarized_through: int = msgspec.field(default=0, name="reachesTo")
    deleted_at: int | None = msgspec.field(default=None, name="deleted")
    expires_at: int | None = None

    @property
    def last_number(self) -> int:
        """The number of the newest message."""
        return self.message_count + self.removed_count

    def is_removed(self, number: int) -> bool:
        """Whether the message was replaced."""
        return any(first <= number <= last for first, last in self.removed)


class Cut(msgspec.Struct, frozen=True):
    """What a new turn replaces: the `count` messages from the number `first` on.

    `summarized_through` is the stored conversation's; the one that the turn is added to may have another summary.
    """

    first: int
    count: int
    summarized_through: int


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
        changes: dict[str, Any] = {"title": title, "model": model, "updatedAt": timestamp(self._now())}
        if title is not None:
            changes["titleGenerated"] = False
        try:
            return _from_item(self._update(_key(caller, conversation_id), changes, condition=LIVE))
        except StaleWriteError:
            raise NotFound(NOT_FOUND) from None

    def mark_deleted(self, caller: str, conversation_id: str, *, only_empty: bool = False) -> None:
        """Hides the conversation from its caller. Repeating it has no effect.

        Raises `NotFound`, and with `only_empty` `Conflict` if it has messages.
        """
        conversation = self.find(caller, conversation_id)
        if conversation is None:
            raise NotFound(NOT_FOUND)
        if conversation.deleted_at is None:
            try:
                changes = {"deleted": int(self._now())}
                condition = f"attribute_exists(pk) AND {EMPTY}" if only_empty else "attribute_exists(pk)"
                self._update(
                    _key(caller, conversation_id),
                    changes,
                    condition=condition,
                    values={":none": 0} if only_empty else {},
                )
            except StaleWriteError:
                if only_empty and self.find(caller, conversation_id):
                    raise Conflict("The conversation has messages.") from None
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
        cut: Cut | None = None,
    ) -> None:
        """Appends both messages of a turn to the conversation as it was read, in place of what `cut` names.

        `extra_writes` go into the same transaction. Raises `NotFound` when the conversation has been deleted,
        `Conflict` when another turn was added.
        """
        update = {
            "TableName": self._table,
            "Key": _key(caller, conversation.id),
            **_added_turn(conversation, turn, preview, cut),
        }
        puts = [
            {"Put": self._message_write(caller, conversation, number, message)}
            for number, message in enumerate(turn, conversation.last_number + 1)
        ]
        reasons = self._transact([{"Update": update}, *puts, *extra_writes])
        if "ConditionalCheckFailed" in reasons[:1]:
            current = self.get(caller, conversation.id)
            if cut and current.last_number == conversation.last_number:
                # Only the summary has changed, while the model answered.
                self._add_cut_turn(caller, current, turn, preview, extra_writes, cut)
                return
        if reasons:
            raise _transaction_error(reasons, own_writes=1 + len(puts))

    def _add_cut_turn(
        self,
        caller: str,
        conversation: ConversationItem,
        turn: tuple[MessageItem, MessageItem],
        preview: str,
        extra_writes: Sequence[dict[str, Any]],
        cut: Cut,
    ) -> None:
        """The turn again, for a conversation with a new summary, which is dropped if it has messages of the cut."""
        cut = msgspec.structs.replace(cut, summarized_through=conversation.summarized_through)
        if conversation.summarized_through >= cut.first:
            conversation = without_summary(conversation)
        self.add_turn(caller, conversation, turn, preview=preview, extra_writes=extra_writes, cut=cut)

    def save_summary(
        self, caller: str, conversation: ConversationItem, summary: str, summarized_through: int
    ) -> ConversationItem:
        """Replaces the summary. Raises `StaleWriteError` when it, or a message, was replaced since `conversation` was
        read."""
        item = self._update(
            _key(caller, conversation.id),
            {"summary": summary, "reachesTo": summarized_through},
            condition=f"attribute_not_exists(deleted) AND reachesTo = :before AND {NOTHING_REMOVED}",
            values={":before": conversation.summarized_through, ":removed": conversation.removed_count},
        )
        return _from_item(item)

    def set_title(self, caller: str, conversation: ConversationItem, title: str) -> None:
        """Sets a missing title. Raises `StaleWriteError` when there is one, or a message was replaced."""
        self._update(
            _key(caller, conversation.id),
            {"title": title, "titleGenerated": True},
            condition=f"{LIVE} AND attribute_not_exists(title) AND {NOTHING_REMOVED}",
            values={":removed": conversation.removed_count},
        )

    def messages(
        self, caller: str, conversation: ConversationItem, after: int = 0, limit: int | None = None
    ) -> dict[int, MessageItem]:
        """The messages after that number, oldest first."""
        messages: dict[int, MessageItem] = {}
        cursor: str | None = _number(after)
        while cursor is not None and (limit is None or len(messages) < limit):
            partition = _messages_partition(caller, conversation.id)
            page = self._query(partition, limit=limit, cursor=cursor, forward=True, consistent=True)
            messages |= {n: message for n, message in _numbered(page.items) if not conversation.is_removed(n)}
            cursor = page.cursor
        return dict(list(messages.items())[:limit])

    def message_page(
        self, caller: str, conversation: ConversationItem, limit: int, cursor: str | None
    ) -> tuple[list[MessageItem], str | None]:
        """The messages of the conversation as it was read, newest first, and the cursor of the next page if any."""
        check_cursor(cursor, NUMBER)
        listed: list[MessageItem] = []
        while True:
            # Reads on to replace removed ones, so that only the last page is short.
            partition = _messages_partition(caller, conversation.id)
            page = self._query(partition, limit=limit - len(listed), cursor=cursor, consistent=True)
            listed += [
                message
                for number, message in _numbered(page.items)
                if number <= conversation.last_number and not conversation.is_removed(number)
            ]
            cursor = page.cursor
            if cursor is None or len(listed) == limit:
                return listed, cursor

    def find_message(
        self, caller: str, conversation: ConversationItem, message_id: str
    ) -> tuple[int, MessageItem] | None:
        """The message with its number. Reads all newer ones."""
        cursor: str | None = None
        while True:
            page = self._query(_messages_partition(caller, conversation.id), cursor=cursor, consistent=True)
            for number, message in _numbered(page.items):
                if message.id == message_id and not conversation.is_removed(number):
                    return number, message
            cursor = page.cursor
            if cursor is None:
                return None

    def rate(self, caller: str, conversation_id: str, number: int, feedback: StoredFeedback) -> None:
        """Stores the feedback with its message. Raises `NotFound` when the message was deleted."""
        key = item_key(_messages_partition(caller, conversation_id), _number(number))
        changes = {"feedback": msgspec.json.encode(feedback)}
        try:
            self._update(key, changes, condition="attribute_exists(pk)")
        except StaleWriteError:
            raise NotFound(NOT_FOUND) from None

    def removed_messages(self, caller: str, conversation: ConversationItem) -> dict[int, MessageItem]:
        """The messages that were replaced and still exist."""
        partition = _messages_partition(caller, conversation.id)
        messages: dict[int, MessageItem] = {}
        for first, last in conversation.removed:
            between = _number(first), _number(last)
            cursor: str | None = _number(first - 1)
            while cursor is not None:
                page = self._query(partition, cursor=cursor, between=between, forward=True, consistent=True)
                messages |= _numbered(page.items)
                cursor = page.cursor
        return messages

    def purge(self, caller: str, conversation: ConversationItem, numbers: Sequence[int]) -> None:
        """Deletes replaced messages, then their numbers. Raises `StaleWriteError` when more were replaced since
        `conversation` was read, and `Unavailable` when DynamoDB leaves some: to be repeated."""
        partition = _messages_partition(caller, conversation.id)
        self._delete_items([item_key(partition, _number(number)) for number in numbers])
        self._update(
            _key(caller, conversation.id),
            {"removed": []},
            condition=f"attribute_exists(pk) AND {NOTHING_REMOVED}",
            values={":removed": conversation.removed_count},
        )

    def delete_messages(self, caller: str, conversation_id: str) -> int:
        """Deletes all messages. Returns how many there were. Raises `Unavailable` when DynamoDB leaves some: to be
        repeated."""
        partition = _messages_partition(caller, conversation_id)
        cursor: str | None = None
        count = 0
        while True:
            page = self._query(partition, cursor=cursor, forward=True, consistent=True)
            keys = [item_key(partition, item["sk"]["S"]) for item in page.items]
            self._delete_items(keys)
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

    def _delete_items(self, keys: Sequence[Item]) -> None:
        for start in range(0, len(keys), BATCH_SIZE):
            self._delete_batch(keys[start : start + BATCH_SIZE])

    def _delete_batch(self, keys: Sequence[Item]) -> None:
        requests = [{"DeleteRequest": {"Key": key}} for key in keys]
        with aws.store_errors():
            answer = self._dynamodb.batch_write_item(RequestItems={self._table: requests})
        if answer.get("UnprocessedItems"):
            raise aws.store_unavailable("UnprocessedItems")


def without_summary(conversation: ConversationItem) -> ConversationItem:
    """The conversation as if it had no summary yet."""
    return msgspec.structs.replace(conversation, summary=None, summarized_through=0)


def _added_turn(
    conversation: ConversationItem, turn: tuple[MessageItem, MessageItem], preview: str, cut: Cut | None
) -> dict[str, Any]:
    """The update of a conversation that gets a turn."""
    count = conversation.message_count - (cut.count if cut else 0)
    changes: dict[str, Any] = {
        "messageCount": count + len(turn),
        "updatedAt": turn[-1].created_at,
        "opening": preview if count == 0 else None,
    }
    condition = f"{LIVE} AND messageCount = :before AND {NOTHING_REMOVED}"
    values = {":before": conversation.message_count, ":removed": conversation.removed_count}
    if cut is None:
        return update_arguments(changes, condition=condition, values=values)
    changes |= {
        "removedCount": conversation.removed_count + cut.count,
        "removed": [list(pair) for pair in _with_removed(conversation.removed, cut.first, conversation.last_number)],
        "summary": conversation.summary,
        "reachesTo": conversation.summarized_through,
    }
    # Both are about messages that no longer exist.
    remove = ["summary"] if conversation.summary is None else []
    remove += ["title", "titleGenerated"] if count == 0 and conversation.title_generated else []
    condition += " AND reachesTo = :reached"
    values[":reached"] = cut.summarized_through
    return update_arguments(changes, condition=condition, values=values, remove=remove)


def _with_removed(removed: Sequence[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """The ranges with another one after them, joined with those in it and the one that ends before it."""
    kept = [pair for pair in removed if pair[0] < first]
    if kept and kept[-1][1] >= first - 1:
        first = kept.pop()[0]
    return [*kept, (first, last)]


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


def _numbered(items: Iterable[Item]) -> Iterator[tuple[int, MessageItem]]:
    for item in items:
        yield int(item["sk"]["S"]), _message(item)


def _message(item: Item) -> MessageItem:
    message = msgspec.json.decode(item["record"]["B"], type=MessageItem)
    if "feedback" not in item:
        return message
    feedback = msgspec.json.decode(item["feedback"]["B"], type=StoredFeedback)
    return msgspec.structs.replace(message, feedback=feedback)
