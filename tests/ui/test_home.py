"""The home page, the menu and the language."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.ui.browser import BrowserSession
from tests.ui.fake_api import FakeApi
from ui import status
from ui.client import Client
from ui.entries import entries
from ui.stage import read


def test_only_deployed_use_cases_have_a_result(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Client(read({"UI_STAGE_FOLDER": str(api.write_stage(tmp_path))}))) as client:
        monkeypatch.setattr(status, "client", lambda: client)
        assert status._probe_all([("embeddings", "/embeddings"), ("weather", "/forecasts")]).keys() == {"embeddings"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_the_status_page_shows_which_endpoints_respond(
    new_session: Callable[..., BrowserSession], api: FakeApi, width: int, scheme: str
) -> None:
    session = new_session(width=width, scheme=scheme)
    page = session.open("status")
    page.get_by_text("you have access").first.wait_for()
    session.wait_until_idle()
    assert page.locator(".badge", has_text="Ready").count() == len(api.services)
    assert page.locator(".badge", has_text="Not deployed").count() == len(entries()) - len(api.services)
    assert not [call for call in api.calls if call.method != "GET"]
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_a_card_is_a_link_and_the_language_is_kept(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open()
    page.get_by_text("Português", exact=True).click()
    page.get_by_role("heading", name="O que você gostaria de fazer?").wait_for()
    assert "lang=pt" in page.url
    cards = page.locator("[class*=st-key-card-]")
    assert cards.count() == len(api.services)
    assert [call for call in api.calls if call.use_case not in ("playground", "usage")] == []
    # Not on the text of the link.
    cards.filter(has_text="Embeddings").get_by_text("Veja ").click(force=True)
    page.wait_for_url("**/embeddings**")
    session.wait_until_idle()
    assert "lang=pt" in page.url
    assert page.evaluate("document.documentElement.lang") == "pt"


def test_the_browsers_language_is_the_default(new_session: Callable[..., BrowserSession]) -> None:
    page = new_session(language="pt").open()
    assert page.get_by_role("heading", level=1).inner_text() == "O que você gostaria de fazer?"
