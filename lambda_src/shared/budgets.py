"""Budgets: how much callers, teams and the stage may use of the models in a minute, a day or a month (UTC).

A request reserves an estimate of what it will use before it calls a model, and replaces it with what it did use after.
So concurrent requests never exceed a limit together, except by what they use beyond their estimates. What it used is
recorded for reports, too.

Imported only on stages that record use; one without limits among them has no budgets.
"""

import math
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lambda_src.shared import catalog
from lambda_src.shared.budget_events import send_event
from lambda_src.shared.budget_store import PER_MILLE, BudgetOverride, BudgetStore, Hold, Standing
from lambda_src.shared.context import Context, ModelUse, NoReservation
from lambda_src.shared.errors import (
    ApiError,
    BudgetExhausted,
    InvalidRequest,
    ModelUnavailable,
    Refused,
    Throttled,
    Unavailable,
)
from lambda_src.shared.observability import logger
from lambda_src.shared.settings import Budget, Settings
from lambda_src.shared.usage_store import NANODOLLARS, UsageStore, nanodollars, usage_rows

# Fewer than English has (about four), so that other languages are not estimated far too low.
BYTES_PER_TOKEN = 3
# The longest answers of the routes that take no `maxTokens`: reports and letters.
OUTPUT_TOKENS = 2_000
# About the most for one image: https://docs.anthropic.com/en/docs/build-with-claude/vision#evaluate-image-size
PHOTO_TOKENS = 1_600
# A reservation outlasts its invocation by this margin, so that the request no longer runs when it lapses.
LAPSE_MARGIN_SECONDS = 5
# Items are kept for a while after their window, for requests that began in it.
KEPT_SECONDS = 24 * 3600
# How long a process may not know of an administrator's change. As long as the gateway keeps an authorizer's answer.
OVERRIDES_SECONDS = 30
# Bedrock bills nothing for a call that ends with one of them, or the call's answer was counted before.
_NOT_BILLED = (InvalidRequest, ModelUnavailable, Refused, Throttled, Unavailable)
# The narrowest first: a caller without budget left holds nothing of the stage's, not even for a moment.
_ORDER = ("caller", "team", "stage")
_UNITS = {"requests": "requests", "tokens": "tokens", "usd": "USD"}


class Amounts(msgspec.Struct, frozen=True):
    """What a request uses; `usd` is in `NANODOLLARS` of a dollar. The fields are the values of `Budget.of`."""

    requests: int = 0
    tokens: int = 0
    usd: int = 0

    def at_least(self, other: "Amounts") -> "Amounts":
        """The larger of each amount."""
        return Amounts(max(self.requests, other.requests), max(self.tokens, other.tokens), max(self.usd, other.usd))


class Window(msgspec.Struct, frozen=True):
    """A calendar minute, day or month in UTC."""

    start: datetime
    end: datetime


class Reservation(NoReservation):
    """What one request has reserved of its budgets. `record` and `warn` are called when it is settled."""

    def __init__(
        self,
        store: BudgetStore,
        estimate: Amounts,
        record: Callable[[list[ModelUse]], None],
        warn: Callable[[Budget, Hold, Standing], None],
    ) -> None:
        self._store = store
        self.estimate = estimate
        self._record = record
        self._warn = warn
        self._holds: list[tuple[Budget, Hold]] = []

    def add(self, budget: Budget, hold: Hold) -> None:
        """Remembers what was reserved."""
        self._holds.append((budget, hold))

    def settle(self, uses: Iterable[ModelUse], failure: BaseException | None = None) -> None:
        uses = list(uses)
        self._replace(_used(uses, self.estimate, failure))
        self._record(uses)

    def release(self) -> None:
        """Gives back everything: the request was refused."""
        self._replace(Amounts())

    def _replace(self, used: Amounts) -> None:
        """The answer is paid for: a store that fails must not withhold it. What is left reserved lapses."""
        holds, self._holds = self._holds, []
        for budget, hold in holds:
            try:
                self._warn(budget, hold, self._store.settle(hold, getattr(used, budget.of)))
            except ApiError as error:
                logger.warning("budget not settled", per=budget.per, of=budget.of, error=type(error).__name__)


