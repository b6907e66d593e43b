"""Ids sort by time and are UUIDs."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from lambda_src.shared.ids import new_id, timestamp

MILLISECONDS = st.integers(0, 2**48 - 1)


@given(MILLISECONDS, MILLISECONDS)
def test_ids_sort_by_time(first: int, second: int) -> None:
    if first != second:
        assert (new_id(first) < new_id(second)) == (first < second)


@given(MILLISECONDS)
def test_ids_are_uuids_version_7(milliseconds: int) -> None:
    value = uuid.UUID(new_id(milliseconds))
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == milliseconds


def test_times_are_rfc_3339() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"
