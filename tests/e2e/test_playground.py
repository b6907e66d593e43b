"""Completions and comparisons over HTTPS. The models are those that a stage offers by default."""

import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

NOVA = "us.amazon.nova-lite-v1:0"
LLAMA = "us.meta.llama3-1-8b-instruct-v1:0"
TASK = {"instructions": "Answer in one short sentence.", "prompt": "What does a pump do?"}


def post(caller: Any, path: str, headers: Any = None, **body: Any) -> Any:
    return caller.call("POST", "playground", path, body, headers=headers)


def test_a_completion(caller: Any) -> None:
    response = post(
        caller, "/completions", **TASK, model=NOVA, parameters={"temperature": 0, "topK": 20, "maxTokens": 40}
    )
    assert response.status == 200, response.raw
    body = response.body
    assert body["text"].strip()
    assert body["stopReason"] in ("end_turn", "max_tokens")
    assert body["model"] == NOVA
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


def test_a_comparison_of_models_with_different_parameters(caller: Any) -> None:
    response = post(
        caller, "/comparisons", **TASK, models=[LLAMA, NOVA], parameters={"temperature": 0.2, "maxTokens": 40}
    )
    assert response.status == 200, response.raw
    llama, nova = response.body["items"]
    assert (llama["model"], nova["model"]) == (LLAMA, NOVA)
    assert llama["text"].strip()
    assert nova["text"].strip()
    assert llama["parameters"]["maxTokens"] == nova["parameters"]["maxTokens"] == 40


def test_a_parameter_that_one_of_two_models_does_not_support(caller: Any) -> None:
    response = post(caller, "/comparisons", **TASK, models=[LLAMA, NOVA], parameters={"topK": 20, "maxTokens": 40})
    assert response.status == 200, response.raw
    llama, nova = response.body["items"]
    assert llama["error"]["code"] == "invalid_request"
    assert llama["error"]["details"][0]["path"] == "body.parameters.topK"
    assert "maxTokens, temperature, topP" in llama["error"]["message"]
    assert nova["parameters"]["topK"] == 20
    assert nova["text"].strip()


def test_a_model_named_twice(caller: Any) -> None:
    response = post(caller, "/comparisons", **TASK, models=[NOVA, NOVA])
    assert (response.status, response.code) == (400, "invalid_request")


def test_a_value_out_of_range(caller: Any) -> None:
    response = post(caller, "/completions", **TASK, model=NOVA, parameters={"maxTokens": 5001})
    assert (response.status, response.code) == (400, "invalid_request")
    assert response.body["error"]["details"] == [
        {"path": "body.parameters.maxTokens", "message": "Nova Lite takes 1 to 5000"}
    ]


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
    assert models["amazon.nova-lite-v1:0"]["invocationId"] == NOVA
    assert models["amazon.nova-lite-v1:0"]["parameters"]["topK"] == {"min": 0, "max": 128}
    assert models["amazon.nova-canvas-v1:0"]["lifecycle"] == {"status": "ended", "endOfLifeAt": "2026-09-30"}
    assert {model["purpose"] for model in models.values()} == {"text", "embedding", "image", "rerank"}
    assert all(("invocationId" in model) == model["offered"] for model in models.values())