class Budgets:
    """The budgets of a stage, for the requests of one use case."""

    def __init__(
        self,
        settings: Settings,
        store: BudgetStore | None = None,
        now: Callable[[], float] = time.time,
        usage: UsageStore | None = None,
        send: Callable[[str, dict[str, Any]], None] = send_event,
    ) -> None:
        """`send` sends the events of budgets whose use reaches a share of `Budget.warn`."""
        self._settings = settings
        self._budgets = sorted(settings.budgets, key=lambda budget: _ORDER.index(budget.per))
        self._store = store or BudgetStore(settings.budgets_table)
        self._usage = usage or UsageStore(settings.usage_table)
        self._send = send
        self._now = now
        self._overrides: dict[tuple[str, str, str], BudgetOverride] = {}
        self._overrides_until = 0.0
        fallbacks = (model for chain in settings.fallbacks for model in chain)
        self._models = [catalog.resolve(model) for model in dict.fromkeys((*settings.models, *fallbacks))]
        limits = [invocation.model.parameters.get("maxTokens") for invocation in self._models]
        self._longest_answer = max((int(limit.max) for limit in limits if limit), default=OUTPUT_TOKENS)

    def reserve(self, context: Context, arguments: dict[str, Any], seconds: float) -> Reservation:
        """Reserves what the request may use, until `seconds` and a margin from now.

        `arguments` are those of the route's operation. Raises `BudgetExhausted`, and `Unavailable` when the store does
        not answer: without it nobody knows what is left.
        """
        now = self._now()

        def record(uses: list[ModelUse]) -> None:
            self._record(context, uses, now)

        def warn(budget: Budget, hold: Hold, standing: Standing) -> None:
            self._warn(context, budget, hold, standing, now)

        reservation = Reservation(self._store, self.estimate(arguments), record, warn)
        holds = [
            (budget, self._hold(budget, partition, getattr(reservation.estimate, budget.of), now, seconds))
            for budget, partition in self.of(context, now)
        ]
        for budget, hold in holds:
            if hold.limit == 0:
                # Also requests that use nothing of it, such as images of a budget of tokens.
                raise BudgetExhausted(f"{_name(budget)} admits no requests.")
            if hold.amount > hold.limit:
                raise _too_large(budget, hold.amount)
        try:
            for budget, hold in holds:
                standing = self._store.reserve(hold)
                if not standing.reserved:
                    warn(budget, hold, standing)
                    raise _exhausted(budget, now)
                reservation.add(budget, hold)
        except BaseException:
            reservation.release()
            raise
        return reservation

    def of(self, context: Context, now: float) -> list[tuple[Budget, str]]:
        """The budgets that apply to the caller, with its own limits, and the partitions of their items."""
        budgets = []
        for budget in self._budgets:
            if partition := _partition(budget, context):
                override = self._overrides_at(now).get((partition, budget.of, budget.every))
                if override is not None and override.applies(now):
                    budget = msgspec.structs.replace(budget, limit=override.limit)
                budgets.append((budget, partition))
        return budgets

    def standing(self, budget: Budget, partition: str, now: float) -> Standing:
        """What is used and reserved of a budget in its current window."""
        return self._store.standing(partition, _sort_key(budget, window_at(budget.every, now)))

    def estimate(self, arguments: dict[str, Any]) -> Amounts:
        """What a request may use, from its body alone, at the price of the most expensive model of the use case.

        Fallbacks are among them.
        Not in it: what the use case adds to the body, such as passages of documents and earlier messages.
        """
        body = arguments.get("body")
        # A comparison asks several.
        calls = len(getattr(body, "models", ())) or 1
        purpose = self._models[0].model.purpose
        images = getattr(body, "count", 1) if purpose == "image" else 0
        input_tokens = 0 if images else _input_tokens(body)
        output_tokens = self._output_tokens(body) if purpose == "text" else 0
        prices = (
            catalog.cost(invocation, input_tokens=input_tokens, output_tokens=output_tokens, images=images) or 0
            for invocation in self._models
        )
        return Amounts(1, calls * (input_tokens + output_tokens), calls * nanodollars(max(prices)))

    def _output_tokens(self, body: Any) -> int:
        """The service validates `maxTokens` later: here it may be any integer, also a negative one."""
        requested = getattr(getattr(body, "parameters", None), "max_tokens", None)
        return OUTPUT_TOKENS if requested is None else max(0, min(requested, self._longest_answer))

    def _overrides_at(self, now: float) -> dict[tuple[str, str, str], BudgetOverride]:
        """By partition, unit and window. Raises `Unavailable`."""
        if now >= self._overrides_until:
            overrides = self._store.overrides()
            self._overrides = {(each.partition, each.of, each.every): each for each in overrides}
            self._overrides_until = now + OVERRIDES_SECONDS
        return self._overrides

    def _record(self, context: Context, uses: list[ModelUse], now: float) -> None:
        use_case, grant = self._settings.use_case_id, context.grant
        rows = usage_rows(uses, caller=context.caller, use_case=use_case, now=now, team=grant.team, name=grant.name)
        self._usage.record(rows, context.request_id)

    def _warn(self, context: Context, budget: Budget, hold: Hold, standing: Standing, now: float) -> None:
        """Sends an event when use first reaches a share in this window. Never raises an `ApiError`."""
        used = standing.committed if standing.reserved else hold.limit
        share = max((share for share in budget.warn if share * hold.limit <= used), default=0.0)
        if round(share * PER_MILLE) <= standing.warned:
            return
        window = window_at(budget.every, now)
        try:
            if self._store.mark_warned(hold, round(share * PER_MILLE)):
                self._send(
                    "Budget exhausted" if share == 1 else "Budget warning",
                    {
                        "stage": self._settings.stage,
                        "per": budget.per,
                        "of": budget.of,
                        "every": budget.every,
                        "limit": budget.limit,
                        "share": share,
                        **({} if budget.per == "stage" else {budget.per: hold.partition.partition("#")[2]}),
                        "until": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
                    },
                )
        except ApiError as error:
            logger.warning("budget event not sent", request_id=context.request_id, error=type(error).__name__)

    def _hold(self, budget: Budget, partition: str, amount: int, now: float, seconds: float) -> Hold:
        window = window_at(budget.every, now)
        return Hold(
            id=secrets.token_urlsafe(8),
            partition=partition,
            sort=_sort_key(budget, window),
            amount=amount,
            limit=round(budget.limit * (NANODOLLARS if budget.of == "usd" else 1)),
            lapses_at=math.ceil(now + seconds) + LAPSE_MARGIN_SECONDS,
            expires_at=int(window.end.timestamp()) + KEPT_SECONDS,
        )


