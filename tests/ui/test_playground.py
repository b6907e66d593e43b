"""The playground page."""

import re
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.app_helpers import block_ids, click, html, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, ErrorResponse, FakeApi
from tests.ui.fake_playground import HAIKU, LITE, LLAMA, Playground, model
from ui.pages.playground import common_range, cost_of, lifecycle

PATH = "playground"


@pytest.fixture
def playground(api: FakeApi) -> Playground:
    service: Playground = api.services[PATH]
    return service


def _select_models(page: Any, *names: str) -> None:
    field = page.get_by_role("combobox").first
    for name in names:
        field.fill(name)
        page.get_by_role("option", name=name).first.click()
    page.keyboard.press("Escape")


def _run(page: AppTest, prompt: str = "Why is the sky blue?") -> AppTest:
    page.text_area(key="playground.prompt").set_value(prompt)
    return click(page, "Run")


def _toggle(page: AppTest, name: str) -> Any:
    return page.toggle(key=f"playground.set.{name}")


def _html(page: AppTest) -> str:
    return "\n".join(html(page))


def test_one_models_answer_is_streamed(
    new_session: Callable[..., BrowserSession], api: FakeApi, playground: Playground
) -> None:
    playground.pause, playground.end = 0.15, threading.Event()
    session = new_session()
    page = session.open(PATH)
    page.get_by_role("button", name="Explain something").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Nova Lite says: the air").wait_for()
    assert page.get_by_text("Complete").count() == 0
    playground.end.set()
    page.get_by_text("Complete").wait_for()
    session.wait_until_idle()
    assert page.get_by_text("0.8 s · about USD 0.0000089 (price of 2025-11-01)").count() == 1
    (call,) = api.posts("/completions/stream")
    assert set(call.body) == {"model", "prompt"}
    assert call.key
    assert api.posts("/completions") == []
    assert session.accessibility_violations() == []


def test_an_earlier_answer_is_gone_while_the_next_is_written(
    new_session: Callable[..., BrowserSession], api: FakeApi
) -> None:
    session = new_session()
    page = session.open(PATH)
    run = page.get_by_role("button", name="Run", exact=True)
    run.click()
    page.get_by_text("Enter a prompt first").wait_for()
    session.wait_until_idle()
    for prompt in ("Say hello", "Write a story"):
        page.get_by_role("textbox").first.fill(prompt)
        session.wait_out_double_click()
        api.may_respond.clear()
        run.click()
        session.wait_for(
            lambda prompt=prompt: (
                api.posts("/completions/stream")[-1:] != []
                and api.posts("/completions/stream")[-1].body["prompt"] == prompt
            )
        )
        page.locator(".st-key-answer-0").get_by_text("Nova Lite", exact=True).wait_for()
        page.get_by_text("The models are answering").wait_for()
        session.wait_for(lambda: page.get_by_text("Complete").count() == 0)
        assert page.get_by_text("Enter a prompt first").count() == 0
        api.may_respond.set()
        page.get_by_text("Complete").wait_for()
        session.wait_until_idle()


@pytest.mark.usefixtures("no_double_clicks")
def test_a_run_without_a_model_has_no_card(app: Callable[..., AppTest]) -> None:
    page = app("playground")
    page.text_area[0].set_value("Say hello")
    click(page, "Run")
    assert _cards(page) == 1
    page.multiselect[0].set_value([]).run()
    click(page, "Run")
    assert warnings(page) == ["Select a model first."]
    assert _cards(page) == 0


def _cards(page: AppTest) -> int:
    """How many cards of answers there are."""
    return sum("-answer-" in block_id for block_id in block_ids(page.main))


def test_models_are_compared_side_by_side_each_as_it_answers(
    new_session: Callable[..., BrowserSession], api: FakeApi, playground: Playground
) -> None:
    playground.errors[HAIKU] = ErrorResponse(429, "throttled", "Too many requests.")
    playground.pause, playground.end = 0.15, threading.Event()
    session = new_session(width=1600)
    page = session.open(PATH)
    _select_models(page, "Claude Haiku 5.5", "Llama")
    session.wait_until_idle()
    page.get_by_role("textbox", name="Prompt").fill("Why is the sky blue?")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Nova Lite says: the air").wait_for()
    page.get_by_text("Llama 3.1 8B Instruct says: the air").wait_for()
    assert page.get_by_text("Complete").count() == 0
    playground.end.set()
    page.get_by_text("Complete").nth(1).wait_for()
    session.wait_until_idle()
    cards = page.locator("[class*=st-key-answer-]")
    assert cards.count() == 3
    assert "Too many requests at the moment." in cards.nth(1).inner_text()
    calls = api.posts("/completions/stream")
    assert sorted(call.body["model"] for call in calls) == sorted([LITE, HAIKU, LLAMA])
    assert len({call.key for call in calls}) == 3
    tops = {round(cards.nth(number).bounding_box()["y"]) for number in range(3)}
    assert len(tops) == 1
    assert session.accessibility_violations() == []


