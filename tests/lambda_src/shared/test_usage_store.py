"""What callers used: sums by caller, day, use case, model and team."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_src.shared.catalog import resolve
from lambda_src.shared.context import ModelUse
from lambda_src.shared.usage_store import KEPT_DAYS, UsageAmounts, UsageRow, UsageStore, nanodollars, usage_rows
from tests.fakes import FakeTable

NOVA = resolve("us.amazon.nova-lite-v1:0")
MICRO = resolve("us.amazon.nova-micro-v1:0")
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()


def use(invocation: Any = NOVA, *, calls: int = 1, counted: bool = True) -> ModelUse:
    model_use = ModelUse(invocation, calls=calls)
    if counted:
        model_use.add(input_tokens=1_000, output_tokens=10)
    return model_use


def row(caller: str = "a", day: str = "2026-11-27", **changes: Any) -> UsageRow:
    fields = {"use_case": "chatbot", "model": NOVA.id, "amounts": UsageAmounts(requests=1, calls=1, input_tokens=7)}
    return UsageRow(caller=caller, day=day, **{**fields, **changes})


def store() -> UsageStore:
    return UsageStore("usage", FakeTable())


def test_requests_of_one_group_are_one_item() -> None:
    usage = store()
    for _ in range(3):
        usage.add(row(team="blue", name="Ana"))
    (found,) = usage.rows(date(2026, 11, 1), date(2026, 11, 30))
    assert found == row(team="blue", name="Ana", amounts=UsageAmounts(requests=3, calls=3, input_tokens=21))


def test_items_expire_after_the_last_report_that_can_have_them() -> None:
    usage = store()
    usage.add(row())
    (item,) = usage._dynamodb.items.values()
    days = (int(item["expiresAt"]["N"]) - datetime(2026, 11, 27, tzinfo=UTC).timestamp()) / 86_400
    assert days == KEPT_DAYS


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-11-27", "2026-11-27", ["2026-11-27"]),
        ("2026-10-01", "2026-11-26", ["2026-10-31"]),
        ("2026-10-31", "2026-12-01", ["2026-10-31", "2026-11-27", "2026-11-30", "2026-12-01"]),
        ("2026-11-28", "2026-11-29", []),
    ],
)
@pytest.mark.parametrize("caller", ["a", None])
def test_a_range_has_its_first_and_last_day(first: str, last: str, expected: list[str], caller: str | None) -> None:
    usage = store()
    for day in ("2026-10-31", "2026-11-27", "2026-11-30", "2026-12-01", "2027-01-01"):
        usage.add(row(day=day))
    rows = usage.rows(date.fromisoformat(first), date.fromisoformat(last), caller)
    assert [each.day for each in rows] == expected


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_nobody_s_range_has_another_caller_s_items(caller: str, other: str) -> None:
    usage = store()
    usage.add(row(caller))
    usage.add(row(other, team="2026-11-27"))
    rows = usage.rows(date(2026, 11, 1), date(2026, 11, 30), caller)
    assert {each.caller for each in rows} == {caller}


def test_a_request_is_counted_with_its_first_model() -> None:
    rows = usage_rows([use(), use(MICRO, calls=2)], caller="a", use_case="playground", now=NOON)
    assert [(each.model, each.amounts.requests, each.amounts.calls) for each in rows] == [
        (NOVA.id, 1, 1),
        (MICRO.id, 0, 2),
    ]
    assert {each.day for each in rows} == {"2026-11-27"}


def test_a_model_that_was_not_called_has_no_row() -> None:
    assert usage_rows([ModelUse(NOVA)], caller="a", use_case="chatbot", now=NOON) == []


def test_costs_are_exact_sums() -> None:
    (one,) = usage_rows([use()], caller="a", use_case="chatbot", now=NOON)
    assert one.amounts.nanodollars == nanodollars(use().estimated_cost or 0) == 62_400
    usage = store()
    for _ in range(10):
        usage.add(one)
    (found,) = usage.rows(date(2026, 11, 1), date(2026, 11, 30))
    assert found.amounts.nanodollars == 624_000


def test_calls_of_a_model_without_a_price_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambda_src.shared.catalog.cost", lambda *_, **__: None)
    (unpriced,) = usage_rows([use(calls=2)], caller="a", use_case="chatbot", now=NOON)
    (failed,) = usage_rows([use(counted=False)], caller="a", use_case="chatbot", now=NOON)
    assert (unpriced.amounts.unpriced_calls, failed.amounts.unpriced_calls) == (2, 0)