def window_at(every: str, now: float) -> Window:
    """The window with the time `now`, in seconds since 1970."""
    minute = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
    if every == "minute":
        return Window(minute, minute + timedelta(minutes=1))
    day = minute.replace(hour=0, minute=0)
    if every == "day":
        return Window(day, day + timedelta(days=1))
    month = day.replace(day=1)
    return Window(month, (month + timedelta(days=31)).replace(day=1))


def _sort_key(budget: Budget, window: Window) -> str:
    return f"{budget.of}#{budget.every}#{window.start:%Y-%m-%dT%H:%MZ}"


def _partition(budget: Budget, context: Context) -> str | None:
    """The partition of whose budget it is; None for the team of a caller without one."""
    if budget.per == "stage":
        return "stage"
    owner = context.caller if budget.per == "caller" else context.grant.team
    return f"{budget.per}#{owner}" if owner else None


def _input_tokens(body: Any) -> int:
    photos = getattr(body, "photos", ())
    text = msgspec.structs.replace(body, photos=[]) if photos else body
    return math.ceil(len(msgspec.json.encode(text)) / BYTES_PER_TOKEN) + PHOTO_TOKENS * len(photos)


def _used(uses: list[ModelUse], estimate: Amounts, failure: BaseException | None) -> Amounts:
    """What Bedrock counted; at least the estimate if it billed a call whose count never arrived.

    That is a stream that is cut, or a call that times out.
    """
    counted = Amounts(
        requests=1 if uses else 0,
        tokens=sum(use.input_tokens + use.output_tokens for use in uses),
        usd=nanodollars(sum(use.estimated_cost or 0 for use in uses)),
    )
    uncounted = any(use.calls > use.counted for use in uses)
    return counted.at_least(estimate) if uncounted and not isinstance(failure, _NOT_BILLED) else counted


def _exhausted(budget: Budget, now: float) -> BudgetExhausted:
    end = window_at(budget.every, now).end
    return BudgetExhausted(
        f"{_name(budget)} is used up, or reserved by running requests. The next one starts at "
        f"{end:%Y-%m-%dT%H:%M:%SZ}.",
        retry_after=max(1, math.ceil(end.timestamp() - now)),
    )


def _too_large(budget: Budget, amount: int) -> BudgetExhausted:
    """Without Retry-After: no later window has room for it."""
    needed = amount / NANODOLLARS if budget.of == "usd" else amount
    return BudgetExhausted(
        f"{_name(budget)} is less than the {_number(needed)} {_UNITS[budget.of]} that this request may use: shorten "
        "it, or ask for less."
    )


def _name(budget: Budget) -> str:
    return f"The {budget.per}'s budget of {_number(budget.limit)} {_UNITS[budget.of]} per {budget.every}"


def _number(value: float) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")