def test_portuguese_on_a_phone(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session(width=400, language="pt", scheme="dark")
    page = session.open(PATH)
    _select_models(page, "Claude Haiku 5.5")
    session.wait_until_idle()
    page.locator("summary", has_text="Parâmetros").click()
    page.get_by_test_id("stCheckbox").get_by_text("Tamanho máximo", exact=True).click()
    session.wait_until_idle()
    assert page.get_by_role("cell", name="1 a 64.000 (1.000)").is_visible()
    page.get_by_role("textbox", name="Prompt").fill("Por que o céu é azul?")
    page.get_by_role("button", name="Perguntar", exact=True).click()
    page.get_by_text("Claude Haiku 5.5 says:").wait_for()
    session.wait_until_idle()
    assert page.get_by_text("preço desconhecido").count() >= 1
    assert [call.body["parameters"] for call in api.posts("/completions/stream")] == [{"maxTokens": 1000}] * 2
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_a_click_below_the_models_counts_when_it_ends_their_choice(new_session: Callable[..., BrowserSession]) -> None:
    session = new_session(width=400)
    page = session.open(PATH)
    _select_models(page, "Llama 3.1 8B Instruct")
    session.wait_until_idle()
    page.locator("summary", has_text="Parameters").click()
    page.get_by_role("rowheader", name="Temperature").wait_for()
    # On a phone, each cell stands with the name of its model.
    cell = page.get_by_role("cell", name="0 to 0.8 (0.5)")
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Llama 3.1 8B Instruct"'
    assert session.horizontal_overflow() <= 0


def test_html_and_markdown_are_escaped(new_session: Callable[..., BrowserSession], playground: Playground) -> None:
    playground.completion_fields = {"text": HOSTILE, "stopReason": "<script>"}
    session = new_session()
    page = session.open(PATH)
    page.get_by_role("textbox", name="Prompt").fill(HOSTILE)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Stopped: <script>").wait_for()
    answer = page.locator("[class*=st-key-answer-]").inner_text()
    assert '<script>document.title="taken"</script> <b>bold</b> stars link (https://example.com) :red[x] $y$' in answer
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0


def test_an_error_keeps_the_prompt(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    api.errors.append(ErrorResponse(422, "refused"))
    page.get_by_role("textbox", name="Prompt").fill("Something")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("The model or its guardrail refused the request.").wait_for()
    assert page.get_by_role("textbox", name="Prompt").input_value() == "Something"
    session.wait_out_double_click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Complete").wait_for()
    assert len({call.key for call in api.posts("/completions/stream")}) == 1


def test_only_parameters_that_are_set_are_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    _toggle(page, "temperature").set_value(True).run()
    _toggle(page, "stopSequences").set_value(True).run()
    assert (page.slider[0].min, page.slider[0].max, page.slider[0].value) == (0.0, 1.0, 0.7)
    page.slider[0].set_value(0.2)
    next(area for area in page.text_area if area.label == "Value of Stop sequences").set_value("END\n\nSTOP")
    page.text_area(key="playground.instructions").set_value("Be brief.")
    _run(page)
    assert api.posts("/completions/stream")[0].body == {
        "model": LITE, "prompt": "Why is the sky blue?", "instructions": "Be brief.",
        "parameters": {"temperature": 0.2, "stopSequences": ["END", "STOP"]},
    }  # fmt: skip


@pytest.mark.parametrize(("answered_by", "name"), [(LLAMA, "Llama 3.1 8B Instruct"), ("us.other-v1", "us.other-v1")])
def test_an_answer_has_the_name_of_the_fallback_that_gave_it(
    app: Callable[..., AppTest], playground: Playground, answered_by: str, name: str
) -> None:
    playground.completion_fields = {"model": answered_by}
    page = _run(app("playground"))
    assert f'<p class="source">{name}</p>' in _html(page)


def test_a_parameter_that_is_switched_off_again_is_not_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    _toggle(page, "temperature").set_value(True).run()
    page.slider[0].set_value(0.2).run()
    _toggle(page, "temperature").set_value(False).run()
    _run(page)
    assert api.posts("/completions/stream")[0].body == {"model": LITE, "prompt": "Why is the sky blue?"}


def test_several_models_have_their_common_parameters(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    _toggle(page, "topK").set_value(True).run()
    page.multiselect[0].set_value([LITE, LLAMA]).run()
    assert [toggle.key for toggle in page.toggle] == [
        f"playground.set.{name}" for name in ("temperature", "topP", "maxTokens")
    ]
    _toggle(page, "temperature").set_value(True).run()
    assert page.slider[0].max == 0.8
    cells = re.findall(r"<t[hd][^>]*>([^<]*)", _html(page))
    row = cells.index("Top K")
    assert cells[cells.index("Parameters") :][:3] == ["Parameters", "Nova Lite", "Llama 3.1 8B Instruct"]
    assert cells[row + 1 : row + 3] == ["0 to 128", "not supported"]
    _run(page)
    # topK, which only the first model supports, is not sent.
    assert [call.body["parameters"] for call in api.posts("/completions/stream")] == [{"temperature": 0.7}] * 2


def test_only_the_last_answer_is_shown(app: Callable[..., AppTest]) -> None:
    page = app("playground")
    page.multiselect[0].set_value([LITE, HAIKU]).run()
    _run(page)
    assert _html(page).count(" says: ") == 2
    page.multiselect[0].set_value([HAIKU]).run()
    _run(page)
    assert _html(page).count(" says: ") == 1


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("max_tokens", "Cut off at the maximum length"), ("stop_sequence", "Stopped at a stop sequence"),
        ("guardrail_intervened", "Stopped by the guardrail"), ("something_new", "Stopped: something_new"),
    ],
)  # fmt: skip
def test_every_stop_reason_has_a_text(
    app: Callable[..., AppTest], playground: Playground, reason: str, text: str
) -> None:
    playground.completion_fields = {"stopReason": reason}
    assert text in _html(_run(app("playground")))


def test_models_near_their_end_are_listed(app: Callable[..., AppTest]) -> None:
    page = app("playground")
    (warned,) = [text for text in html(page) if 'class="lifecycles"' in text]
    assert "Ends on 2099-01-15</span> Llama 3.1 8B Instruct · Meta" in warned
    # Nobody can choose the others here.
    assert warned.count("<li>") == 1
    assert page.multiselect[0].options == [
        "Nova Lite · Amazon", "Claude Haiku 5.5 · Anthropic", "Llama 3.1 8B Instruct · Meta · Ends on 2099-01-15",
    ]  # fmt: skip


def test_the_table_has_all_models_the_offered_ones_first(app: Callable[..., AppTest], playground: Playground) -> None:
    playground.models.reverse()
    (table,) = [text for text in html(app("playground")) if text.startswith('<div class="table')]
    assert re.findall(r'<th scope="col"[^>]*>([^<]+)', table) == [
        "Model", "In this playground", "Price", "Lifecycle", "Purpose", "Provider", "Id",
    ]  # fmt: skip
    rows = [re.findall(r">([^<]+)</t[dh]>", row) for row in table.split("<tr>")[2:]]
    assert [row[1] for row in rows] == ["yes"] * 4 + ["no"] * 2
    assert rows[3] == [
        "Nova Lite", "yes", "0.06 / 0.24 USD per million input / output tokens", "Active", "text", "Amazon",
        "amazon.nova-lite-v1:0",
    ]  # fmt: skip


def test_the_parameters_say_which_model_accepts_more(app: Callable[..., AppTest]) -> None:
    page = app("playground")
    more = r"Nova Lite accepts more \(5\)\."
    for models, counts in (
        ([LITE], r"parameters that Nova Lite accepts \(5\)\.$"),
        ([HAIKU], rf"parameters that Claude Haiku 5\\\.5 accepts \(2\)\. {more}$"),
        ([HAIKU, LITE], rf"parameters that all selected models accept \(2\)\. {more}$"),
    ):
        page.multiselect[0].set_value(models).run()
        caption = next(caption.value for caption in page.caption if caption.value.startswith("Switch on"))
        assert re.search(counts, caption), caption


def test_a_stage_without_text_models(app: Callable[..., AppTest], playground: Playground) -> None:
    playground.models = [model("nova-canvas", "Nova Canvas", "Amazon", purpose="image")]
    page = app("playground")
    assert "no text model" in page.info[0].value
    assert len(page.multiselect) == 0


def test_nothing_is_sent_without_a_model_or_a_prompt(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    _run(page, " ")
    assert warnings(page) == ["Enter a prompt first, or use an example."]
    page.multiselect[0].set_value([]).run()
    _run(page)
    assert warnings(page) == ["Select a model first."]
    assert [call.method for call in api.calls if call.method == "POST"] == []


def test_the_cost_of_a_call() -> None:
    price = {"inputPerMillion": 1.0, "outputPerMillion": 5.0}
    assert cost_of(price, {"inputTokens": 1000, "outputTokens": 200}) == 0.002
    assert cost_of({"perImage": 0.04}, {"inputTokens": 1}) is None


def test_an_active_model_shows_its_earliest_end() -> None:
    item = model("a.b", "B", "A", lifecycle={"status": "active", "endOfLifeAt": "2027-01-31"})
    states = {day: lifecycle(item, date.fromisoformat(day)) for day in ("2026-06-01", "2026-12-01", "2027-02-01")}
    assert states == {
        "2026-06-01": ("good", "Active until at least 2027-01-31"),
        "2026-12-01": ("warn", "Active until at least 2027-01-31"),
        "2027-02-01": ("warn", "May end any day (since 2027-01-31)"),
    }


def test_a_common_range_is_supported_by_all_models() -> None:
    wide, narrow = ({"parameters": {"topP": {"min": low, "max": high}}} for low, high in ((0.0, 1.0), (0.5, 2.0)))
    assert common_range([wide, narrow], "topP") == (0.5, 1.0)
    assert common_range([wide, {"parameters": {}}], "topP") is None
    assert common_range([wide, {"parameters": {"topP": {"min": 1.0, "max": 2.0}}}], "topP") is None
