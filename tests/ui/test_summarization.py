"""The summarization page."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click, html, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, ErrorResponse, FakeApi, png

PATH = "summarization"


def test_notes_become_a_report_that_can_be_printed(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    page.get_by_role("button", name="Use an example").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Write the report").click()
    page.get_by_text("Severity: high").first.wait_for()
    session.wait_until_idle()
    assert "P-204" in api.posts("/summaries")[0].body["text"]
    assert session.accessibility_violations() == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as text").click()
    assert "Actions needed\n- Fit the bearing" in download.value.path().read_text("utf-8")
    page.evaluate("window.print = () => { window.printed = true }")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.printed") is True
    page.emulate_media(media="print")
    assert page.get_by_text("Severity: high").first.is_visible()
    assert not page.get_by_role("button", name="Write the report").is_visible()
    assert not page.get_by_role("link", name="Home").is_visible()


def test_photos_in_portuguese_on_a_phone(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session(width=400, language="pt", scheme="dark")
    page = session.open(PATH)
    photo = {"name": "pump.png", "mimeType": "image/png", "buffer": png(40, 40, "#24516b")}
    page.locator("input[type=file]").set_input_files([photo])
    page.get_by_text("pump.png").first.wait_for()
    page.get_by_role("button", name="Escrever o relatório").click()
    page.get_by_text("Gravidade: alta").first.wait_for()
    session.wait_until_idle()
    assert [photo["contentType"] for photo in api.posts("/summaries")[0].body["photos"]] == ["image/png"]
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_html_and_markdown_in_a_report_are_escaped(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    api.services[PATH].report_fields = {"title": HOSTILE, "summary": HOSTILE, "causes": [HOSTILE], "equipment": HOSTILE}
    session = new_session()
    page = session.open(PATH)
    page.get_by_role("textbox").first.fill("The pump lost pressure.")
    page.get_by_role("button", name="Write the report").click()
    page.get_by_role("heading", name=HOSTILE).wait_for()
    session.wait_until_idle()
    assert page.locator(".report").get_by_text(HOSTILE, exact=True).count() == 4
    assert page.get_by_role("button", name="<script>").count() == 1
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0


def test_an_error_keeps_the_notes(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    api.errors.append(ErrorResponse(502, "model_error"))
    page.get_by_role("textbox").first.fill("The pump lost pressure.")
    page.get_by_role("button", name="Write the report").click()
    page.get_by_text("The model returned no usable answer.").wait_for()
    assert page.get_by_role("textbox").first.input_value() == "The pump lost pressure."


def test_an_earlier_report_can_be_opened(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("summarization")
    page.text_area[0].set_value("First report")
    click(page, "Write the report")
    page.text_area[0].set_value("Second report")
    click(page, "Write the report")
    page.button(key="report summary-0").click().run()
    assert any("<h2>First report</h2>" in text for text in html(page))


def test_nothing_is_sent_without_notes(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("summarization")
    click(page, "Write the report")
    assert warnings(page) == ["Paste the notes first, add a photo, or use the example."]
    assert api.posts("/summaries") == []
