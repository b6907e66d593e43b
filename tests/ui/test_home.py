"""The start, and what is around every page."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.ui.browser import Visit
from tests.ui.fake_api import FakeApi
from ui.client import Client
from ui.pages import home
from ui.stage import read


def test_only_deployed_use_cases_have_a_result(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Client(read({"UI_STAGE_FOLDER": str(api.write_stage(tmp_path))}))) as client:
        monkeypatch.setattr(home, "client", lambda: client)
        assert home._look([("embeddings", "/embeddings"), ("weather", "/forecasts")]).keys() == {"embeddings"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_home_says_what_answers(visit: Callable[..., Visit], api: FakeApi, width: int, scheme: str) -> None:
    looking = visit(width=width, scheme=scheme)
    page = looking.open()
    assert page.get_by_text("Ready", exact=True).count() == len(api.services)
    assert page.get_by_text("Not deployed", exact=True).count() == 6 - len(api.services)
    assert not [call for call in api.calls if call.method != "GET"]
    assert looking.overflow() <= 0
    assert looking.barriers() == []


def test_a_card_leads_to_its_page_and_the_language_stays(visit: Callable[..., Visit]) -> None:
    looking = visit()
    page = looking.open()
    page.get_by_text("Português", exact=True).click()
    page.get_by_role("heading", name="O que você gostaria de fazer?").wait_for()
    assert "lang=pt" in page.url
    page.get_by_role("link", name="Abrir Embeddings").click()
    page.wait_for_url("**/embeddings**")
    looking.settle()
    assert "lang=pt" in page.url
    assert page.evaluate("document.documentElement.lang") == "pt"


def test_the_browsers_language_is_the_first_one(visit: Callable[..., Visit]) -> None:
    page = visit(language="pt").open()
    assert page.get_by_role("heading", level=1).inner_text() == "O que você gostaria de fazer?"
