"""JSON records of one use case: one partition per caller, the record's id as sort key.

Items: `pk`, `sk`, `record` (JSON bytes), and `expiresAt` where the stage keeps records for some days only.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.shared.errors import NotFound
from lambda_src.shared.table import Item, Table, check_cursor, item_key, to_attribute

_DAY_SECONDS = 24 * 3600


class RecordStore(Table):
    """Records of type `record_type`. `prefix` sets them apart from other items of the table.

    New records expire after `days`; 0: never.
    """

    def __init__(
        self,
        table: str,
        prefix: str,
        record_type: type,
        client: Any = None,
        *,
        days: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(table, client, now)
        self._prefix = prefix
        self._record_type = record_type
        self._days = days

    def put(self, caller: str, record_id: str, record: Any) -> None:
        """Writes a new record. Raises `Unavailable`, also for an id that exists."""
        item = {**self._key(caller, record_id), "record": {"B": msgspec.json.encode(record)}}
        if self._days:
            item["expiresAt"] = to_attribute(int(self._now()) + self._days * _DAY_SECONDS)
        self._call(
            "put_item",
            Item=item,
            ConditionExpression="attribute_not_exists(pk)",
        )

    def get(self, caller: str, record_id: str) -> Any:
        """Raises `NotFound` for an id that is not the caller's, or whose record has expired."""
        return self._record(self._item(caller, record_id))

    def delete(self, caller: str, record_id: str) -> None:
        self._call("delete_item", Key=self._key(caller, record_id))

    def page(self, caller: str, limit: int, cursor: str | None) -> tuple[list[Any], str | None]:
        """The caller's records, newest first, and the cursor of the next page if there is one. A page may be short."""
        check_cursor(cursor)
        page = self._query(self._partition(caller), limit=limit, cursor=cursor)
        return [self._record(item) for item in page.items if not self._expired(item)], page.cursor

    def stored_page(self, caller: str, limit: int, cursor: str | None) -> tuple[list[Any], str | None]:
        """As `page`, with those that have expired and are not deleted yet."""
        page = self._query(self._partition(caller), limit=limit, cursor=cursor)
        return [self._record(item) for item in page.items], page.cursor

    def _item(self, caller: str, record_id: str) -> Item:
        """Raises `NotFound`, as `get` does."""
        item = self._get(self._key(caller, record_id))
        if item is None or self._expired(item):
            raise NotFound("There is nothing of yours with this id.")
        return item

    def _expired(self, item: Item) -> bool:
        return "expiresAt" in item and int(item["expiresAt"]["N"]) <= self._now()

    def _partition(self, caller: str) -> str:
        return f"{self._prefix}#{caller}"

    def _key(self, caller: str, record_id: str) -> Item:
        return item_key(self._partition(caller), record_id)

    def _record(self, item: Item) -> Any:
        return msgspec.json.decode(item["record"]["B"], type=self._record_type)
