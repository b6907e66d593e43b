"""The base of what is stored in DynamoDB: items by partition key `pk` and sort key `sk`, errors as `ApiError`.

`expiresAt` (seconds since 1970) is the table's time to live. DynamoDB deletes up to two days late, so readers compare
it themselves.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from lambda_src.shared import aws
from lambda_src.shared.errors import InvalidRequest, Unavailable

Item = dict[str, dict[str, Any]]

CONFLICT_BACKOFF_SECONDS = (0.05, 0.2)
# A UUID, the sort key of what is listed.
CURSOR = re.compile(r"[0-9a-f-]{36}")


class StaleWriteError(Exception):
    """The condition of a write does not hold: the item has changed since it was read.

    `item` is the stored one if the write asked for it.
    """

    def __init__(self, item: Item | None = None) -> None:
        super().__init__()
        self.item: Item = item or {}


class ItemFullError(Unavailable):
    """An item would have more than DynamoDB's 400 KB."""


class ItemPage(msgspec.Struct, frozen=True):
    """`cursor` is the sort key to continue after; None at the end."""

    items: list[Item]
    cursor: str | None


class Table:
    """One table."""

    def __init__(
        self,
        name: str,
        client: Any = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = name
        self._dynamodb = client or aws.store_client("dynamodb")
        self._now = now
        self._sleep = sleep

    def _get(self, key: Item) -> Item | None:
        item: Item | None = self._call("get_item", Key=key, ConsistentRead=True).get("Item")
        return item

    def _query(
        self,
        partition: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        forward: bool = False,
        consistent: bool = False,
        between: tuple[str, str] | None = None,
    ) -> ItemPage:
        """Items of a partition, by sort key. A page holds `limit` items, or as many as DynamoDB reads at once.

        `between` are the first and the last sort key.
        """
        options: dict[str, Any] = {"ScanIndexForward": forward, "ConsistentRead": consistent}
        if limit is not None:
            options["Limit"] = limit
        if cursor is not None:
            options["ExclusiveStartKey"] = item_key(partition, cursor)
        condition, values = "pk = :pk", {":pk": {"S": partition}}
        if between is not None:
            condition += " AND sk BETWEEN :first AND :last"
            values |= {":first": {"S": between[0]}, ":last": {"S": between[1]}}
        answer = self._call("query", KeyConditionExpression=condition, ExpressionAttributeValues=values, **options)
        last = answer.get("LastEvaluatedKey")
        return ItemPage(answer["Items"], last["sk"]["S"] if last else None)

    def _items(
        self, partition: str, between: tuple[str, str] | None = None, *, consistent: bool = False
    ) -> Iterator[Item]:
        """All items of a partition, or those between two sort keys, in their order."""
        cursor: str | None = None
        while True:
            page = self._query(partition, cursor=cursor, between=between, forward=True, consistent=consistent)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def _update(self, key: Item, changes: Mapping[str, Any], **arguments: Any) -> Item:
        """The item after `update_arguments(changes, ...)`. Raises `StaleWriteError`."""
        item: Item = self._write_if(
            "update_item", Key=key, ReturnValues="ALL_NEW", **update_arguments(changes, **arguments)
        )["Attributes"]
        return item

    def _write_if(self, operation: str, **arguments: Any) -> Any:
        """A conditional write. Raises `StaleWriteError` when its condition does not hold."""
        with aws.store_errors():
            try:
                return getattr(self._dynamodb, operation)(TableName=self._table, **arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    raise StaleWriteError(error.response.get("Item")) from error
                raise

    def _transact(self, writes: Sequence[dict[str, Any]]) -> list[str]:
        """All of the writes or none. Returns the reason for each write if none was made, else an empty list.

        Writes that collide with another transaction are retried: the work that they store is already paid for.
        """
        for backoff in (*CONFLICT_BACKOFF_SECONDS, None):
            reasons = self._try_transaction(writes)
            if backoff is None or "TransactionConflict" not in reasons or "ConditionalCheckFailed" in reasons:
                return reasons
            self._sleep(backoff)
        raise AssertionError("unreachable")

    def _try_transaction(self, writes: Sequence[dict[str, Any]]) -> list[str]:
        """botocore sends an idempotency token with each call, so its own retries do not write twice.

        Raises `ItemFullError`.
        """
        with aws.store_errors():
            try:
                self._dynamodb.transact_write_items(TransactItems=writes)
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionCanceledException":
                    raise
                reasons: list[str] = [reason["Code"] for reason in error.response["CancellationReasons"]]
                if "ValidationError" in reasons:
                    # The size of an item is all that is only known when it is written.
                    raise ItemFullError("The store cannot take more of this.") from error
                if not {*reasons} <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                    raise
                return reasons
        return []

    def _call(self, operation: str, **arguments: Any) -> Any:
        with aws.store_errors():
            return getattr(self._dynamodb, operation)(TableName=self._table, **arguments)


def item_key(partition: str, sort: str) -> Item:
    """An item's primary key."""
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def check_cursor(cursor: str | None, pattern: re.Pattern[str] = CURSOR) -> None:
    """Raises `InvalidRequest` for a list's cursor of the wrong form."""
    if cursor is not None and not pattern.fullmatch(cursor):
        raise InvalidRequest.at("query.cursor", "not a cursor of this list")


def update_arguments(
    changes: Mapping[str, Any],
    *,
    condition: str,
    values: Mapping[str, Any] | None = None,
    names: Iterable[str] = (),
    remove: Iterable[str] = (),
) -> dict[str, Any]:
    """Arguments of an UpdateItem that sets `changes` without those that are None, and removes attributes.

    In `condition`, `values` are its placeholders with their colon, and `#name` stands for the attribute `name` of
    `changes` or `names`.
    """
    changes = {name: value for name, value in changes.items() if value is not None}
    assignments = ", ".join(f"#{name} = :set_{name}" for name in changes)
    removed = ", ".join(remove)
    return {
        "UpdateExpression": f"SET {assignments} REMOVE {removed}" if removed else f"SET {assignments}",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*changes, *names)},
        "ExpressionAttributeValues": {
            **{f":set_{name}": to_attribute(value) for name, value in changes.items()},
            **{name: to_attribute(value) for name, value in (values or {}).items()},
        },
    }


def to_item(fields: Mapping[str, Any]) -> Item:
    """Attributes of plain values, without those that are None."""
    return {name: to_attribute(value) for name, value in fields.items() if value is not None}


def to_attribute(value: Any) -> dict[str, Any]:
    """DynamoDB's form of a string, boolean, integer, bytes, list or dictionary."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, list):
        return {"L": [to_attribute(element) for element in value]}
    if isinstance(value, dict):
        return {"M": {name: to_attribute(element) for name, element in value.items()}}
    return {"S": value}


def from_item(item: Item) -> dict[str, Any]:
    """The plain values of an item."""
    return {name: _from_attribute(attribute) for name, attribute in item.items()}


def _from_attribute(attribute: dict[str, Any]) -> Any:
    ((data_type, content),) = attribute.items()
    if data_type == "N":
        return int(content)
    if data_type == "L":
        return [_from_attribute(element) for element in content]
    if data_type == "M":
        return from_item(content)
    return content
