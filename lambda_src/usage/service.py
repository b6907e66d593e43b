"""The operations of usage's route table."""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import MAXYEAR, UTC, date, datetime
from typing import Any

from msgspec import UNSET

from lambda_src.shared.budget_store import BudgetOverride, BudgetStore
from lambda_src.shared.budgets import Budgets, window_at
from lambda_src.shared.context import Context
from lambda_src.shared.errors import InvalidRequest
from lambda_src.shared.ids import timestamp
from lambda_src.shared.observability import logger
from lambda_src.shared.routes import Csv
from lambda_src.shared.usage_store import NANODOLLARS, UsageRow, UsageStore
from lambda_src.usage.models import (
    AllUsageQuery,
    BudgetList,
    BudgetSetting,
    BudgetState,
    BudgetStates,
    CreateOverride,
    Override,
    OverrideAnswer,
    UsageQuery,
    UsageReport,
)
from lambda_src.usage.reports import as_csv, parse_groups, summed
from lambda_src.usage.settings import UsageSettings

# A quarter. A stage's rows of a longer time may not be read before the gateway's time is up.
MAX_DAYS = 92
# Half of what Lambda returns at most, 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ROWS = 10_000


class UsageService:
    """The operations of usage's route table. Every change of a limit is a line of the log."""

    def __init__(
        self,
        settings: UsageSettings,
        usage: UsageStore | None = None,
        store: BudgetStore | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` returns the seconds since 1970."""
        self._settings = settings
        self._usage = usage or UsageStore(settings.usage_table)
        self._store = store or BudgetStore(settings.budgets_table)
        self._budgets = Budgets(settings, self._store, now, self._usage)
        self._now = now

    def own_usage(self, context: Context, *, query: UsageQuery) -> UsageReport | Csv:
        """What the caller used. Raises `InvalidRequest`, and `DeadlineExceeded` when there is too much to read."""
        return self._report(context, query, context.caller, lambda row: True)

    def all_usage(self, context: Context, *, query: AllUsageQuery) -> UsageReport | Csv:
        """What everyone used, or one caller, team, use case or model. Raises as `own_usage`."""

        def matches(row: UsageRow) -> bool:
            wanted = ((query.team, row.team), (query.use_case, row.use_case), (query.model, row.model))
            return all(value is None or value == of_row for value, of_row in wanted)

        return self._report(context, query, query.caller, matches)

    def own_budgets(self, context: Context) -> BudgetStates:
        """The budgets that apply to the caller, with its own limits."""
        now = self._now()
        items = []
        for budget, partition in self._budgets.of(context, now):
            used = self._budgets.standing(budget, partition, now).committed
            items.append(
                BudgetState(
                    per=budget.per,
                    of=budget.of,
                    every=budget.every,
                    limit=budget.limit,
                    used=used / NANODOLLARS if budget.of == "usd" else used,
                    until=timestamp(window_at(budget.every, now).end.timestamp()),
                )
            )
        return BudgetStates(items=items, request_id=context.request_id)

    def list_budgets(self, context: Context) -> BudgetList:
        """The budgets of the settings, and the limits that replace theirs and have not ended."""
        now = self._now()
        budgets = [
            BudgetSetting(per=each.per, of=each.of, every=each.every, limit=each.limit, warn=list(each.warn))
            for each in self._settings.budgets
        ]
        # A stage that only records use has no table of budgets.
        overrides = self._store.overrides() if budgets else []
        return BudgetList(
            budgets=budgets,
            overrides=[Override(**_fields(each)) for each in overrides if each.applies(now)],
            request_id=context.request_id,
        )

    def create_override(self, context: Context, *, body: CreateOverride) -> OverrideAnswer:
        """Raises `InvalidRequest` for a budget that the settings do not have, and for a wrong owner, limit or time."""
        self._check(body)
        override = BudgetOverride(
            id=_override_id(body),
            per=body.per,
            of=body.of,
            every=body.every,
            owner=body.owner,
            limit=body.limit,
            until=int(body.until.timestamp()) if body.until else None,
            reason=body.reason,
            created_at=int(self._now()),
            created_by=context.caller,
        )
        self._store.put_override(override)
        _log("limit changed", context, override.id, per=body.per, of=body.of, every=body.every, limit=body.limit)
        return OverrideAnswer(**_fields(override), request_id=context.request_id)

    def delete_override(self, context: Context, *, id: str) -> None:
        """A second time changes nothing."""
        if self._settings.budgets:
            self._store.delete_override(id)
        _log("limit restored", context, id)

    def _report(
        self, context: Context, query: UsageQuery, caller: str | None, matches: Callable[[UsageRow], bool]
    ) -> UsageReport | Csv:
        groups = parse_groups(query.group_by)
        first, last = self._days(query)
        rows = _in_time(self._usage.rows(first, last, caller), context)
        items, total = summed(filter(matches, rows), groups)
        if len(items) > MAX_ROWS:
            problem = f"{len(items):,} rows, more than {MAX_ROWS:,}: group by less, or ask for fewer days"
            raise InvalidRequest.at("query.groupBy", problem)
        if query.format == "csv":
            return Csv(as_csv(items, groups))
        return UsageReport(
            first=first.isoformat(), last=last.isoformat(), items=items, total=total, request_id=context.request_id
        )

    def _days(self, query: UsageQuery) -> tuple[date, date]:
        last = query.last or datetime.fromtimestamp(self._now(), UTC).date()
        first = query.first or last.replace(day=1)
        if last.year == MAXYEAR:
            # There are no days after its last month.
            raise InvalidRequest.at("query.to", f"must be before the year {MAXYEAR}")
        if first > last:
            raise InvalidRequest.at("query.from", f"after the last day, {last}")
        if (last - first).days >= MAX_DAYS:
            raise InvalidRequest.at("query.from", f"more than {MAX_DAYS} days before the last one, {last}")
        return first, last

    def _check(self, body: CreateOverride) -> None:
        settings = [(each.per, each.of, each.every) for each in self._settings.budgets]
        if (body.per, body.of, body.every) not in settings:
            problem = (
                f"the settings have no budget of {body.of} per {body.per} and {body.every} to replace the limit of"
            )
            raise InvalidRequest.at("body", problem)
        if (body.owner is None) != (body.per == "stage"):
            problem = "must be left out for the stage" if body.owner else f"is required for a {body.per}"
            raise InvalidRequest.at("body.owner", problem)
        if body.of != "usd" and not body.limit.is_integer():
            raise InvalidRequest.at("body.limit", "must be a whole number")
        if body.until and body.until.timestamp() <= self._now():
            raise InvalidRequest.at("body.until", "is in the past")
        if body.until and body.until.year == MAXYEAR:
            # In UTC it may be in a year that no timestamp has.
            raise InvalidRequest.at("body.until", f"must be before the year {MAXYEAR}; leave it out for no end")


def _in_time(rows: Iterator[UsageRow], context: Context) -> Iterator[UsageRow]:
    for row in rows:
        context.deadline.require(1)
        yield row


def _override_id(body: CreateOverride) -> str:
    """One for each budget and owner."""
    digest = hashlib.sha256("\n".join((body.per, body.of, body.every, body.owner or "")).encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


def _fields(override: BudgetOverride) -> dict[str, Any]:
    return {
        "id": override.id,
        "per": override.per,
        "of": override.of,
        "every": override.every,
        "owner": override.owner if override.owner is not None else UNSET,
        "limit": override.limit,
        "until": timestamp(override.until) if override.until is not None else UNSET,
        "reason": override.reason or UNSET,
        "created_at": timestamp(override.created_at),
        "created_by": override.created_by,
    }


def _log(message: str, context: Context, override_id: str, **fields: Any) -> None:
    logger.info(message, request_id=context.request_id, caller=context.caller, override=override_id, **fields)
