"""Helpers for tests that run a page's script without a browser."""

from streamlit.testing.v1 import AppTest


def click(page: AppTest, label: str) -> AppTest:
    """Clicks the first button with a label."""
    return next(button for button in page.button if button.label == label).click().run()


def warnings(page: AppTest) -> list[str]:
    return [warning.value for warning in page.warning]


def html(page: AppTest) -> list[str]:
    """The content of each `st.html`."""
    return [element.proto.body for element in page.get("html")]
