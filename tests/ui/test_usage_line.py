"""The line of the sidebar with what was used."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tests.ui.browser import BrowserSession
from tests.ui.fake_api import ErrorResponse, FakeApi
from ui import usage_line


def _budget(limit: float, used: float) -> dict[str, Any]:
    return {
        "per": "caller", "of": "requests", "every": "day", "limit": limit, "used": used,
        "until": "2026-11-30T00:00:00Z",
    }  # fmt: skip


def _line(page: Any) -> Any:
    return page.locator(".st-key-usage-line a")


def test_what_was_used_is_in_sight_and_leads_to_its_page(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    usage = api.services["usage"]
    usage.add(datetime.now(UTC).date().isoformat(), dollars=0.25)
    usage.budgets = [_budget(10, 1), {**_budget(200, 90), "per": "stage"}]
    session = new_session()
    page = session.open("embeddings")
    # A run of a page doesn't wait for it for long.
    session.wait_for(lambda: _line(page).count() > 0 or _line(session.open("embeddings")).count() > 0)

    assert _line(page).inner_text().endswith("Today: USD 0.25 · 90 of everyone's 200 requests")
    _line(page).click()
    page.get_by_role("heading", level=1, name="Usage").wait_for()


@pytest.mark.parametrize("per", ["caller", "team", "stage"])
@pytest.mark.parametrize("of", ["requests", "tokens", "usd"])
def test_the_line_says_whose_budget_it_is(per: str, of: str) -> None:
    budgets = [{**_budget(1_000, 900), "per": per, "of": of}, _budget(10, 1)]
    answers = {"/usage": {"total": {"estimatedCostUsd": 0.25}}, "/budgets": {"items": budgets}}
    api: Any = SimpleNamespace(get=lambda _use_case, path, **_query: answers[path])
    figures: Future[Any] = Future()
    usage_line._read(api, figures)
    whose = {"caller": "your", "team": "your team's", "stage": "everyone's"}[per]
    amounts = ("USD 900.00", "USD 1,000.00") if of == "usd" else ("900", f"1,000 {of}")
    assert usage_line._text(figures.result()) == f"Today: USD 0.25 · {amounts[0]} of {whose} {amounts[1]}"


def test_a_request_is_in_the_line_when_its_page_is_drawn(
    new_session: Callable[..., BrowserSession], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = api.services["usage"]
    generate = api.services["image-generation"].create_images

    def generate_and_count(*arguments: Any, **options: Any) -> Any:
        usage.add(datetime.now(UTC).date().isoformat(), dollars=0.04)
        return generate(*arguments, **options)

    monkeypatch.setattr(api.services["image-generation"], "create_images", generate_and_count)
    session = new_session()
    page = session.open("image-generation")
    session.wait_for(lambda: _line(page).count() > 0 or _line(session.open("image-generation")).count() > 0)
    assert _line(page).inner_text().endswith("Today: USD 0.00")
    page.get_by_role("textbox").first.fill("A lighthouse")
    page.get_by_role("button", name="Generate").click()
    session.wait_for(lambda: _line(page).inner_text().endswith("Today: USD 0.04"))


def test_a_failure_leaves_the_line_out(
    new_session: Callable[..., BrowserSession], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ErrorResponse(503, "unavailable", "The table is not available.")

    monkeypatch.setattr(api.services["usage"], "own_budgets", fail)
    session = new_session()
    page = session.open("embeddings")
    session.wait_until_idle()

    assert _line(page).count() == 0
    assert page.get_by_role("heading", level=1, name="Embeddings").is_visible()
