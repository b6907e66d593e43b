"""What Bedrock tells about a model's life (`modelLifecycle`), beside what the catalogue knows.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_FoundationModelLifecycle.html
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec

from lambda_src.shared.catalogue import Lifecycle

NEAR_END = timedelta(days=90)
IMMINENT_END = timedelta(days=30)


class BedrockLifecycle(msgspec.Struct, frozen=True):
    """Bedrock's answer about one model; a day that it does not tell is None."""

    status: Literal["ACTIVE", "LEGACY"]
    legacy_on: date | None = None
    ends_on: date | None = None


def parse_lifecycle(state: Mapping[str, Any]) -> BedrockLifecycle:
    """Reads `modelLifecycle`, from botocore or from JSON that the AWS CLI wrote. Raises `ValueError`."""
    status = state.get("status")
    if status not in ("ACTIVE", "LEGACY"):
        raise ValueError(f"life cycle status {status!r}")
    return BedrockLifecycle(status, _day(state.get("legacyTime")), _day(state.get("endOfLifeTime")))


def merge_lifecycle(known: Lifecycle, said: BedrockLifecycle, today: date) -> Lifecycle:
    """What the catalogue's row should say. A day that Bedrock does not tell stays as it is known."""
    if said.status == "ACTIVE":
        before = known if known.status == "active" else Lifecycle("active")
        return Lifecycle(
            "active", _text(said.legacy_on) or before.legacy_at, _text(said.ends_on) or before.end_of_life_at
        )
    # An active model's day was only the earliest possible one: the legacy model's may be later.
    announced = known.end_of_life_at if known.status != "active" else None
    ends = _text(said.ends_on) or announced
    legacy = _text(said.legacy_on) or known.legacy_at
    return Lifecycle("ended" if ends and ends <= today.isoformat() else "legacy", legacy, ends)


def earliest_end(known: Lifecycle, said: BedrockLifecycle | None) -> date | None:
    """The earlier of Bedrock's day and the catalogue's; None when neither has one."""
    ours = date.fromisoformat(known.end_of_life_at) if known.end_of_life_at else None
    days = [day for day in (ours, said.ends_on if said else None) if day]
    return min(days, default=None)


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(moment: datetime | str | float | None) -> date | None:
    """The day in UTC: botocore gives moments in the machine's time zone, the CLI ISO 8601 or seconds."""
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    elif isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment, UTC)
    if not isinstance(moment, datetime):
        raise ValueError(f"not a moment: {moment!r}")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()
