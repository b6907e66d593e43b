"""A real browser for the web UI: Chromium from npm, driven by Playwright, with axe-core for accessibility checks."""

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_CACHE = ROOT / ".cache" / "chromium"
_AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_ARGUMENTS = ["--no-sandbox", "--headless=shell", "--disable-gpu"]
# Long enough for a busy machine: a passing test doesn't wait for it.
TIMEOUT_SECONDS = 60.0
_POLL_MILLISECONDS = 50
_IDLE_POLLS = 3
# Some of Streamlit's messages to the server have no response.
_MAX_RESPONSE_SECONDS = 10.0
# The page's height while its script does not run, else 0. Widgets are loaded when they are first drawn, and what is
# below them moves then.
_IDLE_HEIGHT = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  const idle = app?.getAttribute('data-test-script-state') === 'notRunning'
    && !document.querySelector('[data-testid="stSpinner"], [data-testid="stSkeleton"]');
  return idle ? document.querySelector('[data-testid="stMainBlockContainer"]').offsetHeight : 0;
}"""


def chromium() -> str:
    """The path of the browser, which is unpacked once from node_modules."""
    version = (ROOT / "node_modules" / "@sparticuz" / "chromium" / "package.json").read_text()
    folder = _CACHE / re.findall(r'"version": "([^"]+)"', version)[0]
    folder.mkdir(parents=True, exist_ok=True)
    search_path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with (folder / "lock").open("w") as lock:
        # The tests run in several processes, and a program that is being written cannot be started.
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpacked = subprocess.run(
            ["node", "tests/ui/chromium.mjs"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(folder), "PATH": search_path},
            capture_output=True,
            text=True,
            check=True,
        )
    return unpacked.stdout.strip().splitlines()[-1]


def launch(playwright: Any) -> Any:
    return playwright.chromium.launch(executable_path=chromium(), args=_ARGUMENTS)


class UsedPages:
    """Chromium's pages that earlier sessions have used: their processes have Streamlit's scripts, already compiled.

    The web UI loads with half the processor time there.
    """

    def __init__(self) -> None:
        self._pages: dict[str, list[Any]] = {}

    def take(self, browser: Any, language: str) -> Any:
        """An empty page that no session uses, without cookies and storage."""
        pages = self._pages.setdefault(language, [])
        return pages.pop() if pages else new_page(browser, language)

    def give_back(self, session: "BrowserSession") -> None:
        """Keeps the session's page for another one."""
        page, context = session.page, session.context
        session.stop_watching()
        context.set_offline(False)
        for other in context.pages:
            if other != page:
                other.close()
        page.unroute_all()
        # An empty page has no storage.
        if page.url != "about:blank":
            page.evaluate("sessionStorage.clear()")
            page.goto("about:blank")
        # A pointer that rests on the page opens tooltips.
        page.mouse.move(0, 0)
        storage = context.new_cdp_session(page)
        cleared = {"origin": session.url, "storageTypes": "cookies,indexeddb,local_storage,service_workers"}
        storage.send("Storage.clearDataForOrigin", cleared)
        storage.detach()
        context.clear_cookies()
        context.clear_permissions()
        self._pages[session.language].append(page)


def new_page(browser: Any, language: str) -> Any:
    """A page in a context of its own."""
    locale = {"en": "en-GB", "es": "es-MX", "pt": "pt-BR"}[language]
    return browser.new_context(locale=locale, timezone_id="UTC", reduced_motion="reduce").new_page()


class BrowserSession:
    """One user's browser. `external_requests` lists requests to other hosts."""

    def __init__(
        self, browser: Any, url: str, *, width: int = 1200, language: str = "en", scheme: str = "light",
        page: Any = None,
    ) -> None:  # fmt: skip
        """`page`: an empty one with the same language, for a browser whose cache isn't empty."""
        self.language = language
        self.page = page or new_page(browser, language)
        self.context = self.page.context
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(media="null", color_scheme=scheme)
        self.page.set_default_timeout(TIMEOUT_SECONDS * 1000)
        self.external_requests: list[str] = []
        self._loading: set[Any] = set()
        self._response_due = 0.0
        self._listeners = {
            "request": self._requested, "requestfinished": self._loading_ended, "requestfailed": self._loading_ended,
            "websocket": self._watch,
        }  # fmt: skip
        for event, listener in self._listeners.items():
            self.page.on(event, listener)
        self.url = url

    def stop_watching(self) -> None:
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)

    def _requested(self, request: Any) -> None:
        if not re.match(r"(https?|wss?)://(localhost|127\.0\.0\.1)[:/]|data:|blob:", request.url):
            self.external_requests.append(request.url)
        if request.resource_type == "script":
            self._loading.add(request)

    def _loading_ended(self, request: Any) -> None:
        self._loading.discard(request)

    def _watch(self, socket: Any) -> None:
        """Tracks whether Streamlit's server has responded to the browser's last message."""

        def sent(_: Any) -> None:
            self._response_due = time.monotonic() + _MAX_RESPONSE_SECONDS

        def received(_: Any) -> None:
            self._response_due = 0.0

        socket.on("framesent", sent)
        socket.on("framereceived", received)

    def open(self, use_case: str = "", **query: str) -> Any:
        """Opens a page and waits until it is idle."""
        query_string = "&".join(f"{name}={value}" for name, value in query.items())
        self.page.goto(f"{self.url}/{use_case}" + (f"?{query_string}" if query_string else ""))
        self.page.get_by_role("heading", level=1).first.wait_for()
        self.wait_until_idle()
        return self.page

    def wait_until_idle(self) -> None:
        """Waits until the server has responded, the script has ended, all is drawn, and nothing follows."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        idle_polls = height = 0
        while idle_polls < _IDLE_POLLS:
            assert time.monotonic() < deadline, "the script is still running"
            self.page.wait_for_timeout(_POLL_MILLISECONDS)
            before, height = height, self.page.evaluate(_IDLE_HEIGHT)
            is_idle = height == before > 0 and not self._loading and time.monotonic() > self._response_due
            idle_polls = idle_polls + 1 if is_idle else 0

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits for something outside the browser."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the condition is still false"
            self.page.wait_for_timeout(_POLL_MILLISECONDS)

    def wait_out_double_click(self) -> None:
        """Waits until a second click counts as a new one."""
        self.page.wait_for_timeout(700)

    def badge(self, text: str) -> Any:
        """A status, and not the same text for screen readers, which is written when any request has ended."""
        return self.page.locator(".badge", has_text=re.compile(f"^{re.escape(text)}$"))

    def horizontal_overflow(self) -> int:
        """The number of pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def accessibility_violations(self) -> list[str]:
        """axe-core's violations that are moderate or worse, each with its element."""
        # A page keeps it until it is loaded again.
        if not self.page.evaluate("Boolean(window.axe)"):
            self.page.add_script_tag(path=str(_AXE))
        # Without `preload`: only rules about orientation need the style sheets, which axe would load once more.
        results = self.page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
        return [
            f"{violation['id']} ({violation['impact']}): {node['html'][:200]} | {' '.join(map(str, node['target']))}"
            for violation in results["violations"]
            if violation["impact"] != "minor"
            for node in violation["nodes"]
        ]

    def close(self) -> None:
        self.context.close()
