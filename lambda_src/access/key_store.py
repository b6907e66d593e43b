"""API keys in the table: one partition, the key's id as sort key.

Items: `pk` (`keys`), `sk`, `record` (JSON bytes), `expiresAt` (when an ended key is forgotten).
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.shared.errors import Conflict, NotFound
from lambda_src.shared.table import StaleWriteError, Table, check_cursor, item_key

PARTITION = "keys"
# After its end, so that an administrator can still see whose it was.
KEPT_SECONDS = 90 * 24 * 3600


class FormerSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret before a rotation, and until when it works."""

    digest: bytes
    until: int


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One key. Times are seconds since 1970. `use_cases`, `models`: None for all."""

    id: str
    name: str
    owner: str
    digest: bytes
    created_at: int
    created_by: str
    expires_at: int
    team: str | None = None
    groups: tuple[str, ...] = ()
    use_cases: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    rotated_at: int | None = None
    former: tuple[FormerSecret, ...] = ()
    revoked_at: int | None = None

    def works(self, now: float) -> bool:
        """Whether the key has not ended."""
        return self.revoked_at is None and now < self.expires_at

    def digests(self, now: float) -> tuple[bytes, ...]:
        """Those of the secrets that work."""
        if not self.works(now):
            return ()
        return (self.digest, *(secret.digest for secret in self.overlapping(now)))

    def overlapping(self, now: float) -> tuple[FormerSecret, ...]:
        """The former secrets whose time has not ended."""
        return tuple(secret for secret in self.former if now < secret.until)


class KeyStore(Table):
    """The keys of a stage. All methods raise `Unavailable`."""

    def __init__(self, table: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(table, client, now)

    def create(self, record: KeyRecord) -> None:
        self._call("put_item", Item=self._item(record), ConditionExpression="attribute_not_exists(pk)")

    def find(self, key_id: str) -> KeyRecord | None:
        item = self._get(item_key(PARTITION, key_id))
        return _record(item) if item else None

    def get(self, key_id: str) -> KeyRecord:
        """Raises `NotFound`."""
        record = self.find(key_id)
        if record is None:
            raise NotFound("There is no key with this id.")
        return record

    def page(self, limit: int, cursor: str | None) -> tuple[list[KeyRecord], str | None]:
        """Newest first, and the cursor of the next page if there is one."""
        check_cursor(cursor)
        page = self._query(PARTITION, limit=limit, cursor=cursor)
        return [_record(item) for item in page.items], page.cursor

    def replace(self, old: KeyRecord, new: KeyRecord) -> None:
        """Raises `Conflict` when the key is no longer as it was read."""
        try:
            self._write_if(
                "put_item",
                Item=self._item(new),
                ConditionExpression="#record = :old",
                ExpressionAttributeNames={"#record": "record"},
                ExpressionAttributeValues={":old": {"B": msgspec.json.encode(old)}},
            )
        except StaleWriteError as error:
            raise Conflict("The key was changed at the same time. Try again.") from error

    def _item(self, record: KeyRecord) -> dict[str, Any]:
        ended_at = record.expires_at if record.revoked_at is None else record.revoked_at
        return {
            **item_key(PARTITION, record.id),
            "record": {"B": msgspec.json.encode(record)},
            "expiresAt": {"N": str(ended_at + KEPT_SECONDS)},
        }


def _record(item: dict[str, Any]) -> KeyRecord:
    return msgspec.json.decode(item["record"]["B"], type=KeyRecord)
