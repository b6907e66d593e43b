"""A model's life cycle as Bedrock reports it (`modelLifecycle`), next to the catalog's dates.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_FoundationModelLifecycle.html
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec

from lambda_src.shared.catalog import Lifecycle

NEAR_END = timedelta(days=90)
IMMINENT_END = timedelta(days=30)


class BedrockLifecycle(msgspec.Struct, frozen=True):
    """One model's life cycle in Bedrock. A date that Bedrock does not report is None."""

    status: Literal["ACTIVE", "LEGACY"]
    legacy_on: date | None = None
    ends_on: date | None = None
    extended_access_on: date | None = None


def parse_lifecycle(state: Mapping[str, Any]) -> BedrockLifecycle:
    """Parses `modelLifecycle` from botocore or from the AWS CLI's JSON. Raises `ValueError`."""
    status = state.get("status")
    if status not in ("ACTIVE", "LEGACY"):
        raise ValueError(f"life cycle status {status!r}")
    times = (state.get(name) for name in ("legacyTime", "endOfLifeTime", "publicExtendedAccessTime"))
    return BedrockLifecycle(status, *map(_utc_date, times))


def merge_lifecycle(catalog: Lifecycle, reported: BedrockLifecycle, today: date) -> Lifecycle:
    """The updated catalog row. A date that Bedrock does not report stays the catalog's."""
    if reported.status == "ACTIVE":
        previous = catalog if catalog.status == "active" else Lifecycle("active")
        return Lifecycle(
            "active",
            _iso(reported.legacy_on) or previous.legacy_at,
            _iso(reported.ends_on) or previous.end_of_life_at,
            _iso(reported.extended_access_on) or previous.extended_access_at,
        )
    # The date of an active model was only the earliest possible one: the legacy model's may be later.
    announced = catalog.end_of_life_at if catalog.status != "active" else None
    ends = _iso(reported.ends_on) or announced
    legacy = _iso(reported.legacy_on) or catalog.legacy_at
    extended = _iso(reported.extended_access_on) or catalog.extended_access_at
    return Lifecycle("ended" if ends and ends <= today.isoformat() else "legacy", legacy, ends, extended)


def earliest_end(catalog: Lifecycle, reported: BedrockLifecycle | None) -> date | None:
    """The earlier of Bedrock's and the catalog's end of life; None when neither has one."""
    catalog_end = date.fromisoformat(catalog.end_of_life_at) if catalog.end_of_life_at else None
    dates = [end for end in (catalog_end, reported.ends_on if reported else None) if end]
    return min(dates, default=None)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _utc_date(moment: datetime | str | float | None) -> date | None:
    """botocore returns datetimes in the local time zone, the CLI ISO 8601 or seconds since 1970."""
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    elif isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment, UTC)
    if not isinstance(moment, datetime):
        raise ValueError(f"not a point in time: {moment!r}")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()
