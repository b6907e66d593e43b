"""Fixtures: the web UI on a fake stage. It and the browser start once per session, because that takes seconds."""

import functools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from tests.ui.browser import TIMEOUT_SECONDS, BrowserSession, UsedPages, launch
from tests.ui.fake_api import FakeApi, services
from ui import api_request, stage

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
    """The fake APIs, reset. Without a browser, pages run in this process, whose stage depends on the environment."""
    _api.reset()
    stage.current.cache_clear()
    return _api


@pytest.fixture(scope="session", autouse=True)
def _packages_are_searched_once() -> Iterator[None]:
    """AppTest looks for components in all installed packages, every time."""
    with pytest.MonkeyPatch.context() as patch:
        search = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", search)
        yield


@pytest.fixture
def app(api: FakeApi) -> Callable[..., AppTest]:
    """`app("image_generation")` runs a page's script once, without a browser.

    Labels of options are always in English, because AppTest formats them outside the session.
    """

    def open_page(page: str) -> AppTest:
        script = f"from ui.pages import {page}\n{page}.page()\n"
        test = AppTest.from_string(script, default_timeout=TIMEOUT_SECONDS)
        test.run()
        assert not test.exception, test.exception
        return test

    return open_page


@pytest.fixture(scope="session")
def server(_api: FakeApi) -> Iterator[str]:
    """The web UI's URL."""
    port = unused_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ui", "--port", str(port)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def unused_port() -> int:
    """A port that the kernel chooses: two processes of tests would both find the default one free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(url: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):  # noqa: S310
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


@pytest.fixture(scope="session")
def _used_pages() -> UsedPages:
    return UsedPages()


@pytest.fixture
def new_session(
    api: FakeApi, server: str, chromium_browser: Any, _used_pages: UsedPages
) -> Iterator[Callable[..., BrowserSession]]:
    """`new_session(width=400, language="pt")` opens a browser. Requests to other hosts fail the test."""
    sessions: list[BrowserSession] = []

    def start(*, width: int = 1200, language: str = "en", scheme: str = "light") -> BrowserSession:
        page = _used_pages.take(chromium_browser, language)
        options = {"width": width, "language": language, "scheme": scheme}
        sessions.append(BrowserSession(chromium_browser, server, page=page, **options))
        return sessions[-1]

    yield start
    for session in sessions:
        _used_pages.give_back(session)
    assert [url for session in sessions for url in session.external_requests] == []


@pytest.fixture
def no_double_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without a browser clicks faster than anybody."""
    monkeypatch.setattr(api_request, "_DOUBLE_CLICK_SECONDS", 0.0)
