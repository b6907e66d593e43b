"""Takes the screenshots in the documentation, with the tests' fake data: `make screenshots`.

Each is also part of a strip: the same page wide, dark, on a phone, and there in Portuguese and dark.
"""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from PIL import Image

from tests.ui.browser import ROOT, BrowserSession
from tests.ui.fake_api import FakeApi, png

FOLDER = ROOT / "docs" / "images"
WIDE, PHONE = 1440, 400
_STRIP_SCALE, _STRIP_GAP = 0.65, 24


def _save(session: BrowserSession, name: str, height: int = 900) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    width = session.page.viewport_size["width"]
    (FOLDER / f"ui-{name}.png").write_bytes(_taken(session, width, height))
    _save_strip(session, name, height)


def _taken(session: BrowserSession, width: int, height: int) -> bytes:
    session.page.set_viewport_size({"width": width, "height": height})
    session.wait_until_idle()
    session.page.mouse.move(5, 5)
    # Lets scroll bars and focus outlines fade, charts follow the theme, and a page with a chat input scroll to its end.
    session.page.wait_for_timeout(1000)
    session.page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)")
    return bytes(session.page.screenshot())


def _save_strip(session: BrowserSession, name: str, height: int) -> None:
    page = session.page
    page.set_viewport_size({"width": WIDE, "height": height})
    page.get_by_text("English", exact=True).click()
    page.emulate_media(color_scheme="light")
    parts = [_taken(session, WIDE, height)]
    page.emulate_media(color_scheme="dark")
    parts.append(_taken(session, WIDE, height))
    page.emulate_media(color_scheme="light")
    parts.append(_taken(session, PHONE, height))
    page.set_viewport_size({"width": WIDE, "height": height})
    page.get_by_text("Português", exact=True).click()
    page.emulate_media(color_scheme="dark")
    session.wait_until_idle()
    parts.append(_taken(session, PHONE, height))
    images = [Image.open(io.BytesIO(part)).convert("RGB") for part in parts]
    scaled = [image.resize((round(image.width * _STRIP_SCALE), round(image.height * _STRIP_SCALE))) for image in images]
    width = sum(image.width for image in scaled) + _STRIP_GAP * (len(scaled) - 1)
    strip = Image.new("RGB", (width, scaled[0].height), "#8a9a97")
    left = 0
    for image in scaled:
        strip.paste(image, (left, 0))
        left += image.width + _STRIP_GAP
    strip.save(FOLDER / f"strip-{name}.webp", quality=80, method=6)


def screenshot_home(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session()
    session.open()
    _save(session, "home", 740)


def screenshot_summarization(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    api.services["summarization"].report_fields = {"title": "Booster pump P-204 tripped on over-temperature"}
    session = new_session()
    page = session.open("summarization")
    page.get_by_role("button", name="Use an example").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Write the report").click()
    page.get_by_text("Severity: high").first.wait_for()
    _save(session, "summarization", 1500)


def screenshot_embeddings(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session(width=400, language="pt", scheme="dark")
    page = session.open("embeddings")
    page.get_by_role("button", name="Usar um exemplo").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Vetorizar e comparar").click()
    page.get_by_role("heading", name="Mapa").wait_for()
    _save(session, "embeddings", 2250)


def screenshot_hr_qa(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    hr = api.services["hr-qa"]
    hr.add("Benefits guide.pdf", "failed", error={"code": "encrypted", "message": "The PDF is protected."})
    hr.add("Leave handbook.pdf")
    session = new_session()
    page = session.open("hr-qa")
    page.get_by_role("textbox").first.fill("How many hours of annual leave can I carry over?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("Show page 4").click()
    page.locator("[class*=st-key-citation-] img").wait_for()
    _save(session, "hr-qa", 1960)


def screenshot_playground(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session()
    page = session.open("playground")
    page.get_by_role("combobox").first.fill("Llama")
    page.get_by_role("option", name="Llama").first.click()
    page.keyboard.press("Escape")
    page.locator("summary", has_text="Parameters").click()
    page.get_by_test_id("stCheckbox").get_by_text("Temperature", exact=True).click()
    session.wait_until_idle()
    page.get_by_role("button", name="Explain something").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Llama 3.1 8B Instruct says:").wait_for()
    _save(session, "playground", 1900)


def screenshot_chatbot(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services["chatbot"]
    chat.add_turn(
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
    session = new_session()
    page = session.open("chatbot", conversation="conversation-0")
    photo = {"name": "gauge.png", "mimeType": "image/png", "buffer": png(200, 150, "#24516b")}
    page.locator("input[type=file]").set_input_files([photo])
    page.get_by_text("gauge.png").first.wait_for()
    page.get_by_test_id("stChatInputTextArea").fill("Here it is. Is that enough?")
    page.get_by_test_id("stChatInputSubmitButton").click()
    page.get_by_text("input tokens").wait_for()
    _save(session, "chatbot", 1450)


def screenshot_credit_risk(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session()
    page = session.open("credit-risk")
    page.get_by_role("button", name="An average applicant").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Score the application").click()
    page.locator("img.gauge").first.wait_for()
    _save(session, "credit-risk", 2150)


def screenshot_usage(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    usage = api.services["usage"]
    until = "2026-12-01T00:00:00.000Z"
    usage.budgets = [
        {"per": "caller", "of": "requests", "every": "day", "limit": 500, "used": 180, "until": until},
        {"per": "stage", "of": "usd", "every": "month", "limit": 300, "used": 241.37, "until": until},
    ]
    today = datetime.now(UTC).date()
    for number, use_case in enumerate(("hr-qa", "chatbot", "summarization")):
        for day in range(21):
            dollars = (3 + (day * (number + 2)) % 5) * (3 - number) / 4
            usage.add(f"{today - timedelta(days=day)}", use_case=use_case, dollars=dollars)
    session = new_session()
    page = session.open("usage")
    page.get_by_label("From (UTC)").first.wait_for()
    page.get_by_text("HR questions").last.wait_for()
    _save(session, "usage", 1180)


def screenshot_image_generation(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    images = api.services["image-generation"]
    for prompt, color in (
        ("A film poster: a night train crosses a desert under a huge moon", "#33415c"),
        ("A film poster: small rusty robots sell fruit at a morning market", "#b5651d"),
    ):
        images.add(prompt, data=png(480, 720, color))
    session = new_session()
    page = session.open("image-generation")
    page.get_by_role("button", name="Lighthouse and comet").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Generate", exact=True).click()
    page.get_by_role("heading", name="New images").wait_for()
    _save(session, "image-generation", 1700)


def screenshot_status(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session()
    session.open("status")
    _save(session, "status", 1100)
