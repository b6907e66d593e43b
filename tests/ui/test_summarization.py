"""Summarization's page."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.ui.browser import Visit
from tests.ui.fake_api import HOSTILE, FakeApi, Refusal, png

PATH = "summarization"


def test_notes_become_a_report_that_prints_alone(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    page.get_by_role("button", name="Take an example").click()
    looking.settle()
    page.get_by_role("button", name="Write the report").click()
    page.get_by_text("Severity: high").first.wait_for()
    looking.settle()
    assert "P-204" in api.posts("/summaries")[0].body["text"]
    assert looking.barriers() == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as text").click()
    assert "Still to do\n- Fit the bearing" in download.value.path().read_text("utf-8")
    page.evaluate("window.print = () => { window.printed = true }")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.printed") is True
    page.emulate_media(media="print")
    assert page.get_by_text("Severity: high").first.is_visible()
    assert not page.get_by_role("button", name="Write the report").is_visible()
    assert not page.get_by_role("link", name="Home").is_visible()


def test_photos_in_portuguese_at_400_pixels(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit(width=400, language="pt", scheme="dark")
    page = looking.open(PATH)
    photo = {"name": "pump.png", "mimeType": "image/png", "buffer": png(40, 40, "#24516b")}
    page.locator("input[type=file]").set_input_files([photo])
    page.get_by_text("pump.png").first.wait_for()
    page.get_by_role("button", name="Escrever o relatório").click()
    page.get_by_text("Gravidade: alta").first.wait_for()
    looking.settle()
    assert [one["contentType"] for one in api.posts("/summaries")[0].body["photos"]] == ["image/png"]
    assert looking.overflow() <= 0
    assert looking.barriers() == []


def test_a_hostile_report_is_text(visit: Callable[..., Visit], api: FakeApi) -> None:
    api.services[PATH].more = {"title": HOSTILE, "summary": HOSTILE, "causes": [HOSTILE], "equipment": HOSTILE}
    looking = visit()
    page = looking.open(PATH)
    page.get_by_role("textbox").first.fill("The pump lost pressure.")
    page.get_by_role("button", name="Write the report").click()
    page.get_by_role("heading", name=HOSTILE).wait_for()
    looking.settle()
    assert page.locator(".report").get_by_text(HOSTILE, exact=True).count() == 4
    assert page.get_by_role("button", name="<script>").count() == 1
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0


def test_an_error_keeps_the_notes(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    api.refusals.append(Refusal(502, "model_error"))
    page.get_by_role("textbox").first.fill("The pump lost pressure.")
    page.get_by_role("button", name="Write the report").click()
    page.get_by_text("The model gave no usable answer.").wait_for()
    assert page.get_by_role("textbox").first.input_value() == "The pump lost pressure."


def test_an_earlier_report_opens(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("summarization")
    page.text_area[0].set_value("First report")
    next(one for one in page.button if one.label == "Write the report").click().run()
    page.text_area[0].set_value("Second report")
    next(one for one in page.button if one.label == "Write the report").click().run()
    page.button(key="report summary-0").click().run()
    assert any("<h2>First report</h2>" in one.proto.body for one in page.get("html"))


def test_nothing_is_sent_without_notes(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("summarization")
    next(one for one in page.button if one.label == "Write the report").click().run()
    assert [one.value for one in page.warning] == ["Paste the notes first, add a photo, or take the example."]
    assert api.posts("/summaries") == []
