"""The summarization page."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from pillow_heif import from_pillow
from streamlit.testing.v1 import AppTest

from lambda_src.shared.photos import MAX_PHOTO_BYTES
from tests.ui.app_helpers import click, html, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, ErrorResponse, FakeApi, png
from ui.photos import MAX_MEGABYTES

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
    page.locator("input[type=file]").set_input_files([*_of_a_phone(), _file("letter.jpg", b"%PDF-1.7")])
    page.get_by_text("letter.jpg").first.wait_for()
    page.get_by_role("button", name="Escrever o relatório").click()
    page.get_by_text("letter.jpg não é uma foto").wait_for()
    session.wait_until_idle()
    assert api.posts("/summaries") == []
    assert session.horizontal_overflow() <= 0
    page.get_by_test_id("stFileChip").filter(has_text="letter.jpg").get_by_role("button").click()
    session.wait_out_double_click()
    page.get_by_role("button", name="Escrever o relatório").click()
    page.get_by_text("Gravidade: alta").first.wait_for()
    session.wait_until_idle()
    assert _sizes(api) == [(2000, 1500), (60, 120)]
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_a_file_that_is_too_large_is_not_dropped(
    new_session: Callable[..., BrowserSession], api: FakeApi, tmp_path: Path
) -> None:
    session = new_session()
    page = session.open(PATH)
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes((MAX_MEGABYTES + 1) * 1024**2))
    page.get_by_role("textbox").first.fill("The pump lost pressure.")
    page.locator("input[type=file]").set_input_files([large])
    page.get_by_text("large.jpg").first.wait_for()
    page.get_by_role("button", name="Write the report").click()
    page.get_by_text("large.jpg has more than 50 MB.").wait_for()
    assert api.posts("/summaries") == []


def test_what_cannot_be_sent_is_named(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("summarization")
    page.text_area[0].set_value("The pump lost pressure.")
    page.file_uploader[0].upload("a_b.jpg", b"").upload("c.png", png(40, 40, "#24516b")[:100])
    click(page, "Write the report")
    assert warnings(page)[0].startswith("a\\_b\\.jpg is empty. Choose another photo.  \nc\\.png can't be read")
    for number in range(6):
        page.file_uploader[0].upload(f"{number}.png", png(40, 40, "#24516b"))
    click(page, "Write the report")
    assert warnings(page)[0].startswith("At most 5 photos can be sent.")
    assert api.posts("/summaries") == []


def _file(name: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": data}


def _of_a_phone() -> list[dict[str, Any]]:
    """A JPEG that is larger than a request may be, and an upright HEIC under another name."""
    wide = Image.effect_noise((800, 600), 40).resize((4000, 3000)).convert("RGB")
    jpeg, heic = io.BytesIO(), io.BytesIO()
    wide.save(jpeg, "JPEG", quality=99)
    assert len(jpeg.getvalue()) > 4 * 1024**2
    orientation = Image.Exif()
    orientation[0x0112] = 6
    from_pillow(Image.new("RGB", (120, 60), "red")).save(heic, exif=orientation.tobytes())
    return [_file("wide.jpg", jpeg.getvalue()), _file("IMG_0042.JPG", heic.getvalue())]


def _sizes(api: FakeApi) -> list[tuple[int, int]]:
    """The pixels of the photos that were sent; all together fit the API."""
    data = [base64.b64decode(photo["data"]) for photo in api.posts("/summaries")[-1].body["photos"]]
    assert sum(map(len, data)) <= MAX_PHOTO_BYTES
    return [Image.open(io.BytesIO(photo)).size for photo in data]


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
