"""A real browser on the page: npm's Chromium, driven by Playwright, with axe-core to find what keeps people out."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_CACHE = ROOT / ".cache" / "chromium"
_AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_ARGUMENTS = ["--no-sandbox", "--headless=shell", "--disable-gpu"]
_SECONDS = 15_000
_QUIET_LOOKS = 3
_STILL = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return !!app && app.getAttribute('data-test-script-state') === 'notRunning'
    && !document.querySelector('[data-testid="stSpinner"]');
}"""


def chromium() -> str:
    """The browser's executable, unpacked once from node_modules."""
    version = (ROOT / "node_modules" / "@sparticuz" / "chromium" / "package.json").read_text()
    folder = _CACHE / re.findall(r'"version": "([^"]+)"', version)[0]
    folder.mkdir(parents=True, exist_ok=True)
    programs = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        ["node", "tests/ui/chromium.mjs"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PATH": programs},
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip().splitlines()[-1]


def launch(playwright: Any) -> Any:
    return playwright.chromium.launch(executable_path=chromium(), args=_ARGUMENTS)


class Visit:
    """One person's look at the page, who stays on this machine: a request elsewhere fails the test."""

    def __init__(
        self, browser: Any, url: str, *, width: int = 1200, language: str = "en", scheme: str = "light"
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, locale={"en": "en-GB", "pt": "pt-BR"}[language],
            color_scheme=scheme, timezone_id="UTC", reduced_motion="reduce",
        )  # fmt: skip
        self.page = self.context.new_page()
        self.page.set_default_timeout(_SECONDS)
        self.strangers: list[str] = []
        self.page.on("request", lambda request: self._note(request.url))
        self.url = url

    def _note(self, url: str) -> None:
        if not re.match(r"(https?|wss?)://(localhost|127\.0\.0\.1)[:/]|data:|blob:", url):
            self.strangers.append(url)

    def open(self, use_case: str = "", **query: str) -> Any:
        """Opens a page and waits until it is drawn."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        self.page.goto(f"{self.url}/{use_case}" + (f"?{asked}" if asked else ""))
        self.page.get_by_role("heading", level=1).first.wait_for()
        self.settle()
        return self.page

    def settle(self) -> None:
        """Waits until the script has run and the page keeps still: a click takes a moment to start it."""
        quiet = 0
        while quiet < _QUIET_LOOKS:
            self.page.wait_for_timeout(100)
            self.page.wait_for_function(_STILL)
            quiet = quiet + 1 if self.page.evaluate(_STILL) else 0

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def barriers(self) -> list[str]:
        """axe-core's serious and critical findings, with their places."""
        self.page.add_script_tag(path=str(_AXE))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']} ({one['impact']}): {node['html'][:200]} | {' '.join(map(str, node['target']))}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def close(self) -> None:
        self.context.close()
