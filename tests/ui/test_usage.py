"""The usage page."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lambda_src.shared.usage_store import UsageAmounts
from tests.ui.app_helpers import html
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, FakeApi
from tests.ui.fake_usage import Usage
from ui import entries, stage
from ui.pages.usage import first_day

PATH = "usage"
TODAY = datetime.now(UTC).date()


def budget(**changes: object) -> dict[str, object]:
    fields = {"per": "caller", "of": "requests", "every": "day", "limit": 200, "used": 50}
    return {**fields, "until": "2026-11-29T00:00:00.000Z", **changes}


@pytest.fixture
def usage(api: FakeApi) -> Usage:
    service: Usage = api.services[PATH]
    return service


def first_days(usage: Usage) -> set[date]:
    """The first days of the reports that were read. The sidebar's line reads today by `day`, at any time."""
    return {query.first for query in usage.queries if query.group_by != "day"}


@pytest.mark.parametrize(
    ("width", "language", "scheme", "heading", "everyone", "week", "csv"),
    [
        (1200, "en", "light", "Your budgets", "Everyone's", "Last 7 days", "Download as CSV"),
        (400, "pt", "dark", "Seus orçamentos", "De todos", "Últimos 7 dias", "Baixar como CSV"),
    ],
)
def test_budgets_and_a_report(
    new_session: Callable[..., BrowserSession],
    usage: Usage,
    width: int,
    language: str,
    scheme: str,
    heading: str,
    everyone: str,
    week: str,
    csv: str,
) -> None:
    usage.budgets = [budget(), budget(per="stage", of="usd", every="month", limit=80, used=79.5)]
    for number in range(12):
        usage.add(TODAY.isoformat(), caller=f"oidc:1:{number}", name=HOSTILE, use_case=f"case-{number}")
    usage.add(TODAY.isoformat())
    session = new_session(width=width, language=language, scheme=scheme)
    page = session.open(PATH)
    page.get_by_role("heading", name=heading).wait_for()
    session.wait_for(lambda: first_days(usage) == {TODAY.replace(day=1)})
    page.get_by_text(week, exact=True).click()
    session.wait_for(lambda: TODAY - timedelta(days=6) in first_days(usage))
    session.wait_until_idle()
    # A visit of another page keeps it.
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Embeddings").dispatch_event("click")
    page.get_by_role("heading", level=1, name="Embeddings").wait_for()
    usage.queries.clear()
    page.go_back()
    page.get_by_role("heading", name=heading).wait_for()
    session.wait_until_idle()
    assert first_days(usage) == {TODAY - timedelta(days=6)}
    assert len(page.get_by_role("row").all()) == 2
    assert "case-3" not in page.get_by_role("table").inner_text()

    page.locator("[data-testid=stButtonGroup]").get_by_text(everyone, exact=True).click()
    page.get_by_role("table").get_by_text("case-3").wait_for()
    session.wait_until_idle()
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name=csv).click()
    text = Path(download.value.path()).read_text("utf-8")
    assert text.splitlines()[0].startswith("day,useCase,requests,calls")
    assert len(text.splitlines()) == 14
    session.wait_until_idle()
    assert session.horizontal_overflow() <= 0
    assert page.locator(".legend li").count() == 9
    for shown in (page.locator(".legend"), page.get_by_role("region").filter(has=page.get_by_role("table"))):
        assert shown.evaluate("element => element.scrollWidth <= element.clientWidth")
    assert session.accessibility_violations() == []
    assert page.title() != "taken"


def test_what_is_left_of_budgets(app: Callable[..., AppTest], usage: Usage) -> None:
    usage.budgets = [budget(), budget(per="team", of="usd", every="month", limit=1.5, used=3), budget(limit=0, used=0)]
    page = app(PATH)
    progress = [element.proto for element in page.get("progress")]
    assert [each.value for each in progress] == [25, 100, 100]
    assert "50 of 200 requests for you per day" in progress[0].text
    assert "USD 3.00 of USD 1.50 of estimated cost for your team per month" in progress[1].text


