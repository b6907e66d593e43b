"""Structured answers by schema, tool or prompt, validated and repaired."""

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest

from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import resolve
from lambda_src.shared.errors import ModelFailed, Refused
from lambda_src.shared.schemas import ResponseModel
from lambda_src.shared.structured import TOOL, ask, schema_of
from tests.fakes import FakeModel, context, converse_answer, settings

NATIVE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
FORCED_TOOL = "us.amazon.nova-lite-v1:0"
PROMPT = "us.meta.llama3-3-70b-instruct-v1:0"


class Fruit(ResponseModel):
    fruit_name: Annotated[str, msgspec.Meta(min_length=1)]
    size: Literal["small", "large"]
    default: list[str] | msgspec.UnsetType = msgspec.UNSET


GOOD = {"fruitName": "fig", "size": "small"}


def tool_call(answer: Any) -> dict[str, Any]:
    block = {"toolUse": {"toolUseId": "t1", "name": TOOL, "input": answer}}
    return {"output": {"message": {"role": "assistant", "content": [block]}}, "stopReason": "tool_use", "usage": {}}


def run(model: FakeModel, invocation_id: str = NATIVE, **changes: Any) -> Any:
    bedrock = Bedrock(settings(), model, lambda seconds: None)
    content = [{"text": "which?"}]
    return ask(
        bedrock,
        context(),
        resolve(invocation_id),
        system="S",
        content=content,
        answer_type=Fruit,
        max_tokens=9,
        **changes,
    )


def test_the_schema_is_closed_and_has_no_unsupported_keywords() -> None:
    assert schema_of(Fruit) == {
        "type": "object",
        "properties": {
            "fruitName": {"type": "string"},
            "size": {"enum": ["large", "small"]},
            "default": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["fruitName", "size"],
        "additionalProperties": False,
    }


def test_each_model_gets_the_schema_in_its_supported_form() -> None:
    native = FakeModel(converse_answer(json.dumps(GOOD)))
    assert run(native) == Fruit(fruit_name="fig", size="small")
    definition = native.requests[0]["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(definition["schema"]) == schema_of(Fruit)

    tool = FakeModel(tool_call(GOOD))
    assert run(tool, FORCED_TOOL).size == "small"
    assert tool.requests[0]["toolConfig"]["toolChoice"] == {"tool": {"name": TOOL}}

    prompt = FakeModel(converse_answer(f"Sure!\n```json\n{json.dumps(GOOD)}\n``` {{"))
    assert run(prompt, PROMPT).fruit_name == "fig"
    assert json.dumps(schema_of(Fruit)) in prompt.requests[0]["system"][0]["text"]


def test_parameters_that_a_model_refuses_are_not_sent() -> None:
    model = FakeModel(converse_answer(json.dumps(GOOD)))
    run(model, "us.anthropic.claude-haiku-5-5")
    assert model.requests[0]["inferenceConfig"] == {"maxTokens": 9}


@pytest.mark.parametrize("invalid", ["", "no", "{", "[]", '{"fruitName": "", "size": "small"}', '{"size": "huge"}'])
def test_an_invalid_answer_is_sent_back_with_its_error(invalid: str) -> None:
    model = FakeModel(converse_answer(invalid), converse_answer(json.dumps(GOOD)))
    assert run(model).fruit_name == "fig"
    first, answer, repair = model.requests[1]["messages"]
    assert (first["role"], answer["role"], repair["role"]) == ("user", "assistant", "user")
    assert "cannot be used" in repair["content"][0]["text"]
    assert all(block.get("text", "x").strip() for block in answer["content"])


def test_an_invalid_tool_call_gets_a_tool_result() -> None:
    model = FakeModel(tool_call({"size": "huge"}), tool_call(GOOD))
    run(model, FORCED_TOOL)
    result = model.requests[1]["messages"][2]["content"][0]["toolResult"]
    assert (result["toolUseId"], result["status"]) == ("t1", "error")


def test_after_two_failed_repairs_a_model_error_is_raised() -> None:
    model = FakeModel(*[converse_answer("no")] * 3)
    with pytest.raises(ModelFailed):
        run(model)
    assert len(model.requests) == 3


def test_an_answer_that_only_fails_the_check_is_returned_at_last() -> None:
    model = FakeModel(*[converse_answer(json.dumps(GOOD))] * 3)
    assert run(model, check=lambda answer: "too small").fruit_name == "fig"
    assert len(model.requests) == 3


def test_a_refusal_is_not_repaired() -> None:
    with pytest.raises(Refused):
        run(FakeModel(converse_answer("I will not", "refusal")))


class Basket(ResponseModel):
    fruits: list[Fruit]


def test_nested_types_are_inlined_and_closed() -> None:
    items = schema_of(Basket)["properties"]["fruits"]["items"]
    assert items == schema_of(Fruit)
    assert items["additionalProperties"] is False
    assert "$" not in json.dumps(schema_of(Basket))


GUARDRAIL = {"guardrail_id": "g", "guardrail_version": "1"}


def guarded(model: FakeModel, invocation_id: str) -> Any:
    bedrock = Bedrock(settings(**GUARDRAIL), model, lambda seconds: None)
    return ask(
        bedrock,
        context(),
        resolve(invocation_id),
        system="S",
        content=[{"text": "which?"}],
        answer_type=Fruit,
        max_tokens=9,
    )


def test_a_tool_s_input_is_screened_since_converse_does_not_assess_it() -> None:
    answer = {**GOOD, "default": ["of ana@example.com", "ripe"]}
    masked = {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": text} for text in ("fig", "small", "of {EMAIL}", "ripe")],
        "assessments": [{"sensitiveInformationPolicy": {"piiEntities": [{"action": "ANONYMIZED"}]}}],
    }
    model = FakeModel(tool_call(answer), masked)

    fruit = guarded(model, FORCED_TOOL)

    assert (fruit.fruit_name, fruit.default) == ("fig", ["of {EMAIL}", "ripe"])
    request = model.requests[1]
    assert (request["source"], request["guardrailIdentifier"]) == ("OUTPUT", "g")
    assert [block["text"]["text"] for block in request["content"]] == ["fig", "small", "of ana@example.com", "ripe"]


def test_a_masked_text_that_its_field_does_not_take_is_a_failure_of_the_model() -> None:
    masked = {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": text} for text in ("fig", "{NAME}", "ripe")],
        "assessments": [{"sensitiveInformationPolicy": {"piiEntities": [{"action": "ANONYMIZED"}]}}],
    }

    with pytest.raises(ModelFailed):
        guarded(FakeModel(tool_call({**GOOD, "default": ["ripe"]}), masked), FORCED_TOOL)


def test_a_blocked_tool_input_is_refused() -> None:
    blocked = {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": "No."}],
        "assessments": [{"contentPolicy": {"filters": [{"action": "BLOCKED"}]}}],
    }

    with pytest.raises(Refused):
        guarded(FakeModel(tool_call(GOOD), blocked), FORCED_TOOL)


@pytest.mark.parametrize("invocation_id", [NATIVE, PROMPT])
def test_an_answer_in_text_is_assessed_by_converse(invocation_id: str) -> None:
    model = FakeModel(converse_answer(json.dumps(GOOD)))

    assert guarded(model, invocation_id).fruit_name == "fig"
    assert len(model.requests) == 1
