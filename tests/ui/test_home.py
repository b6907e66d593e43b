"""The home page, the menu and the language."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.ui.browser import BrowserSession
from tests.ui.fake_api import FakeApi
from ui import status
from ui.client import Client
from ui.entries import entries
from ui.stage import read
from ui.texts import LANGUAGE_COOKIE

# All texts of the page's title, in the order in which they were shown.
_HEADINGS = """window.headings = [];
  new MutationObserver(() => {
    const text = document.querySelector('h1')?.textContent;
    if (text && text !== window.headings.at(-1)) window.headings.push(text);
  }).observe(document, {childList: true, subtree: true, characterData: true});"""


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
    cards.filter(has_text="Embeddings").get_by_text("Transforme ").click(force=True)
    page.wait_for_url("**/embeddings**")
    session.wait_until_idle()
    assert "lang=pt" in page.url
    assert page.title() == "Embeddings · Bedrock endpoints"
    assert page.evaluate("document.documentElement.lang") == "pt"


def _language_cookies(page: Any) -> list[Any]:
    return [cookie for cookie in page.context.cookies() if cookie["name"] == LANGUAGE_COOKIE]


def test_the_chosen_language_is_remembered_in_the_browser(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session()
    page = session.open()
    page.get_by_text("Português", exact=True).click()
    page.get_by_role("heading", name="O que você gostaria de fazer?").wait_for()
    (cookie,) = _language_cookies(page)
    assert (cookie["value"], cookie["sameSite"]) == ("pt", "Lax")

    tab = page.context.new_page()
    visits = list[str]()
    tab.on("websocket", lambda socket: visits.append(socket.url))
    tab.add_init_script(_HEADINGS)
    tab.goto(session.url)
    tab.get_by_role("heading", name="O que você gostaria de fazer?").wait_for()
    # Without a first page in another language, and without a second visit.
    assert tab.evaluate("window.headings") == ["O que você gostaria de fazer?"]
    assert len(visits) == 1

    tab.goto(f"{session.url}/?lang=es")
    tab.get_by_role("heading", name="¿Qué quiere hacer?").wait_for()
    # What an address says is not a choice.
    assert [cookie["value"] for cookie in _language_cookies(page)] == ["pt"]

    # Another browser.
    assert new_session(language="es").open().get_by_role("heading", level=1).inner_text() == "¿Qué quiere hacer?"


def test_the_browsers_language_is_the_default(new_session: Callable[..., BrowserSession]) -> None:
    page = new_session(language="pt").open()
    assert page.get_by_role("heading", level=1).inner_text() == "O que você gostaria de fazer?"
