"""The API from end to end: requests in, responses out, over stores in memory."""

import json
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from lambda_src.credit_risk.registry import FIRST_CHAMPION
from lambda_src.credit_risk.routes import ROUTES
from lambda_src.credit_risk.settings import RoleGroups
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from tests.fakes import CALLER, OTHER, LambdaContext, client_error, event, identity
from tests.lambda_src.credit_risk.stage import APPLICATION, CUT_OFF, TODAY, Stage, with_metrics


@pytest.fixture
def stage() -> Stage:
    return Stage()


def call(
    stage: Stage,
    method: str,
    resource: str,
    body: Any = None,
    *,
    caller: str = CALLER,
    key: str | None = None,
    **changes: Any,
) -> tuple[int, Any]:
    """A request to a new process: nothing but the stores is shared between requests."""
    store = IdempotencyStore("table", stage.table, stage.clock)
    api = Api(ROUTES, stage.process(), stage.settings, store)
    headers = {"Idempotency-Key": key} if key else {}
    request = event(method, resource, body, headers=headers, **changes)
    request["requestContext"]["identity"] = identity(caller)
    response = api(request, LambdaContext())
    return response["statusCode"], json.loads(response["body"])


def changed(path: str, value: Any) -> dict[str, Any]:
    """The application with another value; None takes it away."""
    body: dict[str, Any] = json.loads(json.dumps(APPLICATION))
    *parents, last = path.split(".")
    target = body
    for parent in parents:
        target = target[parent]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return body


# An application for each recommendation of the first champion.
RECOMMENDED = {
    "approve": APPLICATION,
    "refer": changed("loan.termMonths", 60),
    "decline": {
        "applicant": {**APPLICATION["applicant"], "annualIncome": 24_000, "inquiries6Months": 5},
        "loan": {**APPLICATION["loan"], "termMonths": 60},
    },
}


def problem(answer: tuple[int, Any]) -> tuple[str, str]:
    status, body = answer
    assert status == 400, body
    ((path, message),) = ((detail["path"], detail["message"]) for detail in body["error"]["details"])
    return path, message


def test_an_application_is_scored_with_everything_that_explains_it(stage: Stage) -> None:
    status, score = call(stage, "POST", "/scores", APPLICATION)

    assert status == 201
    assert score["score"] == score["basePoints"] + sum(entry["points"] for entry in score["points"])
    assert score["scoreRange"] == {"min": 300, "max": 850}
    loss = score["probabilityOfDefault"] * score["lossGivenDefault"] * score["exposureAtDefault"]
    assert score["expectedLoss"] == pytest.approx(loss, abs=0.02)
    assert score["expectedLossRate"] == pytest.approx(score["expectedLoss"] / 12_000, abs=1e-6)
    assert 0 < score["probabilityOfDefault12Months"] < score["probabilityOfDefault"] < 1
    assert score["recommendation"] == "approve"
    assert score["model"]["id"] == FIRST_CHAMPION
    assert score["model"]["sample"] is True
    assert score["applicationDate"] == TODAY
    assert "decision" not in json.dumps(score)


def test_a_score_is_found_by_its_caller_alone(stage: Stage) -> None:
    _, score = call(stage, "POST", "/scores", {**APPLICATION, "segment": "north", "applicationId": "A-1"})

    status, found = call(stage, "GET", "/scores/{id}", path={"id": score["id"]})
    assert status == 200
    assert {**found, **APPLICATION} == found
    assert {name: found[name] for name in score if name != "requestId"} == {
        name: value for name, value in score.items() if name != "requestId"
    }
    assert found["reviews"] == []
    assert call(stage, "GET", "/scores/{id}", path={"id": score["id"]}, caller=OTHER)[0] == 404
    review = {"outcome": "upheld", "reason": "Checked."}
    assert call(stage, "POST", "/scores/{id}/reviews", review, path={"id": score["id"]}, caller=OTHER)[0] == 404
    assert [item["id"] for item in call(stage, "GET", "/scores")[1]["items"]] == [score["id"]]
    assert call(stage, "GET", "/scores", caller=OTHER)[1]["items"] == []


