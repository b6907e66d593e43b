"""Helpers for tests that run a page's script without a browser."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from streamlit.testing.v1 import AppTest


def click(page: AppTest, label: str) -> AppTest:
    """Clicks the first button with a label."""
    return next(button for button in page.button if button.label == label).click().run()


def warnings(page: AppTest) -> list[str]:
    return [warning.value for warning in page.warning]


def field_problems(page: AppTest) -> list[str]:
    """What is shown next to fields."""
    pattern = re.compile('<p class="field-problem" role="alert">(.*)</p>')
    return [unescape(match[1]) for text in html(page) if (match := pattern.fullmatch(text))]


def html(page: AppTest) -> list[str]:
    """The content of each `st.html`."""
    return [element.proto.body for element in page.get("html")]


def block_ids(block: Any) -> Iterator[str]:
    """The ids, which end in the keys, of the containers in a block such as `page.main`."""
    for child in block.children.values():
        if hasattr(child, "children"):
            yield getattr(child.proto, "id", "")
            yield from block_ids(child)
