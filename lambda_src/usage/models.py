"""Request and response types of the usage API."""

import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from lambda_src.shared.schemas import ModelId, NonBlank, RequestModel, ResponseModel, Team, UseCaseId
from lambda_src.shared.settings import BudgetOf, BudgetPer, Every

# With every character of a token's subject in percent encoding, an id has almost 800 characters.
CallerId = Annotated[NonBlank, Meta(max_length=1_024, description="An id as in the logs", examples=["owner:billing"])]
Limit = Annotated[float, Meta(ge=0, le=1_000_000_000_000)]


class UsageQuery(RequestModel, kw_only=True):
    """The days, in UTC and both included: by default the month so far. `groupBy` lists what rows are for."""

    first: Annotated[datetime.date | None, Meta(description="The first day")] = field(default=None, name="from")
    last: Annotated[datetime.date | None, Meta(description="The last day")] = field(default=None, name="to")
    group_by: Annotated[
        str,
        Meta(
            max_length=60,
            description="One or more of `day`, `caller`, `team`, `useCase` and `model`, with commas between them",
            examples=["day,model"],
        ),
    ] = "day,useCase,model"
    format: Annotated[Literal["json", "csv"], Meta(description="`csv`: the rows as a CSV file")] = "json"


class AllUsageQuery(UsageQuery, kw_only=True):
    """Of everyone, or one caller, team, use case or model."""

    caller: CallerId | None = None
    team: Team | None = None
    use_case: UseCaseId | None = None
    model: ModelId | None = None


class UsageSums(ResponseModel, kw_only=True):
    """`estimatedCostUsd` leaves out `unpricedCalls`, those of models whose price is unknown."""

    requests: int
    calls: int
    input_tokens: int
    output_tokens: int
    images: int
    unpriced_calls: int
    estimated_cost_usd: float


class UsageItem(UsageSums, kw_only=True):
    """The sums of a group. Its fields are those of `groupBy`; `name` is the caller's, where the stage has names."""

    day: str | UnsetType = UNSET
    caller: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    use_case: str | UnsetType = UNSET
    model: str | UnsetType = UNSET


class UsageReport(ResponseModel, kw_only=True):
    """Sorted by the fields of `groupBy`. `total` are the sums of all rows."""

    first: str = field(name="from")
    last: str = field(name="to")
    items: list[UsageItem]
    total: UsageSums
    request_id: str


class BudgetState(ResponseModel, kw_only=True):
    """A budget that applies to the caller. `used` has what running requests have reserved, too."""

    per: BudgetPer
    of: BudgetOf
    every: Every
    limit: float
    used: float
    until: Annotated[str, Meta(description="The end of its minute, day or month")]


class BudgetStates(ResponseModel, kw_only=True):
    items: list[BudgetState]
    request_id: str


class BudgetSetting(ResponseModel, kw_only=True):
    """A budget of the stage's settings."""

    per: BudgetPer
    of: BudgetOf
    every: Every
    limit: float
    warn: list[float]


class CreateOverride(RequestModel, kw_only=True):
    """A limit of one caller or team, or the stage, in place of the one in the stage's settings.

    It replaces an earlier one for the same budget and owner. `until`: when the settings' limit applies again.
    """

    per: BudgetPer
    of: BudgetOf
    every: Every
    owner: Annotated[CallerId | None, Meta(description="The caller's id or the team's name; none for the stage")] = None
    limit: Limit
    until: Annotated[datetime.datetime, Meta(tz=True)] | None = None
    reason: Annotated[NonBlank, Meta(max_length=200)] | None = None


class Override(ResponseModel, kw_only=True):
    """A limit of one caller or team, or the stage."""

    id: str
    per: BudgetPer
    of: BudgetOf
    every: Every
    owner: str | UnsetType = UNSET
    limit: float
    until: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    created_at: str
    created_by: str


class OverrideAnswer(Override, kw_only=True):
    request_id: str


class BudgetList(ResponseModel, kw_only=True):
    """The budgets of the settings, and the limits that replace theirs."""

    budgets: list[BudgetSetting]
    overrides: list[Override]
    request_id: str
