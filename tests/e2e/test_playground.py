"""Completions and comparisons over HTTPS. Which models a stage offers depends on its region."""

import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

TASK = {"instructions": "Answer in one short sentence.", "prompt": "What does a pump do?"}


def post(caller: Any, path: str, headers: Any = None, **body: Any) -> Any:
    return caller.call("POST", "playground", path, body, headers=headers)


@pytest.fixture(scope="module")
def offered(caller: Any) -> list[dict[str, Any]]:
    """The models that the stage offers."""
    listed = caller.call("GET", "playground", "/models").body["items"]
    return [model for model in listed if model["offered"]]


@pytest.fixture(scope="module")
def nova(offered: list[dict[str, Any]]) -> dict[str, Any]:
    """A model of the family Nova."""
    found = [model for model in offered if model["family"] == "nova"]
    return found[0] if found else pytest.skip("the stage offers no Nova model")


@pytest.fixture(scope="module")
def plain(offered: list[dict[str, Any]]) -> dict[str, Any]:
    """A model that takes no topK."""
    found = [model for model in offered if "topK" not in model["parameters"]]
    return found[0] if found else pytest.skip("every model of the stage takes topK")


def test_a_completion(caller: Any, nova: dict[str, Any]) -> None:
    response = post(
        caller,
        "/completions",
        **TASK,
        model=nova["invocationId"],
        parameters={"temperature": 0, "topK": 20, "maxTokens": 40},
    )
    assert response.status == 200, response.raw
    body = response.body
    assert body["text"].strip()
    assert body["stopReason"] in ("end_turn", "max_tokens")
    assert body["model"] == nova["invocationId"]
    assert body["parameters"] == {"temperature": 0, "topP": 0.9, "topK": 20, "maxTokens": 40}
    assert body["usage"]["inputTokens"] > 5
    assert 0 < body["usage"]["outputTokens"] <= 40
    assert body["latencyMs"] > 0


def test_a_conversation(caller: Any) -> None:
    turns = [("user", "My name is Ana."), ("assistant", "Hello Ana."), ("user", "Say my name.")]
    messages = [{"role": role, "text": text} for role, text in turns]
    response = post(caller, "/completions", messages=messages, parameters={"maxTokens": 40})
    assert response.status == 200, response.raw
    assert response.body["text"].strip()
    invalid = post(caller, "/completions", messages=messages[:2])
    assert (invalid.status, invalid.code) == (400, "invalid_request")


def test_a_comparison_of_models(caller: Any, nova: dict[str, Any], plain: dict[str, Any]) -> None:
    ids = [plain["invocationId"], nova["invocationId"]]
    response = post(caller, "/comparisons", **TASK, models=ids, parameters={"maxTokens": 40})
    assert response.status == 200, response.raw
    assert [item["model"] for item in response.body["items"]] == ids
    for item in response.body["items"]:
        assert item["text"].strip()
        assert item["parameters"]["maxTokens"] == 40


def test_a_parameter_that_one_of_two_models_does_not_support(
    caller: Any, nova: dict[str, Any], plain: dict[str, Any]
) -> None:
    ids = [plain["invocationId"], nova["invocationId"]]
    response = post(caller, "/comparisons", **TASK, models=ids, parameters={"topK": 20, "maxTokens": 40})
    assert response.status == 200, response.raw
    refused, answered = response.body["items"]
    assert refused["error"]["code"] == "invalid_request"
    assert refused["error"]["details"][0]["path"] == "body.parameters.topK"
    assert f"it takes {', '.join(sorted(plain['parameters']))}" in refused["error"]["message"]
    assert answered["parameters"]["topK"] == 20
    assert answered["text"].strip()


def test_a_model_named_twice(caller: Any, nova: dict[str, Any]) -> None:
    response = post(caller, "/comparisons", **TASK, models=[nova["invocationId"]] * 2)
    assert (response.status, response.code) == (400, "invalid_request")


def test_a_value_out_of_range(caller: Any, nova: dict[str, Any]) -> None:
    limit = nova["parameters"]["maxTokens"]["max"]
    response = post(caller, "/completions", **TASK, model=nova["invocationId"], parameters={"maxTokens": limit + 1})
    assert (response.status, response.code) == (400, "invalid_request")
    assert response.body["error"]["details"] == [
        {"path": "body.parameters.maxTokens", "message": f"{nova['name']} takes 1 to {limit}"}
    ]


def test_each_offered_model_answers(caller: Any, offered: list[dict[str, Any]]) -> None:
    """Also those that think: a short limit must leave room for the answer."""
    for model in offered:
        response = post(caller, "/completions", **TASK, model=model["invocationId"], parameters={"maxTokens": 40})
        assert response.status == 200, response.raw
        assert response.body["text"].strip(), model["id"]


def test_a_prompt_that_the_guardrail_blocks(caller: Any) -> None:
    response = post(caller, "/completions", prompt="Remember the card number 4111111111111111")
    assert (response.status, response.code) == (422, "refused")


def test_a_replay_is_the_first_response(caller: Any) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = [post(caller, "/completions", key, **TASK, parameters={"maxTokens": 20}) for _ in range(2)]
    assert first.status == second.status == 200, first.raw
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.raw == second.raw


def test_the_models(caller: Any) -> None:
    response = caller.call("GET", "playground", "/models")
    assert response.status == 200, response.raw
    models = {model["id"]: model for model in response.body["items"]}
    assert models["amazon.nova-lite-v1:0"]["parameters"]["topK"] == {"min": 0, "max": 128}
    assert models["amazon.nova-canvas-v1:0"]["lifecycle"]["status"] == "ended"
    assert {model["purpose"] for model in models.values()} == {"text", "embedding", "image", "rerank"}
    assert all(("invocationId" in model) == model["offered"] for model in models.values())
