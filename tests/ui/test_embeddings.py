"""The embeddings page."""

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import click, field_problems, html
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import ErrorResponse, FakeApi
from ui.pages.embeddings import cosine_similarities, drawn_share, project_to_plane

PATH = "embeddings"


@pytest.mark.parametrize(
    ("width", "language", "scheme", "example", "button", "heading"),
    [
        (1200, "en", "light", "Use an example", "Embed and compare", "Map"),
        (400, "pt", "dark", "Usar um exemplo", "Vetorizar e comparar", "Mapa"),
    ],
)
def test_texts_are_embedded_and_charted(
    new_session: Callable[..., BrowserSession],
    api: FakeApi,
    width: int,
    language: str,
    scheme: str,
    example: str,
    button: str,
    heading: str,
) -> None:
    session = new_session(width=width, language=language, scheme=scheme)
    page = session.open(PATH)
    page.get_by_role("button", name=example).click()
    session.wait_until_idle()
    page.get_by_role("button", name=button).click()
    page.get_by_role("heading", name=heading).wait_for()
    page.locator("[data-testid=stVegaLiteChart] svg").nth(1).wait_for()
    session.wait_until_idle()
    charts = page.get_by_test_id("stVegaLiteChart")
    assert charts.nth(1).get_attribute("aria-label") == heading
    # Its parts have names in English.
    assert charts.locator("svg:not([aria-hidden=true])").count() == 0
    assert len(api.posts("/embeddings")[0].body["texts"]) == 6
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_an_error_keeps_the_texts(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    api.errors.append(ErrorResponse(503, "unavailable", retry_after=5))
    page.get_by_role("textbox").first.fill("One text\nAnother text")
    page.get_by_role("button", name="Embed and compare").click()
    page.get_by_text("The model or its storage is unavailable.").wait_for()
    assert page.get_by_role("textbox").first.input_value() == "One text\nAnother text"


def test_settings_are_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("embeddings")
    page.text_area[0].set_value("One\n\n  Two  ")
    page.selectbox[0].set_value(256)
    page.checkbox[0].uncheck()
    page.button[1].click().run()
    assert api.posts("/embeddings")[0].body == {"texts": ["One", "Two"], "dimensions": 256, "normalize": False}
    assert _tables(page) == 2


def _tables(page: AppTest) -> int:
    return sum('class="table' in element for element in html(page))


def test_a_text_over_the_limit_is_named_and_nothing_is_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("embeddings")
    page.text_area[0].set_value("One\n\n" + "x" * 50_001)
    click(page, "Embed and compare")
    assert "“Text 2” has 50,001 characters; at most 50,000 are possible" in field_problems(page)[0]
    assert api.posts("/embeddings") == []


def test_a_single_text_has_no_charts(app: Callable[..., AppTest]) -> None:
    page = app("embeddings")
    page.text_area[0].set_value("One")
    page.button[1].click().run()
    assert _tables(page) == 1
    assert not page.exception


def test_cosine_similarities_of_vectors_of_any_length() -> None:
    assert cosine_similarities(np.array([[2.0, 0.0], [0.0, 5.0], [3.0, 3.0]])).round(3).tolist() == [
        [1.0, 0.0, 0.707],
        [0.0, 1.0, 0.707],
        [0.707, 0.707, 1.0],
    ]


def test_a_projection_keeps_distances_in_two_dimensions() -> None:
    points = project_to_plane(np.array([[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], [0.0, 4.0, 1.0]]))
    assert np.linalg.norm(points[1] - points[2]) == pytest.approx(5.0)
    assert project_to_plane(np.array([[0.0, 1.0], [1.0, 0.0]])).shape == (2, 2)


def test_the_share_of_what_is_drawn() -> None:
    flat = np.array([[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], [0.0, 4.0, 1.0]])
    assert drawn_share(project_to_plane(flat), flat) == pytest.approx(1.0)
    corners = np.eye(4)
    assert drawn_share(project_to_plane(corners), corners) == pytest.approx(2 / 3)
    same = np.ones((3, 2))
    assert drawn_share(project_to_plane(same), same) == 1.0


def test_only_the_first_texts_are_drawn_and_the_page_says_so(app: Callable[..., AppTest]) -> None:
    page = app("embeddings")
    page.text_area[0].set_value("\n".join(f"Text {number}" for number in range(30)))
    click(page, "Embed and compare")
    assert "The charts show the first 24 of 30 texts." in [caption.value for caption in page.caption]