def test_scores_are_listed_newest_first_in_pages(stage: Stage) -> None:
    ids = []
    for _ in range(3):
        ids.append(call(stage, "POST", "/scores", APPLICATION)[1]["id"])
        stage.clock.now += 1

    _, first = call(stage, "GET", "/scores", query={"limit": "2"})
    _, second = call(stage, "GET", "/scores", query={"limit": "2", "cursor": first["nextCursor"]})
    assert [item["id"] for item in (*first["items"], *second["items"])] == ids[::-1]
    assert "applicant" not in first["items"][0]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("applicant.annualIncome", -1, "Expected `float` >= 0.0"),
        ("applicant.debtToIncome", 1_001, "Expected `float` <= 1000.0"),
        ("applicant.earliestCreditLine", "2004-13", "matching regex"),
        ("loan.amount", 499, "Expected `float` >= 500.0"),
        ("loan.amount", 1_000_001, "Expected `float` <= 1000000.0"),
        ("loan.termMonths", 5, "Expected `int` >= 6"),
        ("loan.termMonths", 121, "Expected `int` <= 120"),
        ("loan.purpose", "a car!", "matching regex"),
        ("applicant.race", "x", "is unknown"),
        ("applicant.segment", "x", "is unknown"),
        ("language", "de", "Invalid enum value 'de'"),
        ("applicationDate", "2026-02-30", "there is no such day"),
        ("applicationDate", "2026-11-20", "is in the future"),
        ("applicant.earliestCreditLine", "2026-12", "is after the application"),
        # The active card needs it, and has no rule for applications without.
        ("applicant.debtToIncome", None, "is required by the model"),
        ("loan.purpose", None, "is required by the model"),
        ("loan.purpose", "yacht", "the model knows car, creditCard"),
    ],
)
def test_what_cannot_be_scored_is_named(stage: Stage, path: str, value: Any, message: str) -> None:
    place, reason = problem(call(stage, "POST", "/scores", changed(path, value)))

    assert place == f"body.{path}"
    assert message in reason
    assert not stage.counts(FIRST_CHAMPION)


def test_what_may_be_missing_is_scored_by_the_models_rule(stage: Stage) -> None:
    for path in ("applicant.annualIncome", "applicant.inquiries6Months", "loan.grade"):
        status, score = call(stage, "POST", "/scores", changed(path, None))
        assert status == 201
        points = {entry["characteristic"]: entry for entry in score["points"]}
        name = path.partition(".")[2]
        assert name not in points or points[name]["missing"]


def test_a_value_outside_the_training_data_is_referred_to_a_person(stage: Stage) -> None:
    _, score = call(stage, "POST", "/scores", changed("loan.amount", 90_000))

    assert score["warnings"] == [{"code": "outOfRange", "path": "loan.amount"}]
    assert score["score"] >= score["cutOff"]["approve"]
    assert score["recommendation"] == "refer"


def test_the_latest_day_on_earth_is_not_in_the_future(stage: Stage) -> None:
    status, score = call(stage, "POST", "/scores", {**APPLICATION, "applicationDate": "2026-11-19"})

    assert (status, score["applicationDate"]) == (201, "2026-11-19")


def test_the_segment_is_no_input(stage: Stage) -> None:
    _, plain = call(stage, "POST", "/scores", APPLICATION)
    _, grouped = call(stage, "POST", "/scores", {**APPLICATION, "segment": "north"})

    assert grouped["points"] == plain["points"]
    assert stage.counts(FIRST_CHAMPION, "segments") == {"n:north": 1, "a:north": 1}


def test_reasons_are_in_the_requests_language(stage: Stage) -> None:
    body = {**changed("applicant.annualIncome", 20_000), "language": "pt"}

    assert "A renda é baixa." in [reason["text"] for reason in call(stage, "POST", "/scores", body)[1]["reasons"]]


def test_a_body_above_the_limit_is_refused(stage: Stage) -> None:
    body = json.dumps({**APPLICATION, "applicationId": "A" * 65_536})

    assert call(stage, "POST", "/scores", body)[0] == 413


@pytest.mark.parametrize("operation", ["transact_write_items", "get_item"])
def test_a_score_that_cannot_be_written_is_not_answered(stage: Stage, operation: str) -> None:
    stage.table.fail[operation] = client_error("InternalServerError")

    status, body = call(stage, "POST", "/scores", APPLICATION)
    assert status == 503
    assert set(body) == {"error"}
    assert "score" not in body["error"]["message"].lower()
    assert not [key for key in stage.table.items if key[0].startswith("scores#")]


