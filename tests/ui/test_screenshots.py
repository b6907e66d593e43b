"""The pictures in the documents: `make screenshots`. They are no comparison, and only taken when asked for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ui.browser import ROOT, Visit
from tests.ui.fake_api import FakeApi, png

pytestmark = pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="make screenshots")


def _take(looking: Visit, name: str, height: int = 900) -> None:
    looking.page.set_viewport_size({"width": looking.page.viewport_size["width"], "height": height})
    looking.settle()
    folder = ROOT / Path(os.environ["SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    looking.page.mouse.move(5, 5)
    # A page with a chat's input has another element in its place, and stays at its end.
    looking.page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)")
    looking.page.wait_for_timeout(500)
    looking.page.screenshot(path=str(folder / f"ui-{name}.png"))


def test_screenshots_home(visit: Callable[..., Visit]) -> None:
    looking = visit()
    looking.open()
    _take(looking, "home", 740)


def test_screenshots_summarization(visit: Callable[..., Visit], api: FakeApi) -> None:
    api.services["summarization"].more = {"title": "Booster pump P-204 tripped on over-temperature"}
    looking = visit()
    page = looking.open("summarization")
    page.get_by_role("button", name="Take an example").click()
    looking.settle()
    page.get_by_role("button", name="Write the report").click()
    page.get_by_text("Severity: high").first.wait_for()
    _take(looking, "summarization", 1500)


def test_screenshots_embeddings(visit: Callable[..., Visit]) -> None:
    looking = visit(width=400, language="pt", scheme="dark")
    page = looking.open("embeddings")
    page.get_by_role("button", name="Usar um exemplo").click()
    looking.settle()
    page.get_by_role("button", name="Vetorizar e comparar").click()
    page.get_by_role("heading", name="Em um mapa").wait_for()
    _take(looking, "embeddings", 2250)


def test_screenshots_hr_qa(visit: Callable[..., Visit], api: FakeApi) -> None:
    service = api.services["hr-qa"]
    service.add("Benefits guide.pdf", "failed", error={"code": "encrypted", "message": "The PDF is protected."})
    service.add("Leave handbook.pdf")
    looking = visit()
    page = looking.open("hr-qa")
    page.get_by_role("textbox").first.fill("How many hours of annual leave can I carry over?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("See it on page 4").click()
    page.locator("[class*=st-key-citation-] img").wait_for()
    _take(looking, "hr-qa", 1960)


def test_screenshots_playground(visit: Callable[..., Visit]) -> None:
    looking = visit()
    page = looking.open("playground")
    page.get_by_role("combobox").first.fill("Llama")
    page.get_by_role("option", name="Llama").first.click()
    page.keyboard.press("Escape")
    page.get_by_text("Parameters", exact=True).click()
    page.get_by_text("Temperature", exact=True).click()
    looking.settle()
    page.get_by_role("button", name="Explain something").click()
    looking.settle()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("Llama 3.1 8B Instruct says:").wait_for()
    _take(looking, "playground", 1900)


def test_screenshots_chatbot(visit: Callable[..., Visit], api: FakeApi) -> None:
    chat = api.services["chatbot"]
    chat.turn(
        chat.add("A pump that runs hot", expiresAt="2027-01-31T12:00:00Z"),
        "What could make a pump's bearing run hot?",
        "Most often it is one of three:\n\n"
        "1. Too little oil, or the wrong one\n"
        "2. Pump and motor out of line\n"
        "3. A bearing that is worn out\n\n"
        "A photo of the oil gauge would help.",
    )
    chat.streams.append(
        ["The gauge stands near its lowest mark. ", "Top it up, then measure the temperature again after half an hour."]
    )
    looking = visit()
    page = looking.open("chatbot", conversation="conversation-0")
    photo = {"name": "gauge.png", "mimeType": "image/png", "buffer": png(200, 150, "#24516b")}
    page.locator("input[type=file]").set_input_files([photo])
    page.get_by_text("gauge.png").first.wait_for()
    page.get_by_test_id("stChatInputTextArea").fill("Here it is. Is that enough?")
    page.get_by_test_id("stChatInputSubmitButton").click()
    page.get_by_text("tokens in").wait_for()
    _take(looking, "chatbot", 1000)
