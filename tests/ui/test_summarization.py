"""The summarization page."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import msgspec
from PIL import Image
from pillow_heif import from_pillow
from streamlit.testing.v1 import AppTest

from lambda_src.shared.photos import MAX_PHOTO_BYTES
from lambda_src.summarization.models import MAX_ITEMS, MAX_LINE, CorrectSummary
from lambda_src.summarization.store import MAX_VERSIONS
from tests.ui.app_helpers import click, field_problems, html, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, ErrorResponse, FakeApi, png
from ui import report_versions
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


def test_a_report_with_a_photo_is_corrected_and_downloaded(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    session = new_session()
    page = session.open(PATH)
    page.locator("input[type=file]").set_input_files([_of_a_phone()[1]])
    page.get_by_text("IMG_0042.JPG").first.wait_for()
    page.get_by_role("textbox").first.fill("Pump 4 leaks")
    page.get_by_role("button", name="Write the report").click()
    page.get_by_alt_text("Photo 1 of the report").wait_for()
    session.wait_until_idle()
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Title").fill("Pump 5 leaks")
    page.get_by_label("Parts, one per line").fill("Seal 4471-S\n\n  Bearing  ")
    assert session.accessibility_violations() == []
    # Another tab is faster.
    report = {**api.services[PATH].summaries[0]["report"], "title": "Pump 6 leaks"}
    api.services[PATH].correct_summary("summary-0", _correction(report))
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("Somebody has saved another version").wait_for()
    assert page.get_by_label("Title").input_value() == "Pump 5 leaks"
    session.wait_until_idle()
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_role("heading", name="Pump 5 leaks").wait_for()
    session.wait_until_idle()
    assert api.services[PATH].summaries[0]["report"]["parts"] == ["Seal 4471-S", "Bearing"]
    assert session.accessibility_violations() == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as PDF").click()
    assert re.fullmatch(r"Pump-\S+-\d{4}-\d\d-\d\d\.pdf", download.value.suggested_filename)
    assert download.value.path().read_bytes().startswith(b"%PDF")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download for Word").click()
    assert len(docx.Document(str(download.value.path())).inline_shapes) == 1
    page.get_by_text("Versions (3)").click()
    page.get_by_role("combobox", name="Version").wait_for()
    # Drawn again while it is open, the list of options closes.
    session.wait_until_idle()
    page.get_by_role("combobox", name="Version").press("ArrowDown")
    page.get_by_role("option", name="as the model wrote it").click()
    page.get_by_role("heading", name="Pump 4 leaks").wait_for()
    session.wait_until_idle()
    page.emulate_media(media="print")
    assert not page.get_by_role("heading", name="Pump 4 leaks").is_visible()
    assert page.get_by_alt_text("Photo 1 of the report").is_visible()
    assert not page.get_by_role("button", name="Edit").is_visible()


def _correction(report: dict[str, Any]) -> CorrectSummary:
    return msgspec.convert({"report": report, "expectedVersion": 1}, CorrectSummary)


def _edited(app: Callable[..., AppTest], api: FakeApi) -> AppTest:
    page = app("summarization")
    page.text_area[0].set_value("Pump 4 leaks")
    click(page, "Write the report")
    return click(page, "Edit")


def _field(page: AppTest, label: str) -> Any:
    return next(field for field in (*page.text_input, *page.text_area) if field.label == label)


def test_an_edited_report_is_named_what_the_api_would_reject(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _edited(app, api)
    _field(page, "Title").set_value(" ")
    click(page, "Save as a new version")
    assert field_problems(page) == ["Title: enter a text."]
    _field(page, "Title").set_value("Pump 5 leaks")
    _field(page, "Parts, one per line").set_value("x" * 1_001)
    click(page, "Save as a new version")
    assert field_problems(page)[0].startswith("“Parts, one per line” has 1,001 characters")
    _field(page, "Parts, one per line").set_value("x\n" * 51)
    click(page, "Save as a new version")
    assert field_problems(page) == ["“Parts, one per line” has 51 lines; at most 50 are possible."]
    assert warnings(page) == []
    assert len(api.services[PATH].versions["summary-0"]) == 1


def test_a_canceled_correction_does_not_come_back(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _edited(app, api)
    _field(page, "Title").set_value("Wrong")
    click(page, "Cancel")
    assert any("<h2>Pump 4 leaks</h2>" in text for text in html(page))
    click(page, "Edit")
    assert _field(page, "Title").value == "Pump 4 leaks"


def test_a_correction_leaves_out_what_was_emptied(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = _edited(app, api)
    _field(page, "Title").set_value("Pump 5 leaks")
    _field(page, "Location").set_value("")
    click(page, "Save as a new version")
    assert "location" not in api.services[PATH].summaries[0]["report"]
    assert [box.label for box in page.expander if "Versions" in box.label] == ["Versions (2)"]


def test_the_last_version_cannot_be_edited(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("summarization")
    page.text_area[0].set_value("Pump 4 leaks")
    click(page, "Write the report")
    api.services[PATH].summaries[0]["version"] = MAX_VERSIONS
    page = app("summarization")
    page.button(key="report summary-0").click().run()
    assert [button.disabled for button in page.button if button.label == "Edit"] == [True]


def test_the_form_has_the_limits_of_the_api() -> None:
    assert (report_versions.MAX_LINE, report_versions.MAX_ITEMS) == (MAX_LINE, MAX_ITEMS)
    assert report_versions.MAX_VERSIONS == MAX_VERSIONS
    properties = msgspec.json.schema(CorrectSummary)["$defs"]["CorrectedReport"]["properties"]
    assert properties["title"]["maxLength"] == report_versions.MAX_TITLE
    assert properties["summary"]["maxLength"] == report_versions.MAX_SUMMARY


def test_a_report_that_a_pdf_cannot_show(app: Callable[..., AppTest], api: FakeApi) -> None:
    api.services[PATH].report_fields = {"title": "ポンプ"}
    page = app("summarization")
    page.text_area[0].set_value("x")
    click(page, "Write the report")
    assert any("can't show all characters of this report (プ ポ ン)" in caption.value for caption in page.caption)


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
