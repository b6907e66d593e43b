"""What is used and reserved of budgets: one item for each budget, owner and window.

Its number `committed` is the sum of what was used and what is reserved, because a condition can compare one number but
not add two. A reservation is an attribute of the item, `hold-<id>`: its amount, and when it lapses. It is short, since
writes are billed by the item's size. Those of killed requests are removed by the first request that finds no room.

Each budget is one UpdateItem, not a part of a transaction: transactions that meet in an item, such as the stage's,
cancel each other, while single updates wait for each other. What a refused request reserved of other budgets it gives
back; if it is killed before, that lapses.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from lambda_src.shared.table import Item, StaleWriteError, Table, from_item, item_key, to_attribute

_PREFIX = "hold-"
# Removed at once. An expression has up to 4 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MAX_REMOVED = 50


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


class BudgetStore(Table):
    """The stage's table of budgets."""

    def __init__(self, name: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(name, client, now)

    def reserve(self, hold: Hold) -> bool:
        """Whether the budget has room for the reservation, which is then made."""
        item = self._try_reserve(hold)
        if item is None:
            return True
        lapsed = _lapsed(item, self._now())
        if not lapsed:
            return False
        # Fails when another request removes them: then there is room all the same.
        with suppress(StaleWriteError):
            self._remove(hold.key, lapsed)
        return self._try_reserve(hold) is None

    def settle(self, hold: Hold, used: int) -> None:
        """Replaces the reservation with what was used."""
        try:
            self._change(
                hold.key,
                "ADD #committed :change REMOVE #hold",
                values={":change": used - hold.amount},
                names={"#hold": hold.attribute},
                condition="attribute_exists(#hold)",
            )
        except StaleWriteError:
            # It lapsed and was removed; before it can have, botocore has repeated a write whose answer was lost.
            if self._now() >= hold.lapses_at:
                self._change(
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
    ) -> None:
        conditional = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        self._write_if(
            "update_item",
            Key=key,
            UpdateExpression=update,
            ExpressionAttributeNames={"#committed": "committed", **(names or {})},
            ExpressionAttributeValues={name: to_attribute(value) for name, value in values.items()},
            **(conditional if condition else {}),
        )


def _lapsed(item: Item, now: float) -> dict[str, int]:
    """The reservations that have lapsed, with their amounts."""
    holds = {name: hold for name, hold in from_item(item).items() if name.startswith(_PREFIX)}
    lapsed = [(name, int(amount)) for name, (amount, lapses_at) in holds.items() if lapses_at <= now]
    return dict(lapsed[:_MAX_REMOVED])
