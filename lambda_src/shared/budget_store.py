"""What is used and reserved of budgets: one item for each budget, owner and window.

Its number `committed` is the sum of what was used and what is reserved, because a condition can compare one number but
not add two. A reservation is an attribute of the item, `hold-<id>`: its amount, and when it lapses. It is short, since
writes are billed by the item's size. Those of killed requests are removed by the first request that finds no room.

Each budget is one UpdateItem, not a part of a transaction: transactions that meet in an item, such as the stage's,
cancel each other, while single updates wait for each other. What a refused request reserved of other budgets it gives
back; if it is killed before, that lapses.

The partition `overrides` has the limits that administrators set for single callers or teams, or the stage.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from lambda_src.shared.settings import BudgetOf, BudgetPer, Every
from lambda_src.shared.table import Item, StaleWriteError, Table, from_item, item_key, to_attribute

_PREFIX = "hold-"
# Removed at once. An expression has up to 4 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MAX_REMOVED = 50
PER_MILLE = 1000
_OVERRIDES = "overrides"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation of `amount`, in whole units, of a budget of `limit`. Times are seconds since 1970.

    It lapses at `lapses_at`. `expires_at` is the item's time to live. A partition may contain any text.
    """

    id: str
    partition: str
    sort: str
    amount: int
    limit: int
    lapses_at: int
    expires_at: int

    @property
    def attribute(self) -> str:
        return _PREFIX + self.id

    @property
    def key(self) -> Item:
        return item_key(self.partition, self.sort)


class Standing(msgspec.Struct, frozen=True):
    """What is used and reserved of a budget in one window, and the share, per mille, that an event was sent for.

    `reserved`: whether a reservation had room.
    """

    committed: int = 0
    warned: int = 0
    reserved: bool = True


class BudgetOverride(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The limit of one caller or team, or the stage, in place of the settings' limit. Times are seconds since 1970.

    `owner` is the caller's id or the team's name; None for the stage.
    """

    id: str
    per: BudgetPer
    of: BudgetOf
    every: Every
    owner: str | None = None
    limit: float
    until: int | None = None
    reason: str | None = None
    created_at: int
    created_by: str

    @property
    def partition(self) -> str:
        return f"{self.per}#{self.owner}" if self.owner is not None else self.per

    def applies(self, now: float) -> bool:
        """Whether it has not ended."""
        return self.until is None or now < self.until


class BudgetStore(Table):
    """The stage's table of budgets."""

    def __init__(self, name: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(name, client, now)

    def overrides(self) -> list[BudgetOverride]:
        """All of them, also those that have ended. Raises `Unavailable`."""
        return [msgspec.json.decode(item["record"]["B"], type=BudgetOverride) for item in self._items(_OVERRIDES)]

    def put_override(self, override: BudgetOverride) -> None:
        """Replaces the one with the same id. Raises `Unavailable`."""
        ends = {} if override.until is None else {"expiresAt": to_attribute(override.until)}
        record = {"record": {"B": msgspec.json.encode(override)}}
        self._call("put_item", Item={**item_key(_OVERRIDES, override.id), **record, **ends})

    def delete_override(self, override_id: str) -> None:
        """Does nothing when there is none. Raises `Unavailable`."""
        self._call("delete_item", Key=item_key(_OVERRIDES, override_id))

    def standing(self, partition: str, sort: str) -> Standing:
        """That of the item, lapsed reservations included. Raises `Unavailable`."""
        return _standing(self._get(item_key(partition, sort)) or {})

    def reserve(self, hold: Hold) -> Standing:
        """Makes the reservation if the budget has room for it."""
        item = self._try_reserve(hold)
        if item is None:
            return Standing()
        lapsed = _lapsed(item, self._now())
        if not lapsed:
            return _standing(item, reserved=False)
        # Fails when another request removes them: then there is room all the same.
        with suppress(StaleWriteError):
            self._remove(hold.key, lapsed)
        item = self._try_reserve(hold)
        return Standing() if item is None else _standing(item, reserved=False)

    def mark_warned(self, hold: Hold, share: int) -> bool:
        """Whether this call is the first for a share, per mille, of this budget and window."""
        try:
            self._write_if(
                "update_item",
                Key=hold.key,
                UpdateExpression="SET warned = :share",
                ExpressionAttributeValues={":share": to_attribute(share)},
                ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(warned) OR warned < :share)",
            )
        except StaleWriteError:
            return False
        return True

    def settle(self, hold: Hold, used: int) -> Standing:
        """Replaces the reservation with what was used."""
        try:
            return self._change(
                hold.key,
                "ADD #committed :change REMOVE #hold",
                values={":change": used - hold.amount},
                names={"#hold": hold.attribute},
                condition="attribute_exists(#hold)",
            )
        except StaleWriteError:
            # It lapsed and was removed; before it can have, botocore has repeated a write whose answer was lost.
            if self._now() < hold.lapses_at:
                return Standing()
            return self._change(
                hold.key,
                "SET expiresAt = :expires ADD #committed :used",
                values={":used": used, ":expires": hold.expires_at},
            )

    def _try_reserve(self, hold: Hold) -> Item | None:
        """Makes the reservation; otherwise, the item, which has no room."""
        try:
            self._change(
                hold.key,
                "SET #hold = :hold, expiresAt = :expires ADD #committed :amount",
                values={
                    ":hold": [hold.amount, hold.lapses_at],
                    ":expires": hold.expires_at,
                    ":amount": hold.amount,
                    ":room": hold.limit - hold.amount,
                },
                names={"#hold": hold.attribute},
                condition="attribute_not_exists(#hold) AND (attribute_not_exists(#committed) OR #committed <= :room)",
            )
        except StaleWriteError as error:
            # botocore may repeat a write whose answer was lost.
            return None if hold.attribute in error.item else error.item
        return None

    def _remove(self, key: Item, lapsed: Mapping[str, int]) -> None:
        """Removes reservations by attribute, with their amounts. Raises `StaleWriteError` when one is gone."""
        names = {f"#hold{number}": attribute for number, attribute in enumerate(lapsed)}
        self._change(
            key,
            f"ADD #committed :change REMOVE {', '.join(names)}",
            values={":change": -sum(lapsed.values())},
            names=names,
            condition=" AND ".join(f"attribute_exists({name})" for name in names),
        )

    def _change(
        self,
        key: Item,
        update: str,
        *,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        condition: str | None = None,
    ) -> Standing:
        conditional = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        answer = self._write_if(
            "update_item",
            Key=key,
            ReturnValues="ALL_NEW",
            UpdateExpression=update,
            ExpressionAttributeNames={"#committed": "committed", **(names or {})},
            ExpressionAttributeValues={name: to_attribute(value) for name, value in values.items()},
            **(conditional if condition else {}),
        )
        return _standing(answer["Attributes"])


def _standing(item: Item, *, reserved: bool = True) -> Standing:
    values = {name: int(item[name]["N"]) for name in ("committed", "warned") if name in item}
    return Standing(**values, reserved=reserved)


def _lapsed(item: Item, now: float) -> dict[str, int]:
    """The reservations that have lapsed, with their amounts."""
    holds = {name: hold for name, hold in from_item(item).items() if name.startswith(_PREFIX)}
    lapsed = [(name, int(amount)) for name, (amount, lapses_at) in holds.items() if lapses_at <= now]
    return dict(lapsed[:_MAX_REMOVED])
