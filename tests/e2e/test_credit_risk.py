"""Credit risk on a stage. Scores stay: they cannot be deleted, and expire.

A stage may have any model active, so the tests that depend on a card run with the sample models only.
"""

import copy
import time
from typing import Any

import pytest

from dev.tools.examples import REQUESTS
from lambda_src.credit_risk import reasons

pytestmark = pytest.mark.e2e

USE_CASE = "credit-risk"
APPLICATION: dict[str, Any] = REQUESTS["create_score"]
# An activation is in force everywhere after a minute.
IN_FORCE_SECONDS = 65


def call(caller: Any, method: str, path: str, body: Any = None, **options: Any) -> Any:
    return caller.call(method, USE_CASE, path, body, **options)


def score(caller: Any, **changes: Any) -> Any:
    response = call(caller, "POST", "/scores", {**APPLICATION, **changes})
    if response.status == 409 and "no model is active" in response.body["error"]["message"]:
        pytest.skip("the stage has no active model")
    assert response.status == 201, response.raw
    return response.body


@pytest.fixture(scope="module")
def models(caller: Any) -> Any:
    response = call(caller, "GET", "/models")
    assert response.status == 200, response.raw
    return response.body


@pytest.fixture
def sample(models: Any) -> str:
    """The active sample model's id."""
    champion = next((item for item in models["items"] if item["id"] == models.get("champion")), None)
    if champion is None or not champion["sample"]:
        pytest.skip("no sample model is active")
    return str(champion["id"])


def test_a_score_explains_itself(caller: Any, sample: str) -> None:
    body = score(caller)

    assert body["model"]["id"] == sample
    assert body["model"]["sample"] is True
    assert body["score"] == body["basePoints"] + sum(entry["points"] for entry in body["points"])
    assert body["recommendation"] in ("approve", "refer", "decline")
    assert body["expectedLoss"] == pytest.approx(
        body["probabilityOfDefault"] * body["lossGivenDefault"] * body["exposureAtDefault"], abs=0.02
    )
    assert len(body["reasons"]) <= 5


def test_a_score_is_its_callers(caller: Any, other_caller: Any) -> None:
    body = score(caller)

    found = call(caller, "GET", f"/scores/{body['id']}")
    assert found.status == 200
    assert found.body["applicant"] == APPLICATION["applicant"]
    assert found.body["score"] == body["score"]
    assert call(other_caller, "GET", f"/scores/{body['id']}").status == 404
    review = {"outcome": "upheld", "reason": "End-to-end test"}
    assert call(other_caller, "POST", f"/scores/{body['id']}/reviews", review).status == 404
    assert body["id"] in [item["id"] for item in call(caller, "GET", "/scores", query={"limit": "100"}).body["items"]]
    assert body["id"] not in [
        item["id"] for item in call(other_caller, "GET", "/scores", query={"limit": "100"}).body["items"]
    ]


def test_a_person_reviews_a_score(caller: Any) -> None:
    body = score(caller)
    path = f"/scores/{body['id']}"

    decision = "decline" if body["recommendation"] == "approve" else "approve"
    review = {"outcome": "overturned", "decision": decision, "reason": "End-to-end test"}
    created = call(caller, "POST", f"{path}/reviews", review)
    assert created.status == 201, created.raw
    (stored,) = call(caller, "GET", path).body["reviews"]
    assert (stored["id"], stored["outcome"], stored["decision"]) == (created.body["id"], "overturned", decision)
    listed = call(caller, "GET", "/scores", query={"limit": "100"}).body["items"]
    (newest,) = [item["review"] for item in listed if item["id"] == body["id"]]
    assert newest == {"outcome": "overturned", "decision": decision}


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_letter_states_the_reasons_in_the_tables_words(
    caller: Any, other_caller: Any, sample: str, language: reasons.Language
) -> None:
    risky = {"annualIncome": 20_000, "inquiries6Months": 5, "revolvingUtilization": 92.0}
    body = score(caller, applicant={**APPLICATION["applicant"], **risky})
    path = f"/scores/{body['id']}/letters"
    response = call(caller, "POST", path, {"language": language})
    if response.status == 404 and "route" in response.body["error"]["message"]:
        pytest.skip("the stage writes no letters")

    assert response.status == 201, response.raw
    letter = response.body
    assert [reason["code"] for reason in letter["reasons"]] == [reason["code"] for reason in body["reasons"]]
    for stated, reason in zip(letter["reasons"], body["reasons"], strict=True):
        side: Any = reason["code"].removeprefix(reason["characteristic"])
        assert stated["text"] == reasons.text(reason["characteristic"], side, language)
        assert stated["text"] in letter["text"]
    assert not any(character.isnumeric() for character in letter["text"])
    assert letter["usage"]["outputTokens"] > 0
    assert call(other_caller, "POST", path, {"language": language}).status == 404


