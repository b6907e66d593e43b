"""The page on a fake stage: once for all tests, as starting it and the browser takes seconds."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.browser import Visit, launch
from tests.ui.fake_api import FakeApi, services
from ui.__main__ import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def _api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeApi]:
    fake = FakeApi(services())
    folder = fake.write_stage(tmp_path_factory.mktemp("stage"))
    os.environ["UI_STAGE_FOLDER"] = str(folder)
    yield fake
    fake.close()


@pytest.fixture
def api(_api: FakeApi) -> FakeApi:
    """The APIs, with nothing in them."""
    _api.reset()
    return _api


@pytest.fixture
def app(api: FakeApi) -> Callable[..., AppTest]:
    """`app("image_generation")`: a page's script, run once, without a browser.

    In English: AppTest asks for the options' words outside the session that has the language.
    """

    def open_page(page: str) -> AppTest:
        script = f"from ui.pages import {page}\n{page}.page()\n"
        test = AppTest.from_string(script, default_timeout=20)
        test.run()
        assert not test.exception, test.exception
        return test

    return open_page


@pytest.fixture(scope="session")
def server(_api: FakeApi) -> Iterator[str]:
    """The page's address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ui", "--port", str(port)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


@pytest.fixture(scope="session")
def chromium_browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(api: FakeApi, server: str, chromium_browser: Any) -> Iterator[Callable[..., Visit]]:
    """`visit(width=400, language="pt")`: somebody with a browser. Afterwards, that nothing was asked of others."""
    visits: list[Visit] = []

    def begin(**options: Any) -> Visit:
        visits.append(Visit(chromium_browser, server, **options))
        return visits[-1]

    yield begin
    for one in visits:
        one.close()
    assert [stranger for one in visits for stranger in one.strangers] == []
