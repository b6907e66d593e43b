from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambda_src.shared.catalog import MODELS
from tests.stacks.assemblies import Assembly, Template, plain


def invocations(template: Template) -> list[tuple[list[str], dict[str, dict[str, str]]]]:
    """The resources and condition of each statement that allows model calls."""
    return [
        (statement["Resource"], statement.get("Condition", {}))
        for statement in template.statements()
        if statement["Action"] == ["bedrock:InvokeModel"]
    ]


def profile_of(condition: dict[str, dict[str, str]]) -> str:
    """The profile through which a model must be called; empty when there is none."""
    return plain(condition.get("StringEquals", {}).get("bedrock:InferenceProfileArn", ""))


def test_a_model_is_granted_in_the_stage_s_region(assembly_of: Callable[[str], Assembly]) -> None:
    ((resources, condition),) = invocations(assembly_of("dev").template("embeddings"))

    assert resources == ["arn:${AWS::Partition}:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0"]
    assert condition == {}


def test_a_profile_is_granted_with_its_destinations_through_it_only(assembly_of: Callable[[str], Assembly]) -> None:
    model = "anthropic.claude-haiku-4-5-20251001-v1:0"
    profile = f"arn:${{AWS::Partition}}:bedrock:us-west-2:${{AWS::AccountId}}:inference-profile/us.{model}"

    granted = invocations(assembly_of("dev").template("summarization"))

    assert granted[0][0] == [profile]
    assert profile_of(granted[0][1]) == ""
    assert granted[1][0] == [
        f"arn:${{AWS::Partition}}:bedrock:{region}::foundation-model/{model}"
        for region in ("us-east-1", "us-east-2", "us-west-2")
    ]
    assert profile_of(granted[1][1]) == profile
    assert len(granted) == 2


def test_exactly_the_offered_models_are_granted(assembly_of: Callable[[str], Assembly]) -> None:
    granted = invocations(assembly_of("dev").template("playground"))

    direct = [arn for resources, condition in granted if not profile_of(condition) for arn in resources]
    assert {arn.rpartition("/")[2] for arn in direct} == {
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "us.amazon.nova-lite-v1:0",
        "us.amazon.nova-micro-v1:0",
        "us.meta.llama3-1-8b-instruct-v1:0",
    }


def test_a_global_profile_has_a_destination_without_region(assembly_of: Callable[[str], Assembly]) -> None:
    """docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html"""
    granted = invocations(assembly_of("shared").template("summarization"))

    destinations = [resources for resources, condition in granted if "global." in profile_of(condition)]
    assert sorted(destinations[0]) == [
        "arn:${AWS::Partition}:bedrock:::foundation-model/anthropic.claude-haiku-5-5",
        "arn:${AWS::Partition}:bedrock:us-west-2::foundation-model/anthropic.claude-haiku-5-5",
    ]


@pytest.mark.parametrize("use_case", ["summarization", "playground", "chatbot", "hr-qa"])
def test_text_models_are_granted_for_calls_with_the_guardrail_only(
    use_case: str, assembly_of: Callable[[str], Assembly]
) -> None:
    """docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html"""
    template = assembly_of("prod").template(use_case)
    (guardrail,) = template.resources("AWS::Bedrock::Guardrail")
    (version,) = template.resources("AWS::Bedrock::GuardrailVersion")
    arn = f"arn:${{AWS::Partition}}:bedrock:us-west-2:${{AWS::AccountId}}:guardrail/${{{guardrail}.GuardrailId}}"

    assert required_guardrails(template, "text") == {f"{arn}:${{{version}.Version}}"}


def test_an_existing_guardrail_is_required_in_its_version(assembly_of: Callable[[str], Assembly]) -> None:
    (required,) = required_guardrails(assembly_of("shared").template("chatbot"), "text")

    assert required.endswith(":guardrail/abc123:3")


def test_other_models_and_stages_without_a_guardrail_have_no_such_condition(assembly: Assembly) -> None:
    """Every template of every stage."""
    guarded = any("bedrock:ApplyGuardrail" in statement["Action"] for statement in all_statements(assembly))
    for template in assembly.templates:
        assert ("" in required_guardrails(template, "text")) <= (not guarded)
        for purpose in ("image", "embedding", "rerank"):
            assert required_guardrails(template, purpose) <= {""}


def all_statements(assembly: Assembly) -> Iterator[dict[str, Any]]:
    for template in assembly.templates:
        yield from template.statements()


def required_guardrails(template: Template, purpose: str) -> set[str]:
    """The guardrails in the conditions of all statements that allow calls of models for a purpose; "" for none."""
    models = {model.id for model in MODELS if model.purpose == purpose}
    return {
        plain(statement.get("Condition", {}).get("StringEquals", {}).get("bedrock:GuardrailIdentifier", ""))
        for statement in template.statements()
        if statement["Action"][0].startswith("bedrock:Invoke")
        and any(arn.rpartition("/")[2].endswith(model) for arn in statement["Resource"] for model in models)
    }


def test_models_in_another_region(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("remote").template("image-generation")

    assert all(":us-west-2::" in arn for resources, _ in invocations(template) for arn in resources)
    assert template.only("AWS::Lambda::Function")["Environment"]["Variables"]["MODEL_REGION"] == "us-west-2"


def test_without_a_region_the_stacks_region_is_used(assembly_of: Callable[[str], Assembly]) -> None:
    ((resources, _),) = invocations(assembly_of("regionless").template("embeddings"))

    assert ":bedrock:${AWS::Region}::" in resources[0]


def test_synthesis_warns_of_a_model_near_its_end(assembly_of: Callable[[str], Assembly]) -> None:
    (annotations,) = [report for report in assembly_of("dev").report if report["pluginName"] == "Construct Annotations"]

    assert ["us.anthropic.claude-haiku-4-5" in finding["description"] for finding in annotations["violations"]] == [
        True
    ]
    assert annotations["conclusion"] == "success"
