"""What Bedrock tells about a model's life, beside what a row says."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from lambda_src.shared.catalogue import Lifecycle
from lambda_src.shared.lifecycle import Told, earliest_end, told, updated

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
def test_days_are_read_in_utc(moment: Any) -> None:
    assert told({"status": "LEGACY", "endOfLifeTime": moment}) == Told("LEGACY", None, LATER)


@pytest.mark.parametrize(
    "state",
    [{}, {"status": "NEW"}, {"status": "ACTIVE", "legacyTime": "x"}, {"status": "ACTIVE", "endOfLifeTime": []}],
)
def test_anything_else_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        told(state)


@pytest.mark.parametrize(
    ("known", "said", "expected"),
    [
        (Lifecycle("active"), Told("ACTIVE"), Lifecycle("active")),
        (Lifecycle("active", None, "2027-01-01"), Told("ACTIVE"), Lifecycle("active", None, "2027-01-01")),
        (Lifecycle("active"), Told("ACTIVE", None, LATER), Lifecycle("active", None, "2027-05-01")),
        (Lifecycle("ended", None, "2026-10-01"), Told("ACTIVE"), Lifecycle("active")),
        # What was the earliest day possible is not the announced one.
        (Lifecycle("active", None, "2026-10-01"), Told("LEGACY"), Lifecycle("legacy")),
        (Lifecycle("active"), Told("LEGACY", EARLIER, LATER), Lifecycle("legacy", "2026-10-01", "2027-05-01")),
        (Lifecycle("legacy", None, "2027-01-01"), Told("LEGACY"), Lifecycle("legacy", None, "2027-01-01")),
        (
            Lifecycle("legacy", None, "2027-01-01"),
            Told("LEGACY", None, EARLIER),
            Lifecycle("ended", None, "2026-10-01"),
        ),
        (Lifecycle("ended", None, "2026-10-01"), Told("LEGACY"), Lifecycle("ended", None, "2026-10-01")),
    ],
)
def test_what_a_row_should_say(known: Lifecycle, said: Told, expected: Lifecycle) -> None:
    assert updated(known, said, TODAY) == expected


def test_the_earlier_end_counts() -> None:
    known = Lifecycle("active", None, "2027-01-01")

    assert earliest_end(known, None) == earliest_end(known, Told("ACTIVE", None, LATER)) == date(2027, 1, 1)
    assert earliest_end(known, Told("LEGACY", None, EARLIER)) == EARLIER
    assert earliest_end(Lifecycle("active"), Told("ACTIVE")) is None