def test_a_count_that_cannot_be_written_does_no_harm(stage: Stage) -> None:
    stage.table.fail["update_item"] = client_error("ProvisionedThroughputExceededException")

    status, score = call(stage, "POST", "/scores", APPLICATION)
    del stage.table.fail["update_item"]
    assert status == 201
    assert call(stage, "GET", "/scores/{id}", path={"id": score["id"]})[0] == 200
    assert not stage.counts(FIRST_CHAMPION)


def test_a_repetition_scores_nothing_twice(stage: Stage) -> None:
    first = call(stage, "POST", "/scores", APPLICATION, key="a")
    again = call(stage, "POST", "/scores", APPLICATION, key="a")

    assert again == first
    assert stage.counts(FIRST_CHAMPION)["n"] == 1
    assert call(stage, "POST", "/scores", changed("loan.amount", 9_000), key="a")[0] == 422


def test_nothing_of_the_application_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    body = {**APPLICATION, "applicationId": "A-4711", "segment": "north"}
    body["applicant"] = {**body["applicant"], "annualIncome": 65_432, "earliestCreditLine": "2004-06"}
    with caplog.at_level("INFO"):
        _, score = call(stage, "POST", "/scores", body)
        stage.table.fail["update_item"] = client_error("InternalServerError", "A-4711")
        call(stage, "POST", "/scores", body)
        call(stage, "POST", "/scores", {**body, "loan": {**body["loan"], "purpose": "yacht"}})
        call(stage, "POST", "/scores/{id}/reviews", {"outcome": "upheld", "reason": "Pay"}, path={"id": score["id"]})
        call(stage, "GET", "/scores/{id}", path={"id": score["id"]})

    lines = str([vars(record) for record in caplog.records])
    assert lines.count("'route': '/scores'") == 3
    assert "counters not raised" in lines
    for secret in ("65432", "2004-06", "A-4711", "yacht", "north", "Pay", str(score["probabilityOfDefault"])):
        assert secret not in lines


def test_scores_expire_with_all_that_belongs_to_them() -> None:
    stage = Stage(retention_months=1)
    _, score = call(stage, "POST", "/scores", {**APPLICATION, "applicationId": "A-1"})
    call(stage, "POST", "/scores/{id}/reviews", {"outcome": "upheld", "reason": "Fine"}, path={"id": score["id"]})

    personal = [item for key, item in stage.table.items.items() if key[0].split("#")[0] in PERSONAL]
    expiries = {int(item["expiresAt"]["N"]) for item in personal}
    assert len(personal) == 3
    assert len(expiries) == 1
    assert 31 * 86_400 <= expiries.pop() - stage.clock.now <= 34 * 86_400
    stage.clock.now += 34 * 86_400
    assert call(stage, "GET", "/scores/{id}", path={"id": score["id"]})[0] == 404
    assert call(stage, "GET", "/scores")[1]["items"] == []
    assert stage.store.facts(CALLER, "A-1") is None


PERSONAL = {"scores", "applications", "reviews"}


def test_a_stage_without_an_active_model_says_so() -> None:
    stage = Stage(sample_models=False)

    status, body = call(stage, "POST", "/scores", APPLICATION)
    assert (status, body["error"]["code"], body["error"]["message"]) == (409, "conflict", "no model is active")
    assert call(stage, "GET", "/monitoring")[0] == 409
    assert call(stage, "GET", "/models")[1]["items"] == []


def test_a_retired_champion_leaves_no_model_active(stage: Stage) -> None:
    body = {"role": "retired", "reason": "Wrong"}
    assert call(stage, "POST", "/models/{id}/activations", body, path={"id": FIRST_CHAMPION})[0] == 201

    assert call(stage, "POST", "/scores", APPLICATION)[0] == 409


