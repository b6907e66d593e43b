"""The script of every page: copied code, drafts, lost connections, the menu on phones, and Streamlit's own texts."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ui.browser import BrowserSession
from tests.ui.conftest import ROOT, unused_port, wait_until_healthy
from tests.ui.fake_api import FakeApi
from ui.entries import entries
from ui.texts import LANGUAGES, translations

CODE = 'print("<b>")\n'
ANSWER = (
    f"# Steps\n\n- **first**\n- <script>document.title='taken'</script>\n\n```python\n{CODE}```\n\n|a|b|\n|-|-:|\n|1|2|"
)
# What is the same in every language: names, formats, and what the fakes return.
SAME = {"JSON", "branch-12", "dd", "mm"}
_STRINGS = """() => {
  const found = new Set();
  const add = text => text && /\\p{L}{2}/u.test(text) && found.add(text.replace(/\\s+/g, ' ').trim());
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.parentElement.closest('script, style, noscript, code, [translate=no]')) add(node.nodeValue);
  }
  for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
    for (const element of document.querySelectorAll(`[${name}]:not([translate=no])`)) add(element.getAttribute(name));
  return [...found];
}"""


def test_markdown_is_shown_and_its_code_copied(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    chat = api.services["chatbot"]
    chat.add_turn(chat.add("A talk"), "How?", ANSWER)
    session = new_session()
    page = session.open("chatbot", conversation="conversation-0")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer = page.locator(".markdown")
    assert answer.locator("li").all_inner_texts() == ["first", "<script>document.title='taken'</script>"]
    assert answer.get_by_role("cell", name="2").evaluate("cell => cell.style.textAlign") == "right"
    assert session.accessibility_violations() == []
    answer.get_by_role("button", name="Copy").click()
    answer.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == CODE
    assert page.title() != "taken"


@pytest.fixture
def own_server(api: FakeApi) -> Iterator[Callable[[], tuple[str, Callable[[], None]]]]:
    """Starts the web UI, always at the same URL, and returns the URL and a function that kills it."""
    port = unused_port()
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[str, Callable[[], None]]:
        command = [sys.executable, "-m", "ui", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        processes.append(process)
        wait_until_healthy(f"http://localhost:{port}")

        def kill() -> None:
            process.kill()
            process.wait(10)

        return f"http://localhost:{port}", kill

    yield start
    for process in processes:
        process.kill()
        process.wait(10)


def test_a_lost_server_is_reported_and_clicks_wait_for_it(
    own_server: Callable[[], tuple[str, Callable[[], None]]], chromium_browser: Any, api: FakeApi
) -> None:
    url, kill = own_server()
    session = BrowserSession(chromium_browser, url)
    try:
        page = session.open("summarization")
        page.get_by_role("textbox").first.fill("The pump lost pressure.")
        kill()
        page.get_by_role("alert").filter(has_text="No connection").wait_for()
        assert page.get_by_role("button", name="Write the report").is_disabled()
        own_server()
        page.get_by_role("alert").filter(has_text="No connection").wait_for(state="hidden")
        session.wait_until_idle()
        assert page.get_by_role("dialog").count() == 0
        assert api.posts("/summaries") == []
        assert page.get_by_role("textbox").first.input_value() == "The pump lost pressure."
    finally:
        session.close()


def test_nothing_is_sent_while_the_browser_is_offline(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open("summarization")
    page.get_by_role("textbox").first.fill("The pump lost pressure.")
    page.context.set_offline(True)
    page.get_by_role("alert").filter(has_text="No connection").wait_for()
    page.get_by_role("button", name="Write the report").click()
    page.get_by_role("button", name="Write the report").press("Enter")
    page.context.set_offline(False)
    page.get_by_role("alert").filter(has_text="No connection").wait_for(state="hidden")
    session.wait_until_idle()
    assert api.posts("/summaries") == []
    page.get_by_role("button", name="Write the report").click()
    page.locator(".report").wait_for()
    assert len(api.posts("/summaries")) == 1


def test_drafts_survive_other_pages_and_a_reload(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open("summarization")
    notes = page.get_by_role("textbox").first
    notes.fill("The pump lost")
    page.get_by_role("link", name="Images").click()
    page.get_by_role("heading", level=1, name="Images").wait_for()
    session.wait_until_idle()
    page.get_by_role("textbox").first.fill("A lighthouse")
    page.get_by_role("link", name="Reports").click()
    page.get_by_role("heading", level=1, name="Reports").wait_for()
    session.wait_until_idle()
    assert notes.input_value() == "The pump lost"
    notes.press("End")
    notes.type(" pressure.")
    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    session.wait_until_idle()
    assert notes.input_value() == "The pump lost pressure."
    page.get_by_role("button", name="Write the report").click()
    page.locator(".report").wait_for()
    assert api.posts("/summaries")[0].body["text"] == "The pump lost pressure."
    page.get_by_role("button", name="Use an example").click()
    session.wait_until_idle()
    page.reload()
    page.locator(".report").wait_for()
    session.wait_until_idle()
    assert notes.input_value() != "The pump lost pressure."


def test_numbers_of_a_form_survive_another_page_and_a_reload(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    session = new_session()
    page = session.open("credit-risk")
    page.get_by_role("button", name="An average applicant").click()
    session.wait_until_idle()
    amount, term = (page.get_by_role("spinbutton", name=name) for name in ("Amount", "Term in months"))
    amount.fill("12345.5")
    term.fill("48")
    term.press("ArrowUp")
    page.get_by_role("link", name="Status").click()
    page.get_by_role("heading", level=1, name="Status").wait_for()
    page.get_by_role("link", name="Credit risk").first.click()
    amount.wait_for()
    session.wait_until_idle()
    page.reload()
    amount.wait_for()
    session.wait_until_idle()
    assert (amount.input_value(), term.input_value()) == ("12345.50", "49")
    page.get_by_role("button", name="Score the application").click()
    page.locator("img.gauge").first.wait_for()
    loan = api.posts("/scores")[0].body["loan"]
    assert (loan["amount"], loan["termMonths"]) == (12345.5, 49)
    # What was sent is the server's.
    page.get_by_role("button", name="An average applicant").click()
    session.wait_until_idle()
    page.reload()
    amount.wait_for()
    session.wait_until_idle()
    assert amount.input_value() != "12345.50"


def test_a_browser_that_blocks_storage_loses_only_the_drafts(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session(language="pt")
    # Not the session's own, which other tests use again.
    page = session.context.new_page()
    page.add_init_script("Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('blocked'); }})")
    errors = list[str]()
    page.on("pageerror", lambda error: errors.append(error.message))
    page.goto(f"{session.url}/summarization")
    page.get_by_role("heading", level=1, name="Relatórios").wait_for()
    page.get_by_role("button", name="Escolher arquivos").wait_for()
    page.get_by_role("textbox").first.fill("A bomba")
    assert page.evaluate("document.documentElement.lang") == "pt"
    assert errors == []


def test_drafts_of_another_user_are_forgotten(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session()
    page = session.open("summarization")
    page.get_by_role("textbox").first.fill("Ana's notes")
    page.evaluate("sessionStorage.setItem('drafts of', 'ana')")
    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    session.wait_until_idle()
    assert page.get_by_role("textbox").first.input_value() == ""


def test_the_menu_of_a_phone_closes_after_a_choice(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session(width=400)
    page = session.open()
    page.get_by_role("button", name="Expand sidebar").click()
    page.get_by_role("link", name="Reports").first.click()
    page.get_by_role("heading", level=1, name="Reports").wait_for()
    page.get_by_role("button", name="Expand sidebar").wait_for()


@pytest.mark.parametrize("use_case", ["", "status", *(entry.use_case for entry in entries())])
def test_every_page_is_translated_and_accessible(
    new_session: Callable[..., BrowserSession], api: FakeApi, use_case: str
) -> None:
    api.services["hr-qa"].add("Handbook.pdf")
    session = new_session(scheme="dark")
    page = session.open(use_case)
    assert session.accessibility_violations() == []
    page.emulate_media(color_scheme="light")
    shown: dict[str, set[str]] = {}
    # English last: what was translated has to be found again.
    for language in sorted(LANGUAGES, reverse=True):
        page.get_by_text(LANGUAGES[language], exact=True).first.click()
        page.wait_for_function("language => document.documentElement.lang === language", arg=language)
        session.wait_until_idle()
        shown[language] = set(page.evaluate(_STRINGS))
    # The texts don't change what axe looks at.
    assert session.accessibility_violations() == []
    same = (
        SAME
        | set(LANGUAGES.values())
        | {text for texts in translations().values() for text in texts.values() if list(texts.values()).count(text) > 1}
    )
    # A list of file types begins with a bullet.
    models = api.services["playground"].models
    data = {"Handbook.pdf", "• ", *(model[name] for model in models for name in ("name", "id", "provider"))}
    untranslated = {
        language: sorted(text for text in shown["en"] & texts - same if not any(name in text for name in data))
        for language, texts in shown.items()
        if language != "en"
    }
    assert {language: texts for language, texts in untranslated.items() if texts} == {}


def test_names_like_texts_of_streamlit_stay_as_they_are(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    names = {"Open", "Select all", "Some files are not allowed."}
    for name in names:
        api.services["hr-qa"].add(name)
    for title in ("Stop", "Add: milk"):
        api.services["chatbot"].add(title)
    session = new_session(language="pt")
    page = session.open("hr-qa")
    search = page.get_by_test_id("stMultiSelect").get_by_role("combobox")
    search.click()
    options = page.get_by_role("option")
    assert set(options.all_inner_texts()) == {"Escolher todos", *names}
    options.filter(has_text="Some files").click()
    page.keyboard.press("Escape")
    # Streamlit's own button is translated, but not the name in it.
    page.get_by_role("button", name="Retirar Some files are not allowed.", exact=True).wait_for()
    tag = page.locator("[data-tag]")
    assert tag.inner_text() == tag.get_attribute("aria-label") == "Some files are not allowed."
    page.get_by_role("button", name="Escolher arquivos").wait_for()
    page.locator("input[type=file]").set_input_files([{"name": "Upload", "mimeType": "text/html", "buffer": b"a"}])
    page.get_by_role("button", name="Retirar Upload").wait_for()
    assert page.get_by_test_id("stFileChipName").inner_text() == "Upload"
    page = session.open("chatbot")
    page.get_by_role("button", name="Stop").wait_for()
    assert page.get_by_role("button", name="Add: milk").count() == 1


def test_an_answered_question_does_not_come_back_as_a_draft(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    api.services["hr-qa"].add("Handbook.pdf")
    session = new_session()
    page = session.open("hr-qa")
    page.get_by_role("textbox").first.fill("How many days?")
    api.may_respond.clear()
    page.get_by_role("textbox").first.press("Control+Enter")
    session.wait_for(lambda: bool(api.posts("/questions")))
    page.get_by_role("link", name="Images").click()
    page.get_by_role("heading", level=1, name="Images").wait_for()
    session.wait_until_idle()
    api.may_respond.set()
    page.get_by_role("link", name="HR").click()
    page.locator("[class*=st-key-answer-]").wait_for()
    session.wait_until_idle()
    assert page.get_by_role("textbox").first.input_value() == ""


def test_the_keyboard_keeps_its_place_after_an_action(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    # The newest is first.
    for name in ("Handbook.pdf", "Old handbook.pdf"):
        api.services["hr-qa"].add(name)
    session = new_session()
    page = session.open("hr-qa")
    # Both buttons say "Delete"; their names say what.
    button = page.get_by_role("button", name="Delete: Old handbook.pdf", exact=True)
    button.focus()
    assert button.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Delete?")
    dialog.wait_for()
    assert session.accessibility_violations() == []
    dialog.get_by_role("button", name="Delete", exact=False).press("Enter")
    button.wait_for(state="detached")
    page.wait_for_function("document.activeElement.getAttribute('aria-label') === 'Delete: Handbook.pdf'")


def test_the_keyboard_is_at_the_button_again_after_its_request(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session()
    page = session.open("summarization")
    page.get_by_role("textbox").first.fill("The pump lost pressure.")
    button = page.get_by_role("button", name="Write the report")
    button.focus()
    page.keyboard.press("Enter")
    page.locator(".report").wait_for()
    page.wait_for_function("document.activeElement.matches('[data-testid=stFormSubmitButton] button')")


def test_the_keyboard_skips_a_closed_menu(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session(width=600)
    page = session.open("summarization")
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('[data-testid=stSidebar]')") is None
    page.get_by_role("button", name="Expand sidebar").click()
    page.get_by_role("link", name="Embeddings").wait_for()


def test_charts_follow_the_theme(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open("credit-risk")
    page.get_by_role("button", name="An average applicant").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Score the application").click()
    gauge = page.locator("img.gauge").first
    gauge.wait_for()
    session.wait_until_idle()
    light = gauge.get_attribute("src")
    page.emulate_media(color_scheme="dark")
    session.wait_for(lambda: gauge.get_attribute("src") != light)


def test_a_run_leaves_the_title_as_it_is(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session()
    page = session.open("embeddings")
    page.evaluate("""() => {
      window.titles = [];
      const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, "title");
      const record = title => { window.titles.push(title); set.call(document, title); };
      Object.defineProperty(document, "title", { get: () => get.call(document), set: record });
    }""")
    page.get_by_role("button", name="Use an example").click()
    page.wait_for_function("document.querySelector('textarea').value")
    session.wait_until_idle()
    titles = page.evaluate("window.titles")
    assert titles
    assert set(titles) == {"Embeddings · Bedrock endpoints"}
