"""The image generation page."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, ErrorResponse, FakeApi
from tests.ui.fake_playground import model
from ui import model_names
from ui.pictures import content_type

PATH = "image-generation"


def _photo() -> bytes:
    """A PNG with as many details as a photo."""
    image = Image.merge("RGB", [Image.effect_noise((128, 192), 60).resize((832, 1248)) for _ in range(3)])
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=1)
    return data.getvalue()


def _generate(page: Any, prompt: str, button: str = "Generate") -> None:
    page.get_by_role("textbox").first.fill(prompt)
    page.get_by_role("button", name=button).click()


def test_a_prompt_becomes_an_image(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    page.get_by_role("button", name="Night train").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("heading", name="New images").wait_for()
    session.wait_until_idle()
    assert [call.body["prompt"][:29] for call in api.posts("/images")] == ["A movie poster: a night train"]
    assert page.get_by_role("img", name="A movie poster: a night train").count() == 1
    assert session.accessibility_violations() == []
    page.get_by_role("button", name="Enlarge").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("img", name="A movie poster: a night train").wait_for()
    session.wait_until_idle()
    assert session.accessibility_violations() == []
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    name = "A-movie-poster-a-night-train-crosses-a-desert-under-a-huge-moon-one-window-is-lit-2026-11-03.png"
    assert download.value.suggested_filename == name
    assert download.value.path().read_bytes() == api.services[PATH].files["image-0.png"]
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate("document.activeElement.innerText").endswith("Enlarge")
    assert page.get_by_text("Details", exact=True).count() == 1
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("Your images will appear here.").wait_for()
    session.wait_until_idle()
    assert page.get_by_text("Details", exact=True).count() == 0


def test_what_is_below_the_form_comes_into_sight_on_a_phone(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    session = new_session(width=400, language="pt")
    page = session.open(PATH)
    visible = "element => { const { top } = element.getBoundingClientRect(); return top > 0 && top < innerHeight; }"
    api.may_respond.clear()
    _generate(page, "Um farol", "Gerar")
    spinner = page.locator("[data-testid=stSpinner]")
    spinner.wait_for()
    session.wait_for(lambda: spinner.evaluate(visible))
    spinner.get_by_text("segundos)").wait_for()
    api.may_respond.set()
    heading = page.get_by_role("heading", name="Novas imagens")
    heading.wait_for()
    session.wait_until_idle()
    # An answer that needs no spinner is shown, too.
    page.locator("[data-testid=stMain]").evaluate("element => element.scrollTo(0, 0)")
    assert not heading.evaluate(visible)
    session.wait_out_double_click()
    page.get_by_role("button", name="Gerar").dispatch_event("click")
    session.wait_for(lambda: len(api.posts("/images")) == 2)
    session.wait_until_idle()
    session.wait_for(lambda: heading.evaluate(visible))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"), (b"GIF89a", "image/gif"),
    ],
)  # fmt: skip
def test_a_files_type_is_that_of_its_content(data: bytes, expected: str) -> None:
    assert content_type(data, "image/gif") == expected


def test_a_visit_loads_small_copies_and_the_original_on_demand(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    images = api.services[PATH]
    for number in range(8):
        images.add(f"Image {number}", "2:3", data=_photo())
    original = len(images.files["image-7.png"])
    assert original > 1_000_000
    session = new_session()
    loaded, media = list[Any](), f"{session.url}/media/"
    session.page.on("response", lambda response: response.url.startswith(media) and loaded.append(response))
    page = session.open(PATH)
    page.get_by_role("img", name="Image 0").wait_for()
    session.wait_for(lambda: len(loaded) == 8)
    assert sum(len(response.body()) for response in loaded) < 500_000
    assert {name.rpartition(".")[2] for name in images.downloads} == {"jpg"}

    # A visit of another page and back reads nothing again.
    read = len(images.downloads)
    page.get_by_role("link", name="Home").click()
    page.get_by_role("heading", level=1).first.wait_for()
    page.get_by_role("link", name="Images").first.click()
    page.get_by_role("img", name="Image 0").wait_for()
    session.wait_until_idle()
    assert len(images.downloads) == read

    page.get_by_role("button", name="Enlarge").first.click()
    page.get_by_role("dialog").get_by_role("img", name="Image 7").wait_for()
    session.wait_for(lambda: len(loaded[-1].body()) == original)
    assert images.downloads[read:] == ["image-7.png"]


def test_again_with_changes_fills_the_form(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    made_with = {"style": "flat-vector", "negativePrompt": HOSTILE}
    api.services[PATH].add("A lighthouse", "21:9", 4294967294, **made_with)
    session = new_session()
    page = session.open(PATH)
    page.get_by_text("2026-11-03 07:00 · 300 × 300 · seed 4294967294 · stability").wait_for()
    page.get_by_text(f"Without: {HOSTILE}", exact=True).wait_for()
    page.get_by_role("button", name="Again with changes").click()
    page.wait_for_function("document.activeElement.value === 'A lighthouse'")
    session.wait_until_idle()
    assert session.accessibility_violations() == []
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("heading", name="New images").wait_for()
    (call,) = api.posts("/images")
    assert call.body == {
        "prompt": "A lighthouse", "count": 1, "aspectRatio": "21:9", "seed": 4294967294, **made_with,
    }  # fmt: skip


def test_an_image_of_which_less_is_known_fills_the_form(app: Callable[..., AppTest], api: FakeApi) -> None:
    images = api.services[PATH]
    images.add("A train", "16:9", thumbnailUrl=None, aspectRatio=None, model="amazon.nova-canvas-v1:0")
    images.add("A market", "1:1", style="maximalist")
    page = app("image_generation")
    page.button(key="again image-1").click().run()
    page.button(key="again image-0").click().run()
    click(page, "Generate")
    (call,) = api.posts("/images")
    assert call.body["prompt"] == "A train"
    assert call.body["aspectRatio"] == "16:9"
    assert {"style", "negativePrompt"}.isdisjoint(call.body)


def test_an_image_from_before_thumbnails_is_reduced_here(app: Callable[..., AppTest], api: FakeApi) -> None:
    images = api.services[PATH]
    images.add("A train", data=_photo(), thumbnailUrl=None)
    page = app("image_generation")
    assert images.downloads == ["image-0.png"]
    assert len(page.session_state["images.thumbnails"]["image-0"]) < 100_000
    assert warnings(page) == []


def test_what_cannot_be_loaded_is_shown(app: Callable[..., AppTest], api: FakeApi) -> None:
    images = api.services[PATH]
    images.add("A train")
    images.add("A market")
    del images.files["image-0.jpg"]
    page = app("image_generation")
    assert warnings(page) == ["This image couldn't be loaded."]
    del images.files["image-1.png"]
    page.button(key="open image-1").click().run()
    assert len(page.error) == 1


def test_the_session_keeps_a_limited_number_of_thumbnails(
    app: Callable[..., AppTest], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.pictures.MAX_THUMBNAILS", 3)
    for number in range(8):
        api.services[PATH].add(f"Image {number}")
    page = app("image_generation")
    assert list(page.session_state["images.thumbnails"]) == ["image-2", "image-1", "image-0"]


def test_portuguese_on_a_phone(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session(width=400, language="pt", scheme="dark")
    page = session.open(PATH)
    _generate(page, "Um farol", "Gerar")
    page.get_by_role("heading", name="Novas imagens").wait_for()
    session.wait_until_idle()
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_a_request_and_its_prompt_survive_a_reload(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    api.post_seconds = 1.0
    _generate(page, "A lighthouse")
    page.wait_for_url("**try=**")
    page.reload()
    page.get_by_role("heading", name="New images").wait_for()
    session.wait_until_idle()
    assert page.get_by_role("textbox").first.input_value() == "A lighthouse"
    assert len(api.posts("/images")) == 1
    page.reload()
    page.get_by_role("heading", name="New images").wait_for()


def test_an_error_keeps_the_prompt(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    api.errors.append(ErrorResponse(429, "throttled", "Too many requests.", retry_after=300))
    _generate(page, "A lighthouse")
    page.get_by_text("Too many requests at the moment.").wait_for()
    page.get_by_text("You can try again in 2").wait_for()
    assert page.get_by_role("textbox").first.input_value() == "A lighthouse"
    assert session.accessibility_violations() == []
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("heading", name="New images").wait_for()
    assert len({call.key for call in api.posts("/images")}) == 1


def test_html_and_markdown_in_a_prompt_are_escaped(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    api.services[PATH].add(HOSTILE)
    session = new_session()
    page = session.open(PATH)
    page.get_by_text(HOSTILE, exact=True).wait_for()
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0


def test_deleting_asks_first(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    images = api.services[PATH]
    images.add("A lighthouse")
    session = new_session()
    page = session.open(PATH)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_text("can't be undone").wait_for()
    page.get_by_role("dialog").get_by_role("img", name="A lighthouse").wait_for()
    page.get_by_role("dialog").get_by_text("A lighthouse", exact=True).wait_for()
    session.wait_until_idle()
    assert session.accessibility_violations() == []
    assert len(api.services[PATH].images) == 1
    images.refuses_to_delete = True
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_text("storage is unavailable").wait_for()
    assert len(api.services[PATH].images) == 1
    images.refuses_to_delete = False
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("Your images will appear here.").wait_for()
    assert api.services[PATH].images == []


def test_a_menu_of_models_needs_models(app: Callable[..., AppTest], api: FakeApi) -> None:
    assert "Model" not in [box.label for box in app("image_generation").selectbox]
    api.services["playground"].models.append(model("us.stability.core", "Core", "Stability AI", purpose="image"))
    model_names._cache.clear()
    assert "Model" in [box.label for box in app("image_generation").selectbox]


def test_the_gallery_has_more_images_on_demand(app: Callable[..., AppTest], api: FakeApi) -> None:
    for number in range(11):
        api.services[PATH].add(f"Image {number}")
    page = app("image_generation")
    assert len([button for button in page.button if button.label == "Delete"]) == 8
    page.button(key="images more").click().run()
    assert len([button for button in page.button if button.label == "Delete"]) == 11


def test_nothing_is_sent_without_a_prompt(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("image_generation")
    click(page, "Generate")
    assert warnings(page) == ["Describe the image first, or use an example above."]
    assert api.posts("/images") == []


@pytest.mark.parametrize("code", ["refused", "model_error", "unavailable", "internal", "forbidden", "something_new"])
def test_every_error_shows_its_request_id(app: Callable[..., AppTest], api: FakeApi, code: str) -> None:
    page = app("image_generation")
    api.errors.append(ErrorResponse(500, code, HOSTILE))
    page.text_area[0].set_value("A lighthouse")
    click(page, "Generate")
    assert len(page.error) == 1
    assert len(page.code[0].value) == 36
    assert not page.exception