def test_reviews_are_recorded_and_counted(stage: Stage) -> None:
    _, score = call(stage, "POST", "/scores", APPLICATION)
    where = {"path": {"id": score["id"]}}
    status, review = call(
        stage, "POST", "/scores/{id}/reviews", {"outcome": "overturned", "reason": "See [this](https://x.y)"}, **where
    )

    assert status == 201
    assert review["scoreId"] == score["id"]
    assert review["reviewedBy"] == CALLER
    assert "](" not in review["reason"]
    assert stage.counts(FIRST_CHAMPION)["overturned"] == 1
    stage.clock.now += 1
    call(stage, "POST", "/scores/{id}/reviews", {"outcome": "overturned", "reason": "Again"}, **where)
    assert stage.counts(FIRST_CHAMPION)["overturned"] == 1
    stage.clock.now += 1
    call(stage, "POST", "/scores/{id}/reviews", {"outcome": "upheld", "reason": "After all"}, **where)
    counts = stage.counts(FIRST_CHAMPION)
    assert (counts["overturned"], counts["reviewed"]) == (0, 1)
    _, found = call(stage, "GET", "/scores/{id}", **where)
    assert [entry["outcome"] for entry in found["reviews"]] == ["upheld", "overturned", "overturned"]


def listed_review(stage: Stage) -> Any:
    return call(stage, "GET", "/scores")[1]["items"][0].get("review")


def test_the_list_has_the_newest_review_of_each_score(stage: Stage) -> None:
    _, score = call(stage, "POST", "/scores", APPLICATION)
    where = {"path": {"id": score["id"]}}
    path = "/scores/{id}/reviews"
    assert listed_review(stage) is None
    call(stage, "POST", path, {"outcome": "overturned", "decision": "decline", "reason": "Payslips"}, **where)
    assert listed_review(stage) == {"outcome": "overturned", "decision": "decline"}
    assert call(stage, "GET", "/scores/{id}", **where)[1]["reviews"][0]["decision"] == "decline"
    stage.clock.now += 1
    _, review = call(stage, "POST", path, {"outcome": "overturned", "reason": "Again"}, **where)
    assert "decision" not in review
    assert listed_review(stage) == {"outcome": "overturned"}


@pytest.mark.parametrize(
    ("recommended", "outcome", "decision"),
    [
        ("approve", "upheld", "decline"),
        ("approve", "overturned", "approve"),
        ("decline", "upheld", "approve"),
        ("decline", "overturned", "decline"),
    ],
)
def test_a_decision_must_fit_the_outcome(stage: Stage, recommended: str, outcome: str, decision: str) -> None:
    _, score = call(stage, "POST", "/scores", RECOMMENDED[recommended])
    assert score["recommendation"] == recommended
    review = {"outcome": outcome, "decision": decision, "reason": "Checked"}
    response = call(stage, "POST", "/scores/{id}/reviews", review, path={"id": score["id"]})
    assert problem(response) == (
        "body.decision",
        f"the recommendation is {recommended}: {decision} does not fit {outcome}",
    )
    assert listed_review(stage) is None
    assert stage.counts(FIRST_CHAMPION).get("reviewed", 0) == 0


@pytest.mark.parametrize("outcome", ["upheld", "overturned"])
@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_a_person_decides_about_a_referred_application(stage: Stage, outcome: str, decision: str) -> None:
    _, score = call(stage, "POST", "/scores", RECOMMENDED["refer"])
    assert score["recommendation"] == "refer"
    review = {"outcome": outcome, "decision": decision, "reason": "Checked"}
    assert call(stage, "POST", "/scores/{id}/reviews", review, path={"id": score["id"]})[0] == 201
    assert listed_review(stage) == {"outcome": outcome, "decision": decision}


def test_of_two_reviews_at_once_one_is_refused(stage: Stage) -> None:
    _, score = call(stage, "POST", "/scores", APPLICATION)
    stored = stage.store.get(CALLER, score["id"])
    where = {"path": {"id": score["id"]}}
    call(stage, "POST", "/scores/{id}/reviews", {"outcome": "overturned", "reason": "First"}, **where)

    # The other one has read the score before.
    service = stage.process()
    service._scores._store.get = lambda caller, score_id: stored  # type: ignore[method-assign]
    api = Api(ROUTES, service, stage.settings)
    body = {"outcome": "upheld", "reason": "Second"}
    response = api(event("POST", "/scores/{id}/reviews", body, **where), LambdaContext())
    assert response["statusCode"] == 409
    assert stage.counts(FIRST_CHAMPION)["overturned"] == 1


