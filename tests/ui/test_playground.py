"""The playground's page."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.browser import Visit
from tests.ui.fake_api import HOSTILE, FakeApi, Refusal
from tests.ui.fake_playground import HAIKU, LITE, LLAMA, Playground, model
from ui.pages.playground import common, cost, life, money

PATH = "playground"


@pytest.fixture
def playground(api: FakeApi) -> Playground:
    service: Playground = api.services[PATH]
    return service


def _choose(page: Any, *names: str) -> None:
    field = page.get_by_role("combobox").first
    for name in names:
        field.fill(name)
        page.get_by_role("option", name=name).first.click()
    page.keyboard.press("Escape")


def _run(page: AppTest, prompt: str = "Why is the sky blue?") -> AppTest:
    page.text_area(key="playground.prompt").set_value(prompt)
    return next(one for one in page.button if one.label == "Ask").click().run()


def _toggle(page: AppTest, name: str) -> Any:
    return page.toggle(key=f"playground.set.{name}")


def _html(page: AppTest) -> str:
    return "\n".join(one.proto.body for one in page.get("html"))


def test_one_model_answers_as_it_writes(visit: Callable[..., Visit], api: FakeApi, playground: Playground) -> None:
    playground.pause = 0.15
    looking = visit()
    page = looking.open(PATH)
    page.get_by_role("button", name="Explain something").click()
    looking.settle()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("Nova Lite says: sunlight").wait_for()
    assert page.get_by_text("Finished").count() == 0
    page.get_by_text("Finished").wait_for()
    looking.settle()
    assert page.get_by_text("0.8 s · about 0.0000089 USD (price of 2025-11-01)").count() == 1
    (call,) = api.posts("/completions/stream")
    assert set(call.body) == {"model", "prompt"}
    assert call.key
    assert api.posts("/completions") == []
    assert looking.barriers() == []


def test_an_answer_comes_at_once_when_that_is_asked_for(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    page.get_by_text("Show the answer while it is written").click()
    for count, prompt in enumerate(("Why is the sky blue?", "Why is the sea blue?"), 1):
        page.get_by_role("textbox", name="Prompt").fill(prompt)
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_text("Finished").wait_for()
        looking.settle()
        page.wait_for_timeout(700)
        assert len(api.posts("/completions")) == count
    assert api.posts("/completions/stream") == []


def test_models_side_by_side(visit: Callable[..., Visit], api: FakeApi, playground: Playground) -> None:
    playground.errors[HAIKU] = Refusal(429, "throttled", "Too many requests.")
    looking = visit(width=1600)
    page = looking.open(PATH)
    _choose(page, "Claude Haiku 5.5", "Llama")
    looking.settle()
    page.get_by_role("textbox", name="Prompt").fill("Why is the sky blue?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("Llama 3.1 8B Instruct says:").wait_for()
    looking.settle()
    cards = page.locator("[class*=st-key-answer-]")
    assert cards.count() == 3
    assert "Too many requests at the moment." in cards.nth(1).inner_text()
    assert api.posts("/comparisons")[0].body == {"models": [LITE, HAIKU, LLAMA], "prompt": "Why is the sky blue?"}
    tops = {round(cards.nth(number).bounding_box()["y"]) for number in range(3)}
    assert len(tops) == 1
    assert looking.barriers() == []


def test_portuguese_at_400_pixels(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit(width=400, language="pt", scheme="dark")
    page = looking.open(PATH)
    _choose(page, "Claude Haiku 5.5")
    looking.settle()
    page.get_by_text("Parâmetros", exact=True).click()
    page.get_by_text("Tamanho máximo", exact=True).click()
    looking.settle()
    page.get_by_role("textbox", name="Prompt").fill("Por que o céu é azul?")
    page.get_by_role("button", name="Perguntar", exact=True).click()
    page.get_by_text("Claude Haiku 5.5 says:").wait_for()
    looking.settle()
    assert page.get_by_text("preço desconhecido").count() >= 1
    assert api.posts("/comparisons")[0].body["parameters"] == {"maxTokens": 1000}
    assert looking.overflow() <= 0
    assert looking.barriers() == []


def test_hostile_words_are_text(visit: Callable[..., Visit], playground: Playground) -> None:
    playground.more = {"text": HOSTILE, "stopReason": "<script>"}
    looking = visit()
    page = looking.open(PATH)
    page.get_by_role("textbox", name="Prompt").fill(HOSTILE)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("Stopped: <script>").wait_for()
    assert page.locator("[class*=st-key-answer-]").get_by_text(HOSTILE, exact=True).count() == 1
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0


def test_an_error_keeps_the_prompt(visit: Callable[..., Visit], api: FakeApi) -> None:
    looking = visit()
    page = looking.open(PATH)
    api.refusals.append(Refusal(422, "refused"))
    page.get_by_role("textbox", name="Prompt").fill("Something")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("The model or its guardrail declined.").wait_for()
    assert page.get_by_role("textbox", name="Prompt").input_value() == "Something"
    # Sooner it would be a double click.
    page.wait_for_timeout(700)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("Finished").wait_for()
    assert len({call.key for call in api.posts("/completions/stream")}) == 1


def test_only_what_was_set_is_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    _toggle(page, "temperature").set_value(True).run()
    _toggle(page, "stopSequences").set_value(True).run()
    assert (page.slider[0].min, page.slider[0].max, page.slider[0].value) == (0.0, 1.0, 0.7)
    page.slider[0].set_value(0.2)
    next(one for one in page.text_area if one.label == "Value of Stop at").set_value("END\n\nSTOP")
    page.text_area(key="playground.instructions").set_value("Be brief.")
    page.toggle(key="playground.stream").set_value(False)
    _run(page)
    assert api.posts("/completions")[0].body == {
        "model": LITE, "prompt": "Why is the sky blue?", "instructions": "Be brief.",
        "parameters": {"temperature": 0.2, "stopSequences": ["END", "STOP"]},
    }  # fmt: skip


def test_what_was_switched_off_again_is_not_sent(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    _toggle(page, "temperature").set_value(True).run()
    page.slider[0].set_value(0.2).run()
    _toggle(page, "temperature").set_value(False).run()
    _run(page)
    assert api.posts("/completions/stream")[0].body == {"model": LITE, "prompt": "Why is the sky blue?"}


def test_several_models_share_what_all_of_them_take(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    _toggle(page, "topK").set_value(True).run()
    page.multiselect[0].set_value([LITE, LLAMA]).run()
    assert [one.key for one in page.toggle] == [
        f"playground.set.{name}" for name in ("temperature", "topP", "maxTokens")
    ]
    _toggle(page, "temperature").set_value(True).run()
    assert page.slider[0].max == 0.8
    taken = page.dataframe[0].value
    assert list(taken.columns) == ["Nova Lite", "Llama 3.1 8B Instruct"]
    assert list(taken.loc["Top K"]) == ["0 to 128", "not taken"]
    _run(page)
    # What was switched on for one model alone does not go to both.
    assert api.posts("/comparisons")[0].body["parameters"] == {"temperature": 0.7}


def test_the_last_answer_alone_is_shown(app: Callable[..., AppTest]) -> None:
    page = app("playground")
    page.multiselect[0].set_value([LITE, HAIKU]).run()
    _run(page)
    assert _html(page).count(" says: ") == 2
    page.multiselect[0].set_value([HAIKU]).run()
    _run(page)
    assert _html(page).count(" says: ") == 1


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("max_tokens", "Cut off: the longest answer was reached"), ("stop_sequence", "Stopped where you asked"),
        ("guardrail_intervened", "Stopped by the guardrail"), ("something_new", "Stopped: something_new"),
    ],
)  # fmt: skip
def test_why_it_stopped_is_words(app: Callable[..., AppTest], playground: Playground, reason: str, words: str) -> None:
    playground.more = {"stopReason": reason}
    assert words in _html(_run(app("playground")))


def test_models_that_end_are_told(app: Callable[..., AppTest]) -> None:
    page = app("playground")
    told = _html(page)
    assert "Ended on 2026-09-10" in told
    assert "Ends on 2099-01-15" in told
    table = page.dataframe[-1].value
    assert len(table) == 6
    assert list(table["State"])[:2] == ["In service", "In service until 2099-10-07 at least"]
    assert page.multiselect[0].options == [
        "Nova Lite · Amazon", "Claude Haiku 5.5 · Anthropic", "Llama 3.1 8B Instruct · Meta · Ends on 2099-01-15",
    ]  # fmt: skip


def test_a_stage_without_text_models_says_so(app: Callable[..., AppTest], playground: Playground) -> None:
    playground.models = [model("nova-canvas", "Nova Canvas", "Amazon", purpose="image")]
    page = app("playground")
    assert "no text model" in page.info[0].value
    assert len(page.multiselect) == 0


def test_nothing_is_sent_without_a_model_or_a_prompt(app: Callable[..., AppTest], api: FakeApi) -> None:
    page = app("playground")
    _run(page, " ")
    assert [one.value for one in page.warning] == ["Write a prompt first, or take an example."]
    page.multiselect[0].set_value([]).run()
    _run(page)
    assert [one.value for one in page.warning] == ["Choose a model first."]
    assert [call.method for call in api.calls if call.method == "POST"] == []


def test_costs() -> None:
    assert cost({"inputPerMillion": 1.0, "outputPerMillion": 5.0}, {"inputTokens": 1000, "outputTokens": 200}) == 0.002
    assert cost({"perImage": 0.04}, {"inputTokens": 1}) is None
    assert [money(value) for value in (0.0, 0.0000123, 0.0456, 1.5)] == ["0", "0.000012", "0.046", "1.50"]


def test_a_day_that_is_only_the_earliest_is_no_end() -> None:
    row = model("a.b", "B", "A", lifecycle={"status": "active", "endOfLifeAt": "2027-01-31"})
    said = {day: life(row, date.fromisoformat(day)) for day in ("2026-06-01", "2026-12-01", "2027-02-01")}
    assert said == {
        "2026-06-01": ("good", "In service until 2027-01-31 at least"),
        "2026-12-01": ("warn", "In service until 2027-01-31 at least"),
        "2027-02-01": ("warn", "May end any day (earliest: 2027-01-31)"),
    }


def test_what_is_common_is_what_all_take() -> None:
    wide, narrow = ({"parameters": {"topP": {"min": low, "max": high}}} for low, high in ((0.0, 1.0), (0.5, 2.0)))
    assert common([wide, narrow], "topP") == (0.5, 1.0)
    assert common([wide, {"parameters": {}}], "topP") is None
    assert common([wide, {"parameters": {"topP": {"min": 1.0, "max": 2.0}}}], "topP") is None
