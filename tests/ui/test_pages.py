"""Every page runs in every language."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from ui.entries import entries
from ui.entry import Entry
from ui.texts import LANGUAGES, translations


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.use_case)
def test_a_page_runs(app: Callable[..., AppTest], entry: Entry, language: str) -> None:
    page = app(entry.key)

    page.session_state["lang"] = language
    page.run()

    assert not page.exception, page.exception
    assert [title.value for title in page.title] == [translations()[f"{entry.key}.title"][language]]
