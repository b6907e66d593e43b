"""A request that runs while its user goes on clicking, on each page with a form."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.ui.browser import BrowserSession
from tests.ui.fake_api import ErrorResponse, FakeApi


class Form(NamedTuple):
    use_case: str
    route: str
    example: str
    button: str
    """The button that sends the form, in Portuguese too."""
    button_pt: str
    result: str
    """A selector of what only a response shows."""


FORMS = (
    Form("image-generation", "/images", "Night train", "Generate", "Gerar", "[class*=st-key-picture-new]"),
    Form("summarization", "/summaries", "Use an example", "Write the report", "Escrever o relatório", ".report"),
    Form("embeddings", "/embeddings", "Use an example", "Embed and compare", "Vetorizar e comparar", ".table"),
    Form("hr-qa", "/questions", "How long is maternity leave?", "Ask", "Perguntar", "[class*=st-key-answer-]"),
    Form("playground", "/completions/stream", "Write a story", "Run", "Perguntar", "[class*=st-key-answers]"),
    Form("credit-risk", "/scores", "An average applicant", "Score the application", "Pontuar o pedido", "img.gauge"),
)


@pytest.fixture(params=FORMS, ids=[form.use_case for form in FORMS])
def form(request: pytest.FixtureRequest, api: FakeApi) -> Form:
    if request.param.use_case == "hr-qa":
        api.services["hr-qa"].add("Handbook.pdf")
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def session(new_session: Callable[..., BrowserSession], form: Form) -> BrowserSession:
    opened = new_session()
    opened.open(form.use_case)
    return opened


def _send(session: BrowserSession, api: FakeApi, form: Form) -> Any:
    """Sends the form's example; the response is held back."""
    page = session.page
    page.get_by_role("button", name=form.example).click()
    session.wait_until_idle()
    api.may_respond.clear()
    page.get_by_role("button", name=form.button, exact=True).click()
    session.wait_for(lambda: len(api.posts(form.route)) == 1)
    return page


def _assert_usable(session: BrowserSession, api: FakeApi, form: Form, button: str) -> None:
    """The response is shown, its button works again, and nothing was sent twice."""
    page = session.page
    page.locator(form.result).first.wait_for()
    session.wait_until_idle()
    assert page.get_by_role("button", name=button, exact=True).is_enabled()
    assert len(api.posts(form.route)) == 1


def test_the_user_clicks_on_while_it_runs(session: BrowserSession, api: FakeApi, form: Form) -> None:
    page = _send(session, api, form)
    page.get_by_role("button", name=form.example).click()
    page.get_by_role("link", name="Home").click()
    page.get_by_role("heading", name="What would you like to do?").wait_for()
    page.go_back()
    page.get_by_role("button", name=form.button, exact=True).wait_for()
    page.get_by_text("Português", exact=True).click()
    page.get_by_role("button", name=form.button_pt, exact=True).wait_for()
    api.may_respond.set()
    _assert_usable(session, api, form, form.button_pt)


def test_the_response_arrives_while_another_page_is_shown(session: BrowserSession, api: FakeApi, form: Form) -> None:
    page = _send(session, api, form)
    page.get_by_role("link", name="Home").click()
    page.get_by_role("heading", name="What would you like to do?").wait_for()
    api.may_respond.set()
    session.wait_until_idle()
    page.go_back()
    _assert_usable(session, api, form, form.button)


def test_the_button_is_clicked_twice(session: BrowserSession, api: FakeApi, form: Form) -> None:
    page = session.page
    page.get_by_role("button", name=form.example).click()
    session.wait_until_idle()
    page.get_by_role("button", name=form.button, exact=True).dblclick()
    _assert_usable(session, api, form, form.button)


@pytest.mark.parametrize("form", FORMS[:1], indirect=True, ids=["image-generation"])
def test_a_failure_arrives_while_another_page_is_shown(session: BrowserSession, api: FakeApi, form: Form) -> None:
    api.errors.append(ErrorResponse(503, "unavailable", retry_after=9))
    page = _send(session, api, form)
    page.get_by_role("link", name="Home").click()
    page.get_by_role("heading", name="What would you like to do?").wait_for()
    api.may_respond.set()
    session.wait_until_idle()
    page.go_back()
    page.get_by_text("The model or its storage is unavailable.").wait_for()
    session.wait_out_double_click()
    page.get_by_role("button", name=form.button, exact=True).click()
    page.locator(form.result).first.wait_for()
    assert len({call.key for call in api.posts(form.route)}) == 1