def test_a_repetition_is_the_same_score(caller: Any) -> None:
    key = {"Idempotency-Key": f"e2e-{time.time_ns()}"}
    score(caller)
    first = call(caller, "POST", "/scores", APPLICATION, headers=key)
    again = call(caller, "POST", "/scores", APPLICATION, headers=key)

    assert again.body == first.body
    assert again.headers.get("Idempotency-Replayed") == "true"


def test_what_is_impossible_is_named(caller: Any) -> None:
    body = copy.deepcopy(APPLICATION)
    body["loan"]["amount"] = 1
    response = call(caller, "POST", "/scores", body)

    assert response.status == 400
    assert response.body["error"]["details"][0]["path"] == "body.loan.amount"
    future = call(caller, "POST", "/scores", {**APPLICATION, "applicationDate": "2099-01-01"})
    assert future.body["error"]["details"] == [{"path": "body.applicationDate", "message": "is in the future"}]


def test_beyond_the_training_data_a_person_looks(caller: Any, sample: str) -> None:
    body = score(caller, loan={**APPLICATION["loan"], "amount": 900_000})

    assert body["warnings"] == [{"code": "outOfRange", "path": "loan.amount"}]
    assert body["recommendation"] == "refer"


def test_the_reasons_are_in_portuguese(caller: Any, sample: str) -> None:
    applicant = {**APPLICATION["applicant"], "annualIncome": 12_000}

    texts = [reason["text"] for reason in score(caller, applicant=applicant, language="pt")["reasons"]]
    assert reasons.text("annualIncome", "Low", "pt") in texts


def test_the_documents_of_the_active_model(caller: Any, sample: str) -> None:
    card = call(caller, "GET", f"/models/{sample}").body
    assert "sample" in [limit["code"] for limit in card["limits"]]
    assert {entry["set"] for entry in card["metrics"]} >= {"training", "holdout", "outOfTime"}
    scorecard = call(caller, "GET", f"/models/{sample}/scorecard").body
    assert [entry["name"] for entry in scorecard["characteristics"]] == card["characteristics"]
    table = call(caller, "GET", f"/models/{sample}/cut-offs", query={"step": "25", "basis": "outOfTime"}).body
    assert [row["approvalRate"] for row in table["items"]] == sorted(
        (row["approvalRate"] for row in table["items"]), reverse=True
    )
    found = call(caller, "POST", f"/models/{sample}/simulations", {"approvalRate": 0.5}).body
    assert found["simulated"]["approvalRate"] >= 0.5


def test_monitoring_counts_a_score(caller: Any, other_caller: Any) -> None:
    """Counters are raised before the response, so a strongly consistent view needs no waiting; readers may lag."""
    before = counted(other_caller)
    score(caller, segment="e2e")
    for _ in range(20):
        if counted(other_caller) > before:
            return
        time.sleep(0.5)
    pytest.fail("the score was not counted")


def counted(caller: Any) -> int:
    response = call(caller, "GET", "/monitoring", query={"period": "day"})
    assert response.status == 200, response.raw
    return sum(item["applications"] for item in response.body["items"])


def test_two_persons_activate_a_model_and_roll_back(caller: Any, other_caller: Any, sample: str) -> None:
    """The stage is as before at the end, except for the registered model, which is retired."""
    created = call(caller, "POST", "/models", REQUESTS["create_model"])
    assert created.status == 201, created.raw
    model = created.body["id"]
    path, activation = f"/models/{model}/activations", REQUESTS["activate_model"]
    four_eyes = call(caller, "POST", path, activation)
    assert (four_eyes.status, four_eyes.code) == (409, "conflict")
    cut_off = call(caller, "GET", f"/models/{sample}").body["cutOff"]

    activated = call(other_caller, "POST", path, activation)
    try:
        assert activated.status == 201, activated.raw
        assert activated.body["previous"] == sample
        time.sleep(IN_FORCE_SECONDS)
        assert score(caller)["model"]["id"] == model
    finally:
        rollback = {"role": "champion", "cutOff": cut_off, "reason": "End-to-end test: rollback"}
        back = call(other_caller, "POST", f"/models/{sample}/activations", rollback)
    assert back.status == 201, back.raw
    card = call(caller, "GET", f"/models/{model}").body
    assert card["status"] == "retired"
    assert [entry["role"] for entry in card["activations"]] == ["champion"]
    # That it scores within a minute was seen above.
    assert call(caller, "GET", "/models").body["champion"] == sample


def test_a_model_with_a_protected_attribute_is_refused(caller: Any) -> None:
    body = copy.deepcopy(REQUESTS["create_model"])
    body["card"]["characteristics"][0]["name"] = "gender"
    response = call(caller, "POST", "/models", body)

    assert response.status == 400
    assert response.body["error"]["details"][0]["path"] == "body.card.characteristics[0].name"
