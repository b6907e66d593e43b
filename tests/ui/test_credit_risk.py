"""The credit risk page."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from streamlit.testing.v1 import AppTest

from lambda_src.credit_risk import model, models, psi
from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from tests.ui.app_helpers import click, html, warnings
from tests.ui.browser import BrowserSession
from tests.ui.fake_api import HOSTILE, ErrorResponse, FakeApi
from tests.ui.fake_credit_risk import CUT_OFF, RESULTS, STEPS, CreditRisk
from ui import credit_examples, credit_fields
from ui.credit_batches import MAX_MEGABYTES, PURPOSES, preview
from ui.credit_examples import EXAMPLES
from ui.credit_monitoring import psi_chart
from ui.credit_scores import gauge
from ui.texts import translations

PATH = "credit-risk"
CSV = b"applicationId,amount,termMonths\nA-1,12000,36\n"


@pytest.fixture
def credit(api: FakeApi) -> CreditRisk:
    service: CreditRisk = api.services[PATH]
    return service


@pytest.fixture
def part(app: Callable[..., AppTest]) -> Callable[..., AppTest]:
    """`part("models", "quality")` opens a part of the page, without a browser."""

    def open_part(name: str, view: str | None = None) -> AppTest:
        page = app("credit_risk")
        page.session_state["credit.view"] = name
        if view:
            page.session_state["credit.model_view"] = view
        page.run()
        assert not page.exception, page.exception
        return page

    return open_part


def _show(session: BrowserSession, name: str) -> None:
    """Opens a part of the page, or a view of a model."""
    session.page.locator("[data-testid=stButtonGroup]").get_by_text(name, exact=True).click()
    session.wait_until_idle()


def _choose_model(session: BrowserSession, name: str) -> None:
    models = session.page.get_by_role("combobox", name="Model")
    # Scrolling closes the list.
    models.scroll_into_view_if_needed()
    session.wait_until_idle()
    models.fill(name)
    session.page.get_by_role("option", name=name).first.click()
    session.wait_until_idle()


def _score(
    session: BrowserSession, example: str = "An average applicant", button: str = "Score the application"
) -> Any:
    page = session.page
    page.get_by_role("button", name=example).click()
    session.wait_until_idle()
    page.get_by_role("button", name=button).click()
    page.locator("img.gauge").first.wait_for()
    session.wait_until_idle()
    return page


# --- Scores


def test_from_the_form_to_the_score(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    session.open(PATH)
    page = _score(session)
    (call,) = api.posts("/scores")
    loan = {name: EXAMPLES["average"][name] for name in ("amount", "termMonths", "purpose", "interestRate", "grade")}
    assert call.body["loan"] == loan
    assert set(call.body["applicant"]) == set(EXAMPLES["average"]) - set(loan)
    assert call.body["language"] == "en"
    assert call.key
    assert page.get_by_text("Why the score is not higher").is_visible()
    # Its id is behind "Details".
    assert page.get_by_text("Application without a number").is_visible()
    assert api.services[PATH].scores[0]["id"] not in page.locator(".st-key-credit-score").inner_text()
    assert page.locator("img.gauge").first.get_attribute("alt").startswith("Score ")
    assert page.get_by_text("Details", exact=True).last.is_visible()
    page.get_by_text("Show as a table").first.click()
    page.get_by_role("table").first.wait_for()
    assert page.get_by_role("rowheader", name="Annual income").is_visible()
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


def test_an_error_keeps_the_application(new_session: Callable[..., BrowserSession], api: FakeApi) -> None:
    session = new_session()
    page = session.open(PATH)
    api.errors.append(ErrorResponse(503, "unavailable", retry_after=9))
    page.get_by_role("button", name="A weak applicant").click()
    session.wait_until_idle()
    page.get_by_role("button", name="Score the application").click()
    page.get_by_text("The model or its storage is unavailable.").wait_for()
    assert page.get_by_label("Annual income", exact=True).input_value() == "24000.00"
    session.wait_out_double_click()
    page.get_by_role("button", name="Score the application").click()
    page.locator("img.gauge").first.wait_for()
    assert len({call.key for call in api.posts("/scores")}) == 1


def test_a_person_overturns_a_recommendation_with_the_keyboard(
    new_session: Callable[..., BrowserSession], api: FakeApi, credit: CreditRisk
) -> None:
    session = new_session(scheme="dark")
    session.open(PATH)
    page = _score(session, "A weak applicant")
    page.get_by_text("Details and review").click()
    page.get_by_label("Reason").wait_for()
    session.wait_until_idle()
    page.get_by_text("Approve, against the recommendation", exact=True).click()
    page.get_by_label("Reason").fill(HOSTILE)
    save = page.get_by_role("button", name="Save the review")
    save.focus()
    page.keyboard.press("Enter")
    page.get_by_text("The review is saved.").wait_for()
    session.wait_until_idle()
    assert page.get_by_label("Reason").count() == 0
    session.wait_until_idle()
    (call,) = api.posts(f"/scores/{credit.scores[0]['id']}/reviews")
    assert call.body == {"outcome": "overturned", "decision": "approve", "reason": HOSTILE}
    # In the list, and among the details.
    assert page.get_by_text("Decided: Approve, against the recommendation").count() == 2
    assert page.locator("blockquote").get_by_text(HOSTILE, exact=True).is_visible()
    assert page.get_by_role("rowheader", name="Housing").is_visible()
    assert page.title() != "taken"
    assert session.accessibility_violations() == []


@pytest.mark.parametrize(
    ("recommendation", "decision", "label", "outcome"),
    [
        ("approve", "approve", "Approve, as recommended", "upheld"),
        ("approve", "decline", "Decline, against the recommendation", "overturned"),
        ("decline", "decline", "Decline, as recommended", "upheld"),
        ("refer", "approve", "Approve", "upheld"),
        ("refer", "decline", "Decline", "upheld"),
    ],
)
def test_a_review_states_the_decision(
    part: Callable[..., AppTest], api: FakeApi, credit: CreditRisk, recommendation: str, decision: str, label: str,
    outcome: str,
) -> None:  # fmt: skip
    page = part("score")
    click(page, "A strong applicant")
    click(page, "Score the application")
    credit.scores[0]["recommendation"] = recommendation
    score = credit.scores[0]["id"]
    page.session_state[f"credit details {score}"] = True
    page.run()
    assert page.radio[0].value is None
    page.text_area[0].set_value("Payslips")
    click(page, "Save the review")
    assert warnings(page) == ["Choose a decision first."]
    assert label in page.radio[0].options
    page.radio[0].set_value(decision)
    click(page, "Save the review")
    assert [call.body for call in api.posts(f"/scores/{score}/reviews")] == [
        {"outcome": outcome, "decision": decision, "reason": "Payslips"}
    ]
    assert "".join(html(page)).count(f"Decided: {label}<") == 2


def test_the_average_and_all_bars_add_up_to_the_score(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    page = part("score")
    click(page, "A weak applicant")
    click(page, "Score the application")
    score = credit.scores[0]
    average = score["basePoints"] + sum(entry["averagePoints"] for entry in score["points"])
    bars = [entry["points"] - entry["averagePoints"] for entry in score["points"]]
    assert average + sum(bars) == pytest.approx(score["score"])
    assert any(f"The average applicant has {average:.0f} points." in caption.value for caption in page.caption)


def test_what_is_missing_is_not_sent(part: Callable[..., AppTest], api: FakeApi) -> None:
    page = part("score")
    click(page, "Score the application")
    assert warnings(page) == ['Enter "Amount" first, or use an example above.']
    page.number_input(key="credit.field.amount").set_value(9_000.0)
    page.number_input(key="credit.field.termMonths").set_value(36)
    page.text_input(key="credit.field.earliestCreditLine").set_value("March 1999")
    click(page, "Score the application")
    assert warnings(page) == ['"Oldest account since" must be a year and a month, such as 1999-03.']
    assert api.posts("/scores") == []


def test_a_field_that_the_model_needs_is_named(part: Callable[..., AppTest]) -> None:
    page = part("score")
    click(page, "A strong applicant")
    page.selectbox(key="credit.field.grade").set_value(None)
    click(page, "Score the application")
    assert len(page.error) == 1
    assert "loan.grade: is required by the model" in "".join(html(page))


def test_optional_fields_are_sent_when_given(part: Callable[..., AppTest], api: FakeApi) -> None:
    page = part("score")
    click(page, "A strong applicant")
    page.number_input(key="credit.field.employmentYears").set_value(None)
    page.text_input(key="credit.application").set_value(" A-2026-7 ")
    page.text_input(key="credit.segment").set_value("branch-1")
    click(page, "Score the application")
    (call,) = api.posts("/scores")
    assert "employmentYears" not in call.body["applicant"]
    assert call.body["applicationId"] == "A-2026-7"
    assert call.body["segment"] == "branch-1"
    assert "applicationDate" not in call.body
    assert "A-2026-7" in "".join(html(page))


def test_a_score_outside_the_training_range_is_explained(part: Callable[..., AppTest]) -> None:
    page = part("score")
    click(page, "A strong applicant")
    page.number_input(key="credit.field.amount").set_value(400_000.0)
    click(page, "Score the application")
    assert len([warning for warning in warnings(page) if warning.startswith("Amount: outside the values")]) == 1
    assert "Recommended: refer to a person" in "".join(html(page))


def test_a_gauge_with_cut_offs_outside_its_range(credit: CreditRisk) -> None:
    score = {"score": 900, "scoreRange": {"min": 300, "max": 850}, "cutOff": {"approve": 2_000, "refer": -5}}
    assert gauge(score).startswith('<img class="gauge"')


# --- Models


def test_activation_is_refused_by_four_eyes(
    new_session: Callable[..., BrowserSession], api: FakeApi, credit: CreditRisk
) -> None:
    model_id = credit.add_model("Scorecard of November")
    api.errors.append(ErrorResponse(409, "conflict", f"You registered this model. {HOSTILE}"))
    session = new_session()
    page = session.open(PATH)
    _show(session, "Models")
    _choose_model(session, "Scorecard of November")
    _show(session, "Activate")
    page.get_by_label("Approve from", exact=True).fill("650")
    page.get_by_label("Refer from", exact=True).fill("600")
    page.get_by_label("Reason").fill("Better on the holdout")
    page.get_by_role("button", name="Activate", exact=True).last.click()
    page.get_by_text("Not activated: the model keeps its role.").wait_for()
    assert page.get_by_text("A model needs metrics and a second person").is_visible()
    assert page.get_by_text(f"You registered this model. {HOSTILE}", exact=True).is_visible()
    (call,) = api.posts(f"/models/{model_id}/activations")
    assert call.body == {
        "role": "champion", "cutOff": {"approve": 650, "refer": 600}, "reason": "Better on the holdout",
    }  # fmt: skip
    assert page.get_by_label("Reason").input_value() == "Better on the holdout"
    assert session.accessibility_violations() == []


def test_an_activation_is_logged(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    model_id = credit.add_model("Scorecard of November")
    page = part("models", "activation")
    page.selectbox(key="credit.model").select(model_id).run()
    click(page, "Activate")
    assert warnings(page) == ["Enter both cut-offs first."]
    page.number_input(key=f"credit approve {model_id}").set_value(600)
    page.number_input(key=f"credit refer {model_id}").set_value(620)
    click(page, "Activate")
    assert warnings(page) == ['"Refer from" must not be above "Approve from".']
    page.number_input(key=f"credit refer {model_id}").set_value(590)
    click(page, "Activate")
    assert warnings(page) == ["Enter a reason first."]
    page.text_area(key=f"credit why {model_id}").set_value("Better")
    click(page, "Activate")
    assert [success.value for success in page.success] == ["The model is now champion: it answers."]
    assert [entry["status"] for entry in credit.models] == ["retired", "challenger", "champion"]
    page.session_state["credit.model_view"] = "overview"
    page.run()
    assert any("Better" in text for text in html(page))


def test_a_retirement_has_no_cut_offs(part: Callable[..., AppTest], api: FakeApi, credit: CreditRisk) -> None:
    page = part("models", "activation")
    model_id = credit.models[0]["id"]
    page.radio(key=f"credit role {model_id}").set_value("retired")
    page.text_area(key=f"credit why {model_id}").set_value("Outdated")
    click(page, "Activate")
    assert api.posts(f"/models/{model_id}/activations")[0].body == {"role": "retired", "reason": "Outdated"}


def test_the_slider_shows_what_a_cut_off_does(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    page = part("models", "cut_offs")
    slider = page.select_slider(key="credit.cut_off")
    assert slider.value == CUT_OFF["approve"]
    before = next(text for text in html(page) if "Approval rate" in text)
    slider.set_value(700).run()
    after = next(text for text in html(page) if "Approval rate" in text)
    assert before != after
    assert "The cut-off in force is 640." in [caption.value for caption in page.caption]


@pytest.mark.usefixtures("no_double_clicks")
def test_a_simulation_is_compared_with_the_cut_off_in_force(
    part: Callable[..., AppTest], api: FakeApi, credit: CreditRisk
) -> None:
    page = part("models", "cut_offs")
    click(page, "Find")
    assert warnings(page) == ["Enter the goal first."]
    page.selectbox(key="credit.goal").select("maximumBadRate").run()
    page.number_input(key="credit.wish").set_value(9.0)
    page.number_input(key="credit.margin").set_value(7.5)
    click(page, "Find")
    path = f"/models/{credit.models[0]['id']}/simulations"
    assert api.posts(path)[0].body == {"basis": "holdout", "maximumBadRate": 0.09, "margin": 0.075}
    table = next(text for text in html(page) if "In force" in text)
    assert "Margin after losses" in table
    api.errors.append(ErrorResponse(409, "conflict", "No cut-off keeps to that."))
    click(page, "Find")
    assert len(page.error) == 1


def test_a_basis_without_loans_is_explained(part: Callable[..., AppTest]) -> None:
    page = part("models", "quality")
    page.session_state["credit.basis"] = "production"
    page.run()
    assert any("The model has no such loans." in info.value for info in page.info)
    assert not page.exception


def test_without_models_the_page_says_what_to_do(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    credit.models.clear()
    for name in ("models", "monitoring"):
        assert any("There are no models yet." in info.value for info in part(name).info)


def test_html_and_markdown_are_escaped(
    new_session: Callable[..., BrowserSession], api: FakeApi, credit: CreditRisk
) -> None:
    model_id = credit.add_model(HOSTILE)
    credit.activations[model_id].append({**credit.activations[credit.models[0]["id"]][0], "reason": HOSTILE})
    credit.add_periods()
    credit.periods[-1]["segments"][0]["segment"] = HOSTILE
    credit.add_batch(HOSTILE, "training")
    credit.add_training(HOSTILE, "failed", 1, error={"code": "<b>new</b>", "message": HOSTILE})
    session = new_session()
    page = session.open(PATH)
    _show(session, "Models")
    _choose_model(session, "Loud")
    page.locator("blockquote").get_by_text(HOSTILE, exact=True).wait_for()
    assert page.get_by_role("rowheader").get_by_text(HOSTILE, exact=True).is_visible()
    _show(session, "Monitoring")
    page.get_by_role("rowheader").get_by_text(HOSTILE, exact=True).wait_for()
    _show(session, "Batches and trainings")
    page.get_by_text(HOSTILE, exact=True).nth(2).wait_for()
    session.wait_until_idle()
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_text("<script>").wait_for()
    assert page.title() != "taken"
    assert page.get_by_role("link", name="link").count() == 0
    assert page.locator("b", has_text="bold").count() == 0


# --- Monitoring


def test_monitoring_shows_levels_outcomes_and_groups(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    credit.add_periods()
    texts = "".join(html(part("monitoring")))
    for level in ("Stable", "Watch", "Alarm"):
        assert f">{level}</span>" in texts
    assert "<td>0.271</td>" in texts
    assert "<td>0.630 – 0.738</td>" in texts
    assert "90.3\N{NO-BREAK SPACE}% / 91.1\N{NO-BREAK SPACE}%" in texts
    assert "branch-2" in texts
    assert texts.index("Term in months") < texts.index("Purpose")


def test_periods_with_few_applications_are_points_that_do_not_set_the_scale(credit: CreditRisk) -> None:
    credit.add_periods()
    few = {**credit.periods[0], "period": "2026-12", "applications": 499, "scorePsi": 3.2, "noise": 1.5}
    levels, lines, points = psi_chart([*credit.periods, few]).to_dict()["layer"]
    top = lines["encoding"]["y"]["scale"]["domain"][1]
    assert 0.271 < top < 0.35
    assert points["encoding"]["y"]["scale"] == {"domain": [0, top], "clamp": True}
    assert levels["encoding"]["color"]["scale"]["domain"] == ["PSI", "Noise", "Watch", "Alarm"]
    data = psi_chart([*credit.periods, few]).to_dict()["datasets"]
    assert {row["period"] for row in data[lines["data"]["name"]]} == {"2026-08", "2026-09", "2026-10"}
    assert data[points["data"]["name"]] == [{"period": "2026-12", "kind": "Too few", "value": 3.2}]


def test_a_chart_of_few_applications_says_so(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    credit.add_periods()
    note = "Gray circles: fewer than 500 applications"
    assert not [caption for caption in part("monitoring").caption if note in caption.value]
    credit.periods = [{**credit.periods[-1], "applications": 499}]
    assert [caption for caption in part("monitoring").caption if note in caption.value]


def test_few_applications_are_not_called_stable(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    credit.add_periods()
    credit.periods = [{**credit.periods[-1], "applications": 499}]
    texts = "".join(html(part("monitoring")))
    assert ">Too few</span>" in texts
    assert ">Stable</span>" not in texts
    assert ">Alarm</span>" not in texts


def test_the_period_and_the_days_are_sent(part: Callable[..., AppTest], api: FakeApi) -> None:
    page = part("monitoring")
    assert any("No applications in this time." in info.value for info in page.info)
    page.selectbox(key="credit.period").select("quarter").run()
    assert not page.exception


def test_nothing_to_monitor_is_no_error(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    credit.conflicts = {"get_monitoring"}
    page = part("monitoring")
    assert len(page.error) == 0
    assert any("There is nothing to monitor yet" in info.value for info in page.info)


# --- Batches and trainings


def _choose_file(page: Any, content: bytes = CSV) -> None:
    file = {"name": "applications.csv", "mimeType": "text/csv", "buffer": content}
    page.locator("input[type=file]").set_input_files([file])
    page.get_by_text("applications.csv").first.wait_for()


def _upload(page: Any) -> None:
    page.locator("[data-testid=stFormSubmitButton]").first.get_by_role("button").click()


def test_a_batch_is_uploaded_processed_and_downloaded(
    new_session: Callable[..., BrowserSession], api: FakeApi, credit: CreditRisk
) -> None:
    credit.processing_states = [{"status": "processing", "rows": 1_200, "rowsDone": done} for done in (0, 480)]
    credit.is_paused = True
    session = new_session()
    page = session.open(PATH)
    _show(session, "Batches and trainings")
    page.get_by_text("No batches yet.").wait_for()
    with page.expect_download() as example:
        page.get_by_role("button", name="Example file").click()
    assert Path(example.value.path()).read_text() == credit_examples.file("scoring")
    _choose_file(page)
    _upload(page)
    page.get_by_text("480 of 1,200 rows").wait_for()
    session.wait_until_idle()
    assert session.accessibility_violations() == []
    credit.is_paused = False
    session.badge("Ready").wait_for()
    (call,) = api.posts("/batches")
    assert set(call.body) == {"name", "purpose", "bytes", "sha256", "language"}
    assert call.body["name"] == "applications.csv"
    assert list(credit.files.values()) == [CSV]
    session.wait_until_idle()
    assert page.get_by_text("USD 1,234,567.89").is_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the results").click()
    assert re.fullmatch(r"results-applications-\d{4}-\d\d-\d\d\.csv\.gz", download.value.suggested_filename)
    assert Path(download.value.path()).read_bytes() == RESULTS
    page.get_by_text("Show the rejected rows").click()
    page.get_by_role("cell", name="must be at least 500").wait_for()
    session.wait_until_idle()
    assert session.accessibility_violations() == []


def test_a_failed_upload_leaves_no_batch_and_keeps_the_file(
    new_session: Callable[..., BrowserSession], credit: CreditRisk
) -> None:
    credit.failing_uploads = 1
    session = new_session()
    page = session.open(PATH)
    _show(session, "Batches and trainings")
    _upload(page)
    request = page.get_by_text("Choose a file first.")
    request.wait_for()
    _choose_file(page)
    request.wait_for(state="hidden")
    _upload(page)
    page.get_by_text("The API failed.").wait_for()
    assert credit.batches == []
    _upload(page)
    session.badge("Ready").wait_for()
    assert len(credit.batches) == 1


def test_a_double_click_uploads_a_batch_once(
    new_session: Callable[..., BrowserSession], api: FakeApi, credit: CreditRisk
) -> None:
    session = new_session()
    page = session.open(PATH)
    _show(session, "Batches and trainings")
    api.post_seconds = 0.5
    _choose_file(page)
    page.locator("[data-testid=stFormSubmitButton]").first.get_by_role("button").dblclick()
    session.badge("Ready").wait_for()
    session.wait_until_idle()
    assert len(credit.batches) == 1
    assert page.get_by_text("Choose a file first.").count() == 0


def test_nothing_is_uploaded_without_a_file(part: Callable[..., AppTest], api: FakeApi) -> None:
    page = part("batches")
    click(page, "Upload the file")
    assert warnings(page) == ["Choose a file first."]
    assert api.posts("/batches") == []


def test_a_training_is_started(part: Callable[..., AppTest], api: FakeApi, credit: CreditRisk) -> None:
    batch_id = credit.add_batch("loans.csv.gz", "training")
    page = part("batches")
    click(page, "Start the training")
    assert warnings(page) == ["Enter a name for the model first."]
    page.text_input(key="credit.training_name").set_value("Without pricing")
    page.multiselect(key="credit.exclude").set_value(["grade", "interestRate"])
    page.text_input(key="credit.test_from").set_value("2011-01")
    click(page, "Start the training")
    assert api.posts("/trainings")[0].body == {
        "batch": batch_id, "name": "Without pricing", "exclude": ["grade", "interestRate"], "currency": "USD",
        "scale": {"min": 300, "max": 850}, "maximumPValue": 0.05, "minimumInformationValue": 0.01,
        "testFrom": "2011-01",
    }  # fmt: skip
    assert "Without pricing" in "".join(html(page))


def test_a_training_advances_and_fails(new_session: Callable[..., BrowserSession], credit: CreditRisk) -> None:
    credit.add_batch("loans.csv", "training")
    credit.add_training("Too few", "running", 1)
    error = {"code": "noModel", "message": "No characteristic is left: the file has too few defaults."}
    credit.training_states = [{"status": "running"}, {"status": "failed", "error": error}]
    session = new_session()
    page = session.open(PATH)
    _show(session, "Batches and trainings")
    page.get_by_text("No characteristic is left").wait_for()
    assert page.get_by_text("Failed", exact=True).is_visible()
    assert page.get_by_text("Code: noModel").is_visible()
    session.wait_until_idle()
    assert session.accessibility_violations() == []


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"line,reason\n3,bad\n", [["line", "reason"], ["3", "bad"]]),
        (gzip.compress(b"line,reason\n3\n4,a,b\n"), [["line", "reason"], ["3", ""], ["4", "a"]]),
        (gzip.compress(b"line,reason\n3\n")[:-9], []),
        (b"", []),
        (b"a\n" + b"1\n" * 50, [["a"], *[["1"]] * 20]),
    ],
    ids=["csv", "compressed", "damaged", "empty", "long"],
)
def test_the_preview_of_a_file(content: bytes, rows: list[list[str]]) -> None:
    assert preview(content) == rows


# --- All parts


@pytest.mark.parametrize(
    ("operation", "name", "roles"),
    [
        ("list_scores", "score", "scorer, auditor"),
        ("list_models", "models", "modeller, validator, auditor"),
        ("get_monitoring", "monitoring", "validator, auditor"),
        ("list_batches", "batches", "scorer, modeller, auditor"),
        ("list_trainings", "batches", "modeller, auditor"),
    ],
)
def test_a_part_names_the_roles_that_may_read_it(
    part: Callable[..., AppTest], credit: CreditRisk, operation: str, name: str, roles: str
) -> None:
    credit.forbidden = {operation}
    page = part(name)
    assert any(f"It is for: {roles}." in info.value for info in page.info)
    assert len(page.error) == 0
    other = "models" if name != "models" else "score"
    assert not part(other).info


def test_the_form_names_the_roles_that_may_score(part: Callable[..., AppTest], credit: CreditRisk) -> None:
    credit.forbidden = {"create_score"}
    page = part("score")
    click(page, "A weak applicant")
    click(page, "Score the application")
    assert any("It is for: scorer." in info.value for info in page.info)
    assert page.number_input(key="credit.field.amount").value == EXAMPLES["weak"]["amount"]


def test_portuguese_on_a_phone_in_the_dark(new_session: Callable[..., BrowserSession], credit: CreditRisk) -> None:
    credit.add_periods()
    credit.add_batch("Pedidos de outubro com um nome muito comprido, de uma só vez, edição de 2026.csv")
    credit.add_batch("Empréstimos.csv", "training")
    credit.add_training("Cartão", "ready", 5)
    session = new_session(width=400, language="pt", scheme="dark")
    session.open(PATH)
    page = _score(session, "Um perfil fraco", "Pontuar o pedido")
    assert page.get_by_role("listitem").get_by_text("A renda é baixa.").is_visible()
    assert page.get_by_text("USD 12.680,08").is_visible()
    _assert_fits(session)
    _show(session, "Modelos")
    for view in ("Visão geral", "Scorecard", "Qualidade", "Pontos de corte", "Ativar"):
        _show(session, view)
        _assert_fits(session)
    for name in ("Monitoramento", "Lotes e treinos"):
        _show(session, name)
        _assert_fits(session)


def _assert_fits(session: BrowserSession) -> None:
    session.wait_until_idle()
    assert session.page.get_by_role("alert").count() == 0
    assert session.horizontal_overflow() <= 0
    assert session.accessibility_violations() == []


# --- What the page knows about the API


def test_the_fields_are_those_of_the_api() -> None:
    fields = {field.name: field for field in credit_fields.FIELDS}
    assert fields.keys() == CHARACTERISTICS.keys()
    for name, characteristic in CHARACTERISTICS.items():
        field = fields[name]
        assert field.options == characteristic.known
        assert (field.kind == "month") == (characteristic.kind == "month")
        if characteristic.kind == "number":
            assert (field.minimum, field.maximum) == (characteristic.minimum, characteristic.maximum)
    assert {field.name for field in credit_fields.LOAN} == {
        name for name, characteristic in CHARACTERISTICS.items() if characteristic.group == "loan"
    }


def test_every_value_of_the_api_has_a_text() -> None:
    limit_codes = get_args(models.Limit.__annotations__["code"])
    expected = {
        "status": get_args(models.ModelStatus), "origin": get_args(models.Origin), "basis": get_args(models.Basis),
        "period": get_args(models.PeriodLength), "recommend": get_args(models.Recommendation),
        "level": get_args(psi.Level), "set": get_args(model.Set), "limit": limit_codes,
        "dropped": get_args(model.Dropped.__annotations__["reason"]), "step": get_args(models.TrainingStepName),
        "batch": {*get_args(models.BatchStatus), *get_args(models.TrainingStatus)}, "purpose": PURPOSES,
        "warning": get_args(models.ScoreWarning.__annotations__["code"]), "field": CHARACTERISTICS,
        "category": {value for entry in CHARACTERISTICS.values() if entry.name != "grade" for value in entry.known},
    }  # fmt: skip
    keys = {f"credit_risk.{kind}_{value}" for kind, values in expected.items() for value in values}
    assert keys - set(translations()) == set()
    assert set(PURPOSES) == set(get_args(models.BatchPurpose))
    assert set(STEPS) == set(get_args(models.TrainingStepName))
    assert MAX_MEGABYTES * 2**20 == 104_857_600


def test_classes_are_written_in_the_users_language() -> None:
    assert credit_fields.class_label("annualIncome", "25279 - < 40000") == "25,279 – < 40,000"
    assert credit_fields.class_label("annualIncome", ">= 72606") == "≥ 72,606"
    assert credit_fields.class_label("earliestCreditLine", ">= 173") == "≥ 173 months"
    assert credit_fields.class_label("earliestCreditLine", "missing") == "Missing"
    assert credit_fields.class_label("purpose", "car, unknownHere") == "Car, unknownHere"
    assert credit_fields.class_label("purpose", "missing") == "Missing"