def test_a_caller_without_limits(app: Callable[..., AppTest], usage: Usage) -> None:
    page = app(PATH)
    assert [caption.value for caption in page.caption][:1] == ["No limits apply to you."]
    assert [info.value for info in page.info] == ["Nothing was used in these days."]


def test_others_than_administrators_see_their_own_use_only(app: Callable[..., AppTest], usage: Usage) -> None:
    usage.administers = False
    page = app(PATH)
    page.session_state["usage.whose"] = "all"
    page.run()
    assert [info.value for info in page.info] == ["Only administrators and auditors see everyone's use."]


@pytest.mark.parametrize("days", [92, -1])
def test_wrong_days_are_not_sent(app: Callable[..., AppTest], usage: Usage, days: int) -> None:
    page = app(PATH)
    usage.queries.clear()
    page.session_state["usage.period"] = "own"
    page.session_state["usage.from"] = TODAY - timedelta(days=max(days, 0))
    page.session_state["usage.to"] = TODAY - timedelta(days=1 if days < 0 else 0)
    page.run()
    assert usage.queries == []
    assert "Choose up to 92 days" in page.warning[0].value


def test_the_page_says_what_is_not_limited_and_whose_use_counts(app: Callable[..., AppTest], usage: Usage) -> None:
    usage.add(TODAY.isoformat())
    usage.budgets = [budget()]
    page = app(PATH)
    unlimited, everyone = "There is no limit on the estimated cost.", "With work that no request stands for"
    assert unlimited in [caption.value for caption in page.caption]
    assert not any(everyone in caption.value for caption in page.caption)
    usage.budgets.append(budget(of="usd", limit=80, used=1.5))
    page.session_state["usage.whose"] = "all"
    page.run()
    assert unlimited not in [caption.value for caption in page.caption]
    assert any(everyone in caption.value for caption in page.caption)


def test_a_quick_choice_sets_both_dates_and_a_date_ends_it(app: Callable[..., AppTest], usage: Usage) -> None:
    page = app(PATH)
    for period, first in (("today", TODAY), ("week", TODAY - timedelta(days=6)), ("month", TODAY.replace(day=1))):
        page.button_group(key="usage.period").set_value(period).run()
        assert [page.date_input(key=f"usage.{name}").value for name in ("from", "to")] == [first, TODAY]
        assert (usage.queries[-1].first, usage.queries[-1].last) == (first, TODAY)
    chosen = TODAY - timedelta(days=40)
    page.date_input(key="usage.from").set_value(chosen).run()
    assert page.session_state["usage.period"] == "own"
    assert (usage.queries[-1].first, usage.queries[-1].last) == (chosen, TODAY)
    page.run()
    assert usage.queries[-1].first == chosen


def test_a_quick_choice_has_the_days_of_the_day_it_is_used() -> None:
    day = date(2026, 3, 2)
    assert [first_day(period, day) for period in ("today", "week", "month")] == [
        day, date(2026, 2, 24), date(2026, 3, 1),
    ]  # fmt: skip


def test_calls_without_a_price_are_counted_apart(app: Callable[..., AppTest], usage: Usage) -> None:
    usage.add(TODAY.isoformat(), dollars=0.00012)
    usage.add(TODAY.isoformat(), amounts=UsageAmounts(requests=2, calls=2, unpriced_calls=2))
    page = app(PATH)
    assert "Without the cost of 2 calls" in " ".join(caption.value for caption in page.caption)
    assert page.metric[0].value == "0.00012"
    assert any(">0.00012</td>" in text for text in html(page))


def test_the_menu_has_the_page_only_where_the_stage_has_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    for deployed in (True, False):
        entries._has.clear()
        monkeypatch.setattr(stage, "is_deployed", lambda _stage, _use_case, deployed=deployed: deployed)
        monkeypatch.setattr(stage, "current", lambda: None)
        assert (PATH in {entry.use_case for entry in entries.offered()}) is deployed
    entries._has.clear()
