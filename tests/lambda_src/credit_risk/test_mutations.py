"""Generated requests to the real service: each is answered, or refused with the field and the reason."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dev.tools.examples import REQUESTS
from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.registry import FIRST_CHAMPION
from lambda_src.credit_risk.routes import ROUTES
from lambda_src.shared.http import Api
from tests.fakes import OTHER, LambdaContext, event, identity
from tests.lambda_src.credit_risk.stage import APPLICATION, Stage
from tests.lambda_src.test_invalid_requests import JSON, check_explained, places, replaced

MONTHS = st.builds(lambda year, month: f"{year}-{month:02}", st.integers(1900, 2030), st.integers(1, 12))


def values(name: str) -> st.SearchStrategy[Any]:
    """Values of a characteristic, also just outside of its bounds, and none."""
    characteristic = CHARACTERISTICS[name]
    if characteristic.kind == "month":
        return MONTHS | st.none()
    if characteristic.kind == "category":
        return st.sampled_from(characteristic.known) | st.sampled_from(["other", "unheardOf"]) | st.none()
    low, high = int(characteristic.minimum), int(characteristic.maximum)
    return st.integers(low - 1, high + 1) | st.floats(low, high, allow_nan=False) | st.none()


APPLICATIONS = st.fixed_dictionaries({name: values(name) for name in CHARACTERISTICS})


def post(stage: Stage, resource: str, body: Any, **changes: Any) -> tuple[int, Any]:
    message = event("POST", resource, body, **changes)
    message["requestContext"]["identity"] = identity(OTHER)
    response = Api(ROUTES, stage.service, stage.settings)(message, LambdaContext())
    return response["statusCode"], json.loads(response["body"])


@settings(max_examples=300, deadline=None)
@given(APPLICATIONS)
def test_every_application_has_a_score_or_a_reason(drawn: dict[str, Any]) -> None:
    body: dict[str, Any] = {"applicant": {}, "loan": {}}
    for name, value in drawn.items():
        if value is not None:
            body[CHARACTERISTICS[name].group][name] = value
    status, answer = post(Stage(), "/scores", body)

    assert status in (201, 400), answer
    check_explained((status, answer))
    if status == 201:
        assert answer["scoreRange"]["min"] <= answer["score"] <= answer["scoreRange"]["max"]
        for name in ("probabilityOfDefault", "lossGivenDefault", "creditConversionFactor", "expectedLossRate"):
            assert 0 <= answer[name] <= 1
        assert 0 <= answer["expectedLoss"] <= drawn["amount"]
        if answer["warnings"]:
            assert {warning["path"].split(".")[1] for warning in answer["warnings"]} <= {*CHARACTERISTICS}


BODIES = [
    ("/scores", APPLICATION),
    ("/models", REQUESTS["create_model"]),
    ("/models/{id}/simulations", {"maximumBadRate": 0.1, "basis": "holdout", "margin": 0.1}),
    ("/models/{id}/activations", REQUESTS["activate_model"]),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_changed_request_is_answered_or_explained(path: str, body: Any, data: st.DataObject) -> None:
    changed = replaced(body, data.draw(st.sampled_from(list(places(body)))), data.draw(JSON))
    answer = post(Stage(), path, changed, path={"id": FIRST_CHAMPION})

    assert answer[0] in (200, 201, 400, 409, 413), answer
    check_explained(answer)
    if path == "/models" and answer[0] == 201:
        # What is registered can score.
        assert answer[1]["status"] == "candidate"


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["model", "from", "to", "period", "x"]),
        st.sampled_from(["2026-01-01", "2026-02-30", "0000-00-00", "day", "quarter", FIRST_CHAMPION, ""])
        | st.text(max_size=9),
    )
)
def test_every_query_of_monitoring_is_answered_or_explained(query: dict[str, str]) -> None:
    message = event("GET", "/monitoring", query=query)
    response = Api(ROUTES, Stage().service, Stage().settings)(message, LambdaContext())

    assert response["statusCode"] in (200, 400, 404), response
    check_explained((response["statusCode"], json.loads(response["body"])))
