"""Embeddings' page."""

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.browser import Visit
from tests.ui.fake_api import FakeApi, Refusal
from ui.pages.embeddings import cosines, on_a_plane

PATH = "embeddings"


@pytest.mark.parametrize(
    ("width", "language", "scheme", "example", "button", "heading"),
    [
        (1200, "en", "light", "Take an example", "Embed and compare", "On a map"),
        (400, "pt", "dark", "Usar um exemplo", "Vetorizar e comparar", "Em um mapa"),
    ],
)
def test_texts_become_vectors_and_a_map(
    visit: Callable[..., Visit],
    api: FakeApi,
    width: int,
    language: str,
    scheme: str,
    example: str,
    button: str,
    heading: str,
) -> None:
    looking = visit(width=width, language=language, scheme=scheme)
    page = looking.open(PATH)
    page.get_by_role("button", name=example).click()
    looking.settle()
    page.get_by_role("button", name=button).click()
    page.get_by_role("heading", name=heading).wait_for()
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").nth(1).wait_for()
    looking.settle()
    assert len(api.posts("/embeddings")[0].body["texts"]) == 6
    assert looking.overflow() <= 0
    assert looking.barriers() == []


def test_an_error_keeps_the_texts(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    api.refusals.append(Refusal(503, "unavailable", retry_after=5))
    page.get_by_role("textbox").first.fill("One text\nAnother text")
    page.get_by_role("button", name="Embed and compare").click()
    page.get_by_text("The model or its store is not reachable.").wait_for()
    assert page.get_by_role("textbox").first.input_value() == "One text\nAnother text"


def test_settings_are_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("embeddings")
    page.text_area[0].set_value("One\n\n  Two  ")
    page.selectbox[0].set_value(256)
    page.checkbox[0].uncheck()
    page.button[1].click().run()
    assert api.posts("/embeddings")[0].body == {"texts": ["One", "Two"], "dimensions": 256, "normalize": False}
    assert len(page.dataframe) == 2


def test_one_text_has_no_map(app: Callable[..., AppTest]) -> None:
    page = app("embeddings")
    page.text_area[0].set_value("One")
    page.button[1].click().run()
    assert len(page.dataframe) == 1
    assert not page.exception


def test_cosines_do_not_ask_for_unit_vectors() -> None:
    assert cosines(np.array([[2.0, 0.0], [0.0, 5.0], [3.0, 3.0]])).round(3).tolist() == [
        [1.0, 0.0, 0.707],
        [0.0, 1.0, 0.707],
        [0.707, 0.707, 1.0],
    ]


def test_a_plane_keeps_distances_that_fit_on_it() -> None:
    places = on_a_plane(np.array([[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], [0.0, 4.0, 1.0]]))
    assert np.linalg.norm(places[1] - places[2]) == pytest.approx(5.0)
    assert on_a_plane(np.array([[0.0, 1.0], [1.0, 0.0]])).shape == (2, 2)