def test_blank_texts_are_refused(stage: Stage) -> None:
    where = {"path": {"id": FIRST_CHAMPION}}
    for text in ("", " ", "\u200b"):
        review = {"outcome": "upheld", "reason": text}
        assert problem(call(stage, "POST", "/scores/{id}/reviews", review, **where)) == (
            "body.reason",
            "must not be blank",
        )
        activation = {"role": "retired", "reason": text}
        assert problem(call(stage, "POST", "/models/{id}/activations", activation, **where)) == (
            "body.reason",
            "must not be blank",
        )


def test_the_challenger_is_scored_in_the_shadow_and_never_answered(stage: Stage) -> None:
    model = stage.register()
    stage.activate(model, "challenger")
    _, score = call(stage, "POST", "/scores", changed("applicant.homeOwnership", "own") | {"loan": CAR})

    assert model not in json.dumps(score)
    record = stage.store.get(CALLER, score["id"]).record
    assert record.shadow is not None
    assert record.shadow.model.id == model
    assert record.shadow.score != score["score"]
    assert stage.counts(model)["n"] == 1
    assert stage.counts(FIRST_CHAMPION)["n"] == 1


CAR = {"amount": 12_000, "termMonths": 36, "purpose": "car"}


def test_a_challenger_that_needs_more_does_not_stop_the_champion(stage: Stage) -> None:
    model = stage.register()
    stage.activate(model, "challenger")

    # The small model knows no loans for debt consolidation.
    status, score = call(stage, "POST", "/scores", APPLICATION)
    assert status == 201
    assert stage.store.get(CALLER, score["id"]).record.shadow is None


def test_outcomes_find_what_they_are_compared_with(stage: Stage) -> None:
    call(stage, "POST", "/scores", {**APPLICATION, "applicationId": "A-1"})
    stage.clock.now += 1
    _, second = call(stage, "POST", "/scores", {**APPLICATION, "applicationId": "A-1", "applicationDate": "2026-01-05"})

    facts = stage.store.facts(CALLER, "A-1")
    assert facts is not None
    assert (facts.score_id, facts.model, facts.date, facts.score) == (
        second["id"],
        FIRST_CHAMPION,
        "2026-01-05",
        second["score"],
    )
    assert facts.amount == 12_000
    assert stage.store.facts(OTHER, "A-1") is None


def test_a_model_of_another_maker_is_registered_activated_and_scores(stage: Stage) -> None:
    status, created = call(stage, "POST", "/models", with_metrics())
    assert (status, created["status"], created["registeredBy"]) == (201, "candidate", CALLER)
    where = {"path": {"id": created["id"]}}
    assert list(stage.bucket.objects) == [f"models/registered/{created['id']}.json"]

    activation = {"role": "champion", "cutOff": CUT_OFF, "reason": "Committee of 18 November"}
    status, body = call(stage, "POST", "/models/{id}/activations", activation, **where)
    assert status == 409
    assert "second person" in body["error"]["message"]
    status, body = call(stage, "POST", "/models/{id}/activations", activation, caller=OTHER, **where)
    assert (status, body["previous"], body["activatedBy"]) == (201, FIRST_CHAMPION, OTHER)
    _, score = call(stage, "POST", "/scores", {**APPLICATION, "loan": CAR})
    assert score["model"]["id"] == created["id"]
    assert score["cutOff"] == CUT_OFF
    _, listed = call(stage, "GET", "/models", caller=OTHER)
    assert [item["status"] for item in listed["items"]] == ["champion", "retired", "candidate"]
    assert listed["champion"] == created["id"]
    _, card = call(stage, "GET", "/models/{id}", caller=OTHER, **where)
    assert [entry["role"] for entry in card["activations"]] == ["champion"]
    assert [limit["code"] for limit in card["limits"]] == ["notVerified"]
    assert msgspec.json.decode(stage.bucket.objects[f"models/registered/{created['id']}.json"])["name"] == "Small"


def test_a_model_that_cannot_score_is_explained(stage: Stage) -> None:
    for path, value, message in (
        ("card.characteristics", [], "length >= 1"),
        ("name", " ", "must not be blank"),
        ("currency", "dollars", "length <= 3"),
    ):
        model = with_metrics()
        *parents, last = path.split(".")
        target = model
        for parent in parents:
            target = target[parent]
        target[last] = value
        place, reason = problem(call(stage, "POST", "/models", model))
        assert place == f"body.{path}"
        assert message in reason
    model = with_metrics()
    model["card"]["characteristics"][0]["name"] = "gender"
    place, reason = problem(call(stage, "POST", "/models", model))
    assert place == "body.card.characteristics[0].name"
    assert "protected" in reason
    assert not stage.bucket.objects


