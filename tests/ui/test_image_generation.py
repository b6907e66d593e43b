"""Image generation's page."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.browser import Visit
from tests.ui.fake_api import HOSTILE, FakeApi, Refusal

PATH = "image-generation"


def _draw(page: Any, prompt: str, button: str = "Draw") -> None:
    page.get_by_role("textbox").first.fill(prompt)
    page.get_by_role("button", name=button).click()


def test_a_prompt_becomes_a_picture(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    page.get_by_role("button", name="Night train").click()
    looking.settle()
    page.get_by_role("button", name="Draw").click()
    page.get_by_role("heading", name="Just drawn").wait_for()
    looking.settle()
    assert [call.body["prompt"][:28] for call in api.posts("/images")] == ["A film poster: a night train"]
    assert page.get_by_role("img", name="A film poster: a night train").count() == 1
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "image-0.png"
    assert looking.barriers() == []


def test_portuguese_at_400_pixels(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit(width=400, language="pt", scheme="dark")
    page = looking.open(PATH)
    _draw(page, "Um farol", "Desenhar")
    page.get_by_role("heading", name="Recém-desenhadas").wait_for()
    looking.settle()
    assert looking.overflow() <= 0
    assert looking.barriers() == []


def test_a_double_click_pays_once(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    page.get_by_role("textbox").first.fill("A lighthouse")
    page.get_by_role("button", name="Draw").dblclick()
    page.get_by_role("heading", name="Just drawn").wait_for()
    looking.settle()
    assert len(api.posts("/images")) == 1
    assert len(api.services[PATH].images) == 1


def test_a_reload_while_it_runs_pays_once(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    api.seconds = 1.0
    _draw(page, "A lighthouse")
    page.wait_for_url("**try=**")
    page.reload()
    looking.settle()
    page.wait_for_timeout(1200)
    _draw(page, "A lighthouse")
    page.get_by_role("heading", name="Just drawn").wait_for()
    assert len({call.key for call in api.posts("/images")}) == 1
    assert len(api.services[PATH].images) == 1


def test_an_error_is_words_and_the_prompt_stays(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    api.refusals.append(Refusal(429, "throttled", "Too many requests.", retry_after=30))
    _draw(page, "A lighthouse")
    page.get_by_text("Too many requests at the moment.").wait_for()
    page.get_by_text("You can try again in 2").wait_for()
    assert page.get_by_role("textbox").first.input_value() == "A lighthouse"
    assert looking.barriers() == []
    page.get_by_role("button", name="Draw").click()
    page.get_by_role("heading", name="Just drawn").wait_for()
    assert len({call.key for call in api.posts("/images")}) == 1


def test_a_hostile_prompt_is_text(visit: Callable[..., Visit], api: FakeApi) -> None:
    api.services[PATH].add(HOSTILE)
    looking = visit()
    page = looking.open(PATH)
    page.get_by_text(HOSTILE, exact=True).wait_for()
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0


def test_deleting_asks_first(visit: Callable[..., Visit], api: FakeApi) -> None:
    api.services[PATH].add("A lighthouse")
    looking = visit()
    page = looking.open(PATH)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_text("cannot be brought back").wait_for()
    assert len(api.services[PATH].images) == 1
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("What you draw is kept here.").wait_for()
    assert api.services[PATH].images == []


def test_the_gallery_goes_on(app: Callable[..., AppTest], api: FakeApi) -> None:
    for number in range(11):
        api.services[PATH].add(f"Picture {number}")
    page = app("image_generation")
    assert len([one for one in page.button if one.label == "Delete"]) == 8
    page.button(key="images more").click().run()
    assert len([one for one in page.button if one.label == "Delete"]) == 11


def test_nothing_is_sent_without_a_prompt(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("image_generation")
    next(one for one in page.button if one.label == "Draw").click().run()
    assert [one.value for one in page.warning] == ["Say first what the picture should show, or take an example above."]
    assert api.posts("/images") == []


@pytest.mark.parametrize("code", ["refused", "model_error", "unavailable", "internal", "forbidden", "something_new"])
def test_every_error_has_an_id_to_quote(app: Callable[..., AppTest], api: FakeApi, code: str) -> None:
    page = app("image_generation")
    api.refusals.append(Refusal(500, code, HOSTILE))
    page.text_area[0].set_value("A lighthouse")
    next(one for one in page.button if one.label == "Draw").click().run()
    assert len(page.error) == 1
    assert len(page.code[0].value) == 36
    assert not page.exception
