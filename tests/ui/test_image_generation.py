"""The image generation page."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, ErrorResponse, FakeApi

PATH = "image-generation"


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
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "image-0.png"
    assert session.accessibility_violations() == []


def test_portuguese_on_a_phone(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session(width=400, language="pt", scheme="dark")
    page = session.open(PATH)
    _generate(page, "Um farol", "Desenhar")
    page.get_by_role("heading", name="Recém-desenhadas").wait_for()
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
    api.services[PATH].add("A lighthouse")
    session = new_session()
    page = session.open(PATH)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_text("can't be undone").wait_for()
    assert len(api.services[PATH].images) == 1
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("Your images will appear here.").wait_for()
    assert api.services[PATH].images == []


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
