"""Measures the web UI in a browser, with the tests' fake data: `make bench-ui`. Medians, not tests."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psutil
import pytest

from tests.ui.browser import ROOT, BrowserSession
from tests.ui.conftest import unused_port, wait_until_healthy
from tests.ui.fake_api import FakeApi

ROUNDS = 7
SESSIONS = 8
RERUNS = 500
MEGABYTE = 1_000_000


class Server(NamedTuple):
    """A web UI of its own, whose memory is measured."""

    url: str
    process: psutil.Process

    def megabytes(self) -> float:
        return float(self.process.memory_info().rss) / MEGABYTE


@pytest.fixture
def own(api: FakeApi) -> Iterator[Server]:
    port = unused_port()
    command = [sys.executable, "-m", "ui", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until_healthy(f"http://127.0.0.1:{port}")
    yield Server(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
    process.terminate()
    process.wait(10)


def _report(name: str, value: float, unit: str) -> None:
    sys.stdout.write(f"{name:<52} {value:>8,.2f} {unit}\n")


def _received(page: Any) -> list[int]:
    """The bytes of the bodies that the browser receives from now on, as they are transferred."""
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    return sizes


def _seconds(action: Callable[[], Any], shown: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    shown()
    return time.perf_counter() - start


def measure_first_load(own: Server, chromium_browser: Any) -> None:
    """Until the home page's cards are visible, in a browser without a cache."""
    seconds, sizes = [], []
    for _ in range(ROUNDS):
        session = BrowserSession(chromium_browser, own.url)
        received = _received(session.page)
        card = session.page.locator("[class*=st-key-card-]").last
        seconds.append(_seconds(lambda page=session.page: page.goto(own.url), card.wait_for))
        session.wait_until_idle()
        sizes.append(sum(received) / MEGABYTE)
        session.close()
    _report("first load", statistics.median(seconds), "s")
    _report("first load, transferred", statistics.median(sizes), "MB")


def measure_page_changes(own: Server, chromium_browser: Any) -> None:
    """From a click in the menu to the title of the page."""
    session = BrowserSession(chromium_browser, own.url)
    page = session.open()
    names = {"Images": "Images", "Reports": "Reports", "Embeddings": "Embeddings", "Chat": "Chat"}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, title in names.items():
            link = page.get_by_test_id("stSidebarNavLink").filter(has_text=name)
            heading = page.get_by_role("heading", level=1, name=title)
            seconds[name].append(_seconds(link.click, heading.wait_for))
            session.wait_until_idle()
    for name, values in seconds.items():
        _report(f"page change: {name}", statistics.median(values) * 1000, "ms")
    session.close()


def measure_reaction(own: Server, api: FakeApi, chromium_browser: Any) -> None:
    """From the click on the main button until it is disabled."""
    session = BrowserSession(chromium_browser, own.url)
    page = session.open("summarization")
    page.get_by_role("button", name="Use an example").click()
    session.wait_until_idle()
    values = []
    for _ in range(ROUNDS):
        api.may_respond.clear()
        button = page.get_by_role("button", name="Write the report")
        disabled = page.locator("button:disabled", has_text="Write the report")
        values.append(_seconds(button.click, disabled.wait_for))
        api.may_respond.set()
        session.wait_until_idle()
        session.wait_out_double_click()
    _report("click to reaction", statistics.median(values) * 1000, "ms")
    session.close()


def measure_images(own: Server, api: FakeApi, chromium_browser: Any) -> None:
    """What a visit of a gallery with eight images transfers, Streamlit's own files included."""
    session = BrowserSession(chromium_browser, own.url)
    page = session.open("image-generation")
    for _ in range(2):
        page.get_by_role("textbox").first.fill("A lighthouse")
        page.get_by_role("spinbutton").first.fill("4")
        page.get_by_role("button", name="Generate").click()
        page.get_by_role("heading", name="New images").wait_for()
        session.wait_until_idle()
        session.wait_out_double_click()
    session.close()
    session = BrowserSession(chromium_browser, own.url)
    received = _received(session.page)
    session.open("image-generation")
    _report("images page, transferred", sum(received) / MEGABYTE, "MB")
    session.close()


def measure_memory(own: Server, chromium_browser: Any) -> None:
    """The growth of the server's memory by sessions, and by reruns of one."""
    sessions = [BrowserSession(chromium_browser, own.url)]
    sessions[0].open("summarization")
    before = own.megabytes()
    for _ in range(SESSIONS):
        sessions.append(BrowserSession(chromium_browser, own.url))
        sessions[-1].open("summarization")
    _report("memory of a session", (own.megabytes() - before) / SESSIONS, "MB")
    page = sessions[0].page
    growth = []
    for _ in range(5):
        before = own.megabytes()
        for number in range(RERUNS // 5):
            page.get_by_text(("Português", "English")[number % 2], exact=True).click()
            page.get_by_role("heading", level=1, name=("Relatórios", "Reports")[number % 2]).wait_for()
        growth.append(own.megabytes() - before)
    _report("memory after 500 reruns, growth in the first 100", growth[0], "MB")
    _report("memory after 500 reruns, growth in the last 100", growth[-1], "MB")
    for session in sessions:
        session.close()
