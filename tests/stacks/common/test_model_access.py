from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambda_src.shared.catalog import models
from tests.stacks.assemblies import Assembly, Template, plain, settings_of
from tests.stacks.common.test_api_functions import functions


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
    model = "anthropic.claude-haiku-5-5"
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
        "us.anthropic.claude-haiku-5-5",
        "us.amazon.nova-2-lite-v1:0",
        "us.amazon.nova-micro-v1:0",
        "openai.gpt-oss-20b-1:0",
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
    ids = {model.id for model in models() if model.purpose == purpose}
    return {
        plain(statement.get("Condition", {}).get("StringEquals", {}).get("bedrock:GuardrailIdentifier", ""))
        for statement in template.statements()
        if statement["Action"][0].startswith("bedrock:Invoke")
        and any(arn.rpartition("/")[2].endswith(model_id) for arn in statement["Resource"] for model_id in ids)
    }


def test_models_in_another_region(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("remote").template("image-generation")

    assert all(":us-west-2::" in arn for resources, _ in invocations(template) for arn in resources)
    assert template.only("AWS::Lambda::Function")["Environment"]["Variables"]["MODEL_REGION"] == "us-west-2"


def test_without_a_region_the_stacks_region_is_used(assembly_of: Callable[[str], Assembly]) -> None:
    ((resources, _),) = invocations(assembly_of("regionless").template("embeddings"))

    assert ":bedrock:${AWS::Region}::" in resources[0]


def test_synthesis_warns_of_a_model_near_its_end(assembly_of: Callable[[str], Assembly]) -> None:
    report = assembly_of("legacy").report
    (annotations,) = [each for each in report if each["pluginName"] == "Construct Annotations"]

    assert any("Llama 3.3 70B Instruct is legacy" in finding["description"] for finding in annotations["violations"])
    assert annotations["conclusion"] == "success"


def test_an_application_inference_profile_is_granted_with_what_is_behind_it(
    assembly_of: Callable[[str], Assembly],
) -> None:
    called, models = invocations(assembly_of("europe").template("summarization"))

    arn = "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/abc123"
    aws_profile = "arn:${AWS::Partition}:bedrock:eu-central-1:${AWS::AccountId}:inference-profile/"
    assert called[0] == [arn, f"{aws_profile}eu.amazon.nova-lite-v1:0"]
    assert models[0] == [
        f"arn:${{AWS::Partition}}:bedrock:{region}::foundation-model/amazon.nova-lite-v1:0"
        for region in ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3")
    ]
    assert profile_of(models[1]) == arn


def test_cost_profiles_are_made_for_each_use_case_and_model(assembly_of: Callable[[str], Assembly]) -> None:
    for use_case, count in (("chatbot", 2), ("hr-qa", 2), ("summarization", 0)):
        template = assembly_of("europe").template(use_case)
        profiles = template.resources("AWS::Bedrock::ApplicationInferenceProfile")
        assert len(profiles) == count

        tags = [{tag["Key"]: tag["Value"] for tag in each["Properties"]["Tags"]} for each in profiles.values()]
        assert all(each["use-case"] == use_case for each in tags)
        assert len({each["model"] for each in tags}) == count
        names = [profile["Properties"]["InferenceProfileName"] for profile in profiles.values()]
        assert len({*names}) == count
        assert all(len(name) <= 64 for name in names)
        granted = {arn for resources, _ in invocations(template) for arn in resources}
        assert {f"${{{name}.InferenceProfileArn}}" for name in profiles} <= granted


def test_rerank_has_no_cost_profile_since_it_takes_none(assembly_of: Callable[[str], Assembly]) -> None:
    model = "arn:${AWS::Partition}:bedrock:eu-central-1::foundation-model/cohere.rerank-v3-5:0"
    ((_, condition),) = [each for each in invocations(assembly_of("europe").template("hr-qa")) if each[0][-1] == model]

    assert condition == {}


def test_functions_call_the_cost_profiles(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("europe").template("chatbot")
    function = functions(template)["lambda_src.chatbot.handler.handler"]

    first, second = plain(function["Environment"]["Variables"]["MODELS"]).split(",")
    assert first.startswith("eu.anthropic.claude-haiku-5-5=${CostProfile")
    assert second.startswith("eu.amazon.nova-2-lite-v1:0=${CostProfile")


def test_a_stage_without_cost_profiles_has_none(assembly: Assembly) -> None:
    for template in assembly.templates:
        if not settings_of(template.name.split("-")[2]).cost_profiles:
            assert not template.resources("AWS::Bedrock::ApplicationInferenceProfile")


def test_an_existing_guardrail_is_looked_for_where_text_models_are_called(
    assembly_of: Callable[[str], Assembly],
) -> None:
    template = assembly_of("elsewhere").template("summarization")
    variables = template.only("AWS::Lambda::Function")["Environment"]["Variables"]

    assert (variables["MODEL_REGION"], variables["GUARDRAIL_REGION"]) == ("us-east-1", "us-east-1")
    (required,) = required_guardrails(template, "text")
    assert required == "arn:${AWS::Partition}:bedrock:us-east-1:${AWS::AccountId}:guardrail/abc123:3"


def test_a_new_guardrail_stays_in_the_stage_s_region(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("remote").template("image-generation")
    variables = template.only("AWS::Lambda::Function")["Environment"]["Variables"]

    assert variables["MODEL_REGION"] == "us-west-2"
    assert "GUARDRAIL_REGION" not in variables
    (apply,) = [item for item in template.statements() if item["Action"] == ["bedrock:ApplyGuardrail"]]
    assert apply["Resource"][0].startswith("arn:${AWS::Partition}:bedrock:eu-central-1:")