def test_models_have_a_scorecard_cut_offs_and_simulations(stage: Stage) -> None:
    where = {"path": {"id": FIRST_CHAMPION}}
    _, card = call(stage, "GET", "/models/{id}/scorecard", **where)
    assert card["characteristics"][0]["path"] == "applicant.annualIncome"
    assert [entry["class"] for entry in card["characteristics"][0]["classes"]][-1] == "missing"
    _, table = call(stage, "GET", "/models/{id}/cut-offs", query={"step": "20"}, **where)
    assert {row["cutOff"] % 20 for row in table["items"]} == {0}
    assert table["cutOff"] == {"approve": 660, "refer": 600}
    _, found = call(stage, "POST", "/models/{id}/simulations", {"maximumBadRate": 0.08, "margin": 0.1}, **where)
    assert found["simulated"]["badRateApproved"] <= 0.08
    assert found["current"]["cutOff"] == 660
    assert found["simulated"]["marginRate"] is not None


def test_the_sample_models_are_known_by_fixed_ids(stage: Stage) -> None:
    _, listed = call(stage, "GET", "/models")

    assert [(item["origin"], item["sample"]) for item in listed["items"]] == [("sample", True)] * 2
    for item in listed["items"]:
        _, card = call(stage, "GET", "/models/{id}", path={"id": item["id"]})
        assert "sample" in [limit["code"] for limit in card["limits"]]
        assert {"grade", "interestRate"} & {*card["characteristics"]} == set() or card["id"] != FIRST_CHAMPION


def test_monitoring_belongs_to_the_stage(stage: Stage) -> None:
    call(stage, "POST", "/scores", {**APPLICATION, "applicationId": "A-4711", "segment": "north"})
    status, report = call(stage, "GET", "/monitoring", caller=OTHER)

    assert status == 200
    (period,) = report["items"]
    assert (period["period"], period["applications"]) == (TODAY[:7], 1)
    assert period["approvalRate"] == 1
    assert period["level"] == "stable"
    assert period["segments"] == [{"segment": "north", "applications": 1, "approvalRate": 1.0}]
    assert "A-4711" not in json.dumps(report)
    assert CALLER not in json.dumps(report)


def test_a_stage_can_name_the_groups_of_each_role() -> None:
    groups = (
        RoleGroups(role="scorer", groups=("branches",)),
        RoleGroups(role="validator", groups=("risk-committee", "auditors")),
        RoleGroups(role="auditor", groups=("auditors",)),
    )
    stage = Stage(roles=groups)
    where = {"path": {"id": FIRST_CHAMPION}}
    requests: dict[str, tuple[str, str, Any]] = {
        "score": ("POST", "/scores", APPLICATION),
        "models": ("GET", "/models", None),
        "register": ("POST", "/models", with_metrics()),
        "activate": ("POST", "/models/{id}/activations", {"role": "retired", "reason": "x"}),
    }
    statuses = {}
    for group in ("branches", "auditors", "risk-committee", "others"):
        for name, (method, path, body) in requests.items():
            message = event(method, path, body, **where)
            claims = {"sub": "11111111-2222-3333-4444-555555555555", "cognito:groups": group}
            message["requestContext"]["authorizer"] = {"claims": claims}
            fresh = Stage(roles=groups)
            response = Api(ROUTES, fresh.service, stage.settings)(message, LambdaContext())
            statuses[group, name] = response["statusCode"]

    allowed = {request for request, status in statuses.items() if status != 403}
    assert allowed == {
        ("branches", "score"),
        ("auditors", "models"),
        ("auditors", "activate"),
        ("risk-committee", "models"),
        ("risk-committee", "activate"),
    }


def test_scores_of_one_application_at_once_are_to_be_repeated(stage: Stage) -> None:
    """DynamoDB refuses transactions that meet in an item."""
    error = client_error("TransactionCanceledException")
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    stage.table.fail["transact_write_items"] = ClientError(
        {**error.response, "CancellationReasons": reasons}, "TransactWriteItems"
    )

    status, body = call(stage, "POST", "/scores", {**APPLICATION, "applicationId": "A-1"})
    assert (status, body["error"]["code"]) == (503, "unavailable")
