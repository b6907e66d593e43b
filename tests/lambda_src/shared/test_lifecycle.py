"""Bedrock's life cycle of a model, and its merge into the catalog's row."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from lambda_src.shared.catalog import Lifecycle
from lambda_src.shared.lifecycle import BedrockLifecycle, earliest_end, merge_lifecycle, parse_lifecycle

TODAY = date(2026, 11, 24)
LATER, EARLIER = date(2027, 5, 1), date(2026, 10, 1)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2027, 5, 1, tzinfo=UTC),
        datetime(2027, 4, 30, 17, tzinfo=timezone(timedelta(hours=-7))),
        datetime(2027, 5, 1),
        "2027-05-01T00:00:00+00:00",
        "2027-04-30T17:00:00-07:00",
        "2027-05-01",
        1809129600,
        1809129600.0,
    ],
)
def test_dates_are_in_utc(moment: Any) -> None:
    assert parse_lifecycle({"status": "LEGACY", "endOfLifeTime": moment}) == BedrockLifecycle("LEGACY", None, LATER)


def test_the_start_of_extended_access_is_read() -> None:
    state = {"status": "LEGACY", "publicExtendedAccessTime": "2027-05-01T00:00:00Z"}

    assert parse_lifecycle(state) == BedrockLifecycle("LEGACY", extended_access_on=LATER)


@pytest.mark.parametrize(
    "state",
    [{}, {"status": "NEW"}, {"status": "ACTIVE", "legacyTime": "x"}, {"status": "ACTIVE", "endOfLifeTime": []}],
)
def test_an_invalid_life_cycle_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_lifecycle(state)


@pytest.mark.parametrize(
    ("catalog", "reported", "expected"),
    [
        (Lifecycle("active"), BedrockLifecycle("ACTIVE"), Lifecycle("active")),
        (Lifecycle("active", None, "2027-01-01"), BedrockLifecycle("ACTIVE"), Lifecycle("active", None, "2027-01-01")),
        (Lifecycle("active"), BedrockLifecycle("ACTIVE", None, LATER), Lifecycle("active", None, "2027-05-01")),
        (Lifecycle("ended", None, "2026-10-01"), BedrockLifecycle("ACTIVE"), Lifecycle("active")),
        # The earliest possible date is not the announced one.
        (Lifecycle("active", None, "2026-10-01"), BedrockLifecycle("LEGACY"), Lifecycle("legacy")),
        (
            Lifecycle("active"),
            BedrockLifecycle("LEGACY", EARLIER, LATER),
            Lifecycle("legacy", "2026-10-01", "2027-05-01"),
        ),
        (Lifecycle("legacy", None, "2027-01-01"), BedrockLifecycle("LEGACY"), Lifecycle("legacy", None, "2027-01-01")),
        (
            Lifecycle("legacy", None, "2027-01-01"),
            BedrockLifecycle("LEGACY", None, EARLIER),
            Lifecycle("ended", None, "2026-10-01"),
        ),
        (Lifecycle("ended", None, "2026-10-01"), BedrockLifecycle("LEGACY"), Lifecycle("ended", None, "2026-10-01")),
        # A date that Bedrock does not report stays.
        (
            Lifecycle("legacy", "2026-10-01", "2027-05-01", "2027-01-01"),
            BedrockLifecycle("LEGACY", EARLIER, LATER),
            Lifecycle("legacy", "2026-10-01", "2027-05-01", "2027-01-01"),
        ),
        (
            Lifecycle("active"),
            BedrockLifecycle("LEGACY", EARLIER, LATER, date(2027, 1, 1)),
            Lifecycle("legacy", "2026-10-01", "2027-05-01", "2027-01-01"),
        ),
    ],
)
def test_bedrock_updates_the_row(catalog: Lifecycle, reported: BedrockLifecycle, expected: Lifecycle) -> None:
    assert merge_lifecycle(catalog, reported, TODAY) == expected


def test_the_earlier_end_is_used() -> None:
    catalog = Lifecycle("active", None, "2027-01-01")

    assert (
        earliest_end(catalog, None)
        == earliest_end(catalog, BedrockLifecycle("ACTIVE", None, LATER))
        == date(2027, 1, 1)
    )
    assert earliest_end(catalog, BedrockLifecycle("LEGACY", None, EARLIER)) == EARLIER
    assert earliest_end(Lifecycle("active"), BedrockLifecycle("ACTIVE")) is None
