"""Fields that keep what was entered, and name what the APIs would reject."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click, field_problems, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import FakeApi


@pytest.mark.parametrize("count", [0, 5, None])
def test_a_number_out_of_range_is_named_and_nothing_is_sent(
    app: Callable[..., AppTest], api: FakeApi, count: int | None
) -> None:
    page = app("image_generation")
    page.text_area(key="images.prompt").set_value("A lighthouse")
    page.number_input(key="images.count").set_value(count)
    click(page, "Generate")
    assert field_problems(page) == ["Number of images: enter a number from 1 to 4."]
    # Once only: not in a box, too.
    assert warnings(page) == []
    assert api.posts("/images") == []

    page.number_input(key="images.count").set_value(4)
    click(page, "Generate")
    assert api.posts("/images")[0].body["count"] == 4


@pytest.mark.parametrize("key", ["images.count", "images.seed"])
def test_a_number_with_decimals_is_not_sent_as_another_one(app: Callable[..., AppTest], api: FakeApi, key: str) -> None:
    page = app("image_generation")
    page.text_area(key="images.prompt").set_value("A lighthouse")
    page.number_input(key=key).set_value(2.9)
    click(page, "Generate")
    (problem,) = field_problems(page)
    assert problem.endswith(": enter a whole number, without decimals.")
    assert page.number_input(key=key).value == 2.9
    assert api.posts("/images") == []


def test_a_text_over_the_limit_stays_and_is_not_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("image_generation")
    page.text_area(key="images.prompt").set_value("x" * 2001)
    click(page, "Generate")
    (problem,) = field_problems(page)
    assert "“What should the image show?” has 2,001 characters; at most 2,000 are possible" in problem
    assert warnings(page) == []
    assert page.text_area(key="images.prompt").value == "x" * 2001
    assert api.posts("/images") == []

    page.text_area(key="images.prompt").set_value(" " + "x" * 2000 + " ")
    click(page, "Generate")
    assert len(api.posts("/images")[0].body["prompt"]) == 2000


def test_too_many_lines_are_named(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    page.toggle(key="playground.set.stopSequences").set_value(True).run()
    area = next(area for area in page.text_area if area.label == "Value of Stop sequences")
    area.set_value("\n".join("abcdef"))
    page.text_area(key="playground.prompt").set_value("Why?")
    click(page, "Run")
    (problem,) = field_problems(page)
    assert "6 lines" in problem
    assert warnings(page) == []
    assert api.posts("/completions/stream") == []


def test_a_number_of_an_application_out_of_range_is_named(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("credit_risk")
    click(page, "An average applicant")
    field = next(field for field in page.number_input if str(field.key).endswith("debtToIncome"))
    field.set_value(-1.0)
    click(page, "Score the application")
    assert "enter a number from 0 to 1,000." in field_problems(page)[0]
    assert api.posts("/scores") == []


def test_what_has_to_be_corrected_is_in_sight_after_sending(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session(width=400)
    page = session.open("playground")
    page.set_viewport_size({"width": 400, "height": 420})
    parameters = page.get_by_text("Parameters", exact=True)
    parameters.click()
    # It opens by and by: a click on what moves would miss it.
    session.wait_until_idle()
    page.get_by_text("Stop sequences", exact=True).click()
    page.get_by_role("textbox", name="Value of Stop sequences").fill("\n".join("abcdef"))
    page.get_by_role("textbox", name="Prompt").fill("Why?")
    session.wait_until_idle()
    # Closed by the user.
    parameters.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_function("""() => {
      const {top, bottom} = document.querySelector(".field-problem").getBoundingClientRect();
      return top > 0 && bottom > top && bottom < innerHeight;
    }""")
    assert page.get_by_role("alert").filter(has_text="6 lines").count() == 1
    session.wait_until_idle()
    assert session.accessibility_violations() == []


def test_after_a_switch_of_languages_the_choice_that_is_shown_is_sent(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    session = new_session()
    page = session.open("summarization")
    page.get_by_role("textbox").first.fill("Notes")
    audience = page.get_by_role("combobox").first
    audience.click()
    page.get_by_role("option", name="Manager").click()
    # A form's choices reach the server when it is sent, so the new language starts with the first choice.
    page.get_by_text("Português", exact=True).click()
    page.get_by_role("heading", name="Relatórios").first.wait_for()
    session.wait_until_idle()
    assert audience.input_value() == "Um técnico"

    audience.click()
    page.get_by_role("option", name="O cliente").click()
    page.get_by_role("button", name="Escrever o relatório").click()
    page.get_by_text("Gravidade").first.wait_for()

    assert api.posts("/summaries")[-1].body["audience"] == "customer"
    page.get_by_text("English", exact=True).click()
    page.get_by_role("heading", name="Reports").first.wait_for()
    session.wait_until_idle()
    # What was sent once is kept.
    assert audience.input_value() == "Customer"
