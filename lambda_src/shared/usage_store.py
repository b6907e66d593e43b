"""What callers used of the models: one item for each caller, day (UTC), use case, model and team.

Items: `usage#<month>`, `<digest of the caller>#<day>#<use case>#<model>#<team>`. So a month's report reads one
partition, and a caller's own one range of it. The digest is as long for every caller: no caller's range can contain
another's, whatever characters its id has.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.context import ModelUse
from lambda_src.shared.errors import ApiError
from lambda_src.shared.observability import logger
from lambda_src.shared.table import Item, Table, from_item, item_key, to_attribute

# Amounts of money are whole billionths of a dollar: sums of them are exact, and a token costs at least some.
NANODOLLARS = 1_000_000_000
# A year, and a month to look at it.
KEPT_DAYS = 400


class UsageAmounts(msgspec.Struct, frozen=True, rename="camel"):
    """Sums. `unpriced_calls` are calls of models whose price is unknown; `nanodollars` has the others' cost."""

    requests: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    unpriced_calls: int = 0
    nanodollars: int = 0

    def plus(self, other: "UsageAmounts") -> "UsageAmounts":
        names = self.__struct_fields__
        return UsageAmounts(*(getattr(self, name) + getattr(other, name) for name in names))


class UsageRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One item. `day` is ISO 8601; `name` the caller's display name, where a stage has them."""

    caller: str
    day: str
    use_case: str
    model: str
    team: str | None = None
    name: str | None = None
    amounts: UsageAmounts


class UsageStore(Table):
    """The stage's table of usage."""

    def add(self, row: UsageRow) -> None:
        """Adds the amounts of one request to the item. Not repeated on failure, unless by botocore."""
        amounts = {name: value for name, value in msgspec.to_builtins(row.amounts).items() if value}
        about = {
            "caller": row.caller,
            "day": row.day,
            "useCase": row.use_case,
            "model": row.model,
            "team": row.team,
            "name": row.name,
            "expiresAt": _end_of(row.day),
        }
        about = {name: value for name, value in about.items() if value is not None}
        values = {**amounts, **about}
        self._call(
            "update_item",
            Key=item_key(
                _partition(row.day), f"{_range(row.caller, row.day)}#{row.use_case}#{row.model}#{row.team or ''}"
            ),
            UpdateExpression=(
                f"SET {', '.join(f'#{name} = :{name}' for name in about)} "
                f"ADD {', '.join(f'#{name} :{name}' for name in amounts)}"
            ),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": to_attribute(value) for name, value in values.items()},
        )

    def record(self, rows: Iterable[UsageRow], request_id: str) -> None:
        """Adds all rows. The work is done and paid for: a store that fails must neither withhold nor repeat it."""
        try:
            for row in rows:
                self.add(row)
        except ApiError as error:
            logger.warning("use not recorded", request_id=request_id, error=type(error).__name__)

    def rows(self, first: date, last: date, caller: str | None = None) -> Iterator[UsageRow]:
        """The items of these days, of one caller or all. Raises `Unavailable`."""
        for month in _months(first, last):
            start, end = max(first, month).isoformat(), min(last, _next_month(month) - timedelta(days=1)).isoformat()
            # `$` is the character after `#`: the range includes all of the last day.
            between = (_range(caller, start), f"{_range(caller, end)}$") if caller is not None else None
            for item in self._items(_partition(start), between):
                row = _row(item)
                if start <= row.day <= end:
                    yield row


def usage_rows(
    uses: Iterable[ModelUse],
    *,
    caller: str,
    use_case: str,
    now: float,
    team: str | None = None,
    name: str | None = None,
    background: bool = False,
) -> list[UsageRow]:
    """What one request used, at `now`, in seconds since 1970. It is counted with its first model, and work in the
    background not at all."""
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    called = [use for use in uses if use.calls]
    return [
        UsageRow(
            caller=caller,
            day=day,
            use_case=use_case,
            model=use.invocation.id,
            team=team,
            name=name,
            amounts=UsageAmounts(
                requests=0 if number or background else 1,
                calls=use.calls,
                input_tokens=use.input_tokens,
                output_tokens=use.output_tokens,
                images=use.images,
                # Calls that failed before Bedrock reported anything have no cost, with or without a price.
                unpriced_calls=use.calls if use.counted and use.estimated_cost is None else 0,
                nanodollars=nanodollars(use.estimated_cost or 0),
            ),
        )
        for number, use in enumerate(called)
    ]


def nanodollars(dollars: float) -> int:
    """Whole billionths of a dollar."""
    return round(dollars * NANODOLLARS)


def _row(item: Item) -> UsageRow:
    values: dict[str, Any] = from_item(item)
    return msgspec.convert({**values, "amounts": values}, UsageRow)


def _partition(day: str) -> str:
    return f"usage#{day[:7]}"


def _range(caller: str, day: str) -> str:
    return f"{caller_namespace(caller)}#{day}"


def _end_of(day: str) -> int:
    return int((datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=KEPT_DAYS)).timestamp())


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = _next_month(month)


def _next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)
