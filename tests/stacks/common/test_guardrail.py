import json
import typing
from collections.abc import Callable
from typing import Any

import botocore.session
import msgspec
import pytest
from aws_cdk import App
from aws_cdk.assertions import Template as CdkTemplate

from stacks.common.guardrail import Guardrail
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import DEFAULT_POLICIES, FilterCategory, PersonalDataType
from stacks.loading import load_stage
from tests.stacks.assemblies import TODAY, Assembly, Template, cdk_context


def environment(template: Template) -> dict[str, object]:
    """The variables that all functions of a template have in common."""
    environments = [function["Environment"]["Variables"] for function in template.properties("AWS::Lambda::Function")]
    first = environments[0]
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in environments)}


def applied_guardrails(template: Template) -> list[str]:
    return [
        resource
        for statement in template.statements()
        if "bedrock:ApplyGuardrail" in statement["Action"]
        for resource in statement["Resource"]
    ]


@pytest.mark.parametrize("use_case", ["image-generation", "summarization", "playground", "embeddings"])
def test_a_new_guardrails_version_changes_with_its_policies(
    use_case: str, assembly_of: Callable[[str], Assembly]
) -> None:
    template = assembly_of("prod").template(use_case)
    (name,) = template.resources("AWS::Bedrock::Guardrail")
    (version,) = template.resources("AWS::Bedrock::GuardrailVersion")

    assert template.only("AWS::Bedrock::GuardrailVersion")["Description"].startswith("Policies ")
    assert environment(template)["GUARDRAIL_ID"] == {"Fn::GetAtt": [name, "GuardrailId"]}
    assert environment(template)["GUARDRAIL_VERSION"] == {"Fn::GetAtt": [version, "Version"]}
    assert set(applied_guardrails(template)) == {
        f"arn:${{AWS::Partition}}:bedrock:us-west-2:${{AWS::AccountId}}:guardrail/${{{name}.GuardrailId}}"
    }


def test_pictures_are_screened_where_aws_offers_it(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("prod").template("image-generation")
    filters = template.only("AWS::Bedrock::Guardrail")["ContentPolicyConfig"]["FiltersConfig"]

    modalities = {item["Type"]: item.get("OutputModalities") for item in filters}
    assert modalities.pop("PROMPT_ATTACK") is None
    assert set(map(tuple, modalities.values())) == {("TEXT", "IMAGE")}
    assert environment(template)["GUARDRAIL_PICTURES"] == "true"


def test_other_guardrails_have_no_filters_for_pictures(assembly: Assembly) -> None:
    for template in assembly.apis:
        if template.name.endswith("image-generation"):
            continue
        assert "IMAGE" not in json.dumps(template.content)
        assert "GUARDRAIL_PICTURES" not in json.dumps(template.content)


@pytest.mark.parametrize(
    ("stage", "screens"),
    [
        ({"region": "us-west-2"}, True),
        ({"region": "us-west-2", "guardrail": {"pictures": False}}, False),
        ({"region": "eu-west-1"}, False),
        ({"region": "us-west-2", "guardrail": {"type": "existing", "id": "g", "version": "1"}}, False),
        ({"region": "us-west-2", "guardrail": {"type": "existing", "id": "g", "version": "1", "pictures": True}}, True),
        ({"region": "us-west-2", "guardrail": {"type": "off"}}, False),
    ],
)
def test_the_setting_decides_about_pictures(stage: dict[str, Any], screens: bool) -> None:
    assert load_stage({"dev": stage}, "dev", today=TODAY).screens_pictures == screens


def test_prompt_attacks_and_secrets_are_blocked(assembly_of: Callable[[str], Assembly]) -> None:
    guardrail = assembly_of("prod").template("summarization").only("AWS::Bedrock::Guardrail")

    filters = {item["Type"]: item for item in guardrail["ContentPolicyConfig"]["FiltersConfig"]}
    entities = {
        entity["Type"]: entity["Action"]
        for entity in guardrail["SensitiveInformationPolicyConfig"]["PiiEntitiesConfig"]
    }
    assert filters["PROMPT_ATTACK"] == {"Type": "PROMPT_ATTACK", "InputStrength": "HIGH", "OutputStrength": "NONE"}
    assert entities["AWS_SECRET_KEY"] == "BLOCK"
    assert entities["EMAIL"] == "ANONYMIZE"


def test_an_existing_guardrail_is_used(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("shared").template("summarization")

    assert template.resources("AWS::Bedrock::Guardrail") == {}
    assert environment(template)["GUARDRAIL_ID"] == "abc123"
    assert environment(template)["GUARDRAIL_VERSION"] == "3"
    assert applied_guardrails(template)[0].endswith(":guardrail/abc123")


def test_without_a_guardrail_nothing_refers_to_one(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("browser").template("summarization")

    assert template.resources("AWS::Bedrock::Guardrail") == {}
    assert not environment(template).keys() & {"GUARDRAIL_ID", "GUARDRAIL_VERSION"}
    assert applied_guardrails(template) == []


def test_the_call_condition_of_a_draft_has_no_version() -> None:
    stack = stack_of("playground", {"type": "existing", "id": "abc123", "version": "DRAFT"})
    guardrail = Guardrail(stack, "Guardrail")

    assert guardrail.call_condition["bedrock:GuardrailIdentifier"].endswith(":guardrail/abc123")


def strengths(properties: dict[str, Any]) -> dict[str, tuple[str, str]]:
    filters = properties["ContentPolicyConfig"]["FiltersConfig"]
    return {each["Type"]: (each["InputStrength"], each["OutputStrength"]) for each in filters}


def actions(properties: dict[str, Any]) -> dict[str, str]:
    entities = properties["SensitiveInformationPolicyConfig"]["PiiEntitiesConfig"]
    return {each["Type"]: each["Action"] for each in entities}


BLOCKED = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD", "CREDIT_DEBIT_CARD_NUMBER", "CREDIT_DEBIT_CARD_CVV", "PIN")


@pytest.mark.parametrize(
    ("use_case", "masked"), [("playground", ["EMAIL", "PHONE"]), ("embeddings", ["EMAIL", "PHONE"]), ("hr_qa", [])]
)
def test_a_stage_without_policies_has_the_default_ones(use_case: str, masked: list[str]) -> None:
    properties = guardrail_of(use_case, {})

    assert strengths(properties) == {
        "HATE": ("HIGH", "HIGH"),
        "INSULTS": ("HIGH", "HIGH"),
        "SEXUAL": ("HIGH", "HIGH"),
        "VIOLENCE": ("MEDIUM", "MEDIUM"),
        "MISCONDUCT": ("MEDIUM", "MEDIUM"),
        "PROMPT_ATTACK": ("HIGH", "NONE"),
    }
    assert actions(properties) == {**dict.fromkeys(masked, "ANONYMIZE"), **dict.fromkeys(BLOCKED, "BLOCK")}
    assert "TopicPolicyConfig" not in properties


def test_writing_the_defaults_down_changes_nothing() -> None:
    written = json.loads(msgspec.json.encode(DEFAULT_POLICIES))
    default = guardrail_of("playground", {})

    assert guardrail_of("playground", {"policies": written}) == default


def test_policies_of_a_use_case_take_precedence_over_those_of_the_stage() -> None:
    topic = {"name": "Wages", "definition": "What people earn.", "examples": ["What does Ana earn?"]}
    settings = {
        "policies": {"personalData": {"NAME": "mask", "PIN": "allow"}, "filters": {"VIOLENCE": "low"}},
        "useCases": {"hrQa": {"personalData": {"NAME": "block"}, "filters": {"HATE": "none"}, "deniedTopics": [topic]}},
    }
    hr_qa = guardrail_of("hr_qa", settings)
    playground = guardrail_of("playground", settings)

    assert (actions(hr_qa)["NAME"], actions(playground)["NAME"]) == ("BLOCK", "ANONYMIZE")
    assert "PIN" not in {**actions(hr_qa), **actions(playground)}
    assert strengths(hr_qa)["VIOLENCE"] == strengths(playground)["VIOLENCE"] == ("LOW", "LOW")
    assert "HATE" not in strengths(hr_qa)
    assert hr_qa["TopicPolicyConfig"]["TopicsConfig"] == [
        {"Name": "Wages", "Definition": "What people earn.", "Examples": ["What does Ana earn?"], "Type": "DENY"}
    ]
    assert "TopicPolicyConfig" not in playground


def test_policies_that_allow_everything_are_left_out() -> None:
    everything = {
        "filters": dict.fromkeys(DEFAULT_POLICIES.filters, "none"),
        "personalData": dict.fromkeys(DEFAULT_POLICIES.personal_data, "allow"),
    }
    properties = guardrail_of("playground", {"policies": everything})

    assert not properties.keys() & {"ContentPolicyConfig", "SensitiveInformationPolicyConfig"}


def test_all_of_aws_s_names_are_known() -> None:
    """botocore's model of the service is AWS's."""
    service = botocore.session.get_session().get_service_model("bedrock")
    for name, known in (("GuardrailPiiEntityType", PersonalDataType), ("GuardrailContentFilterType", FilterCategory)):
        assert set(typing.get_args(known)) == set(service.shape_for(name).enum)


def stack_of(use_case: str, settings: dict[str, Any]) -> UseCaseStack:
    """An empty stack of a stage with these settings of the guardrail."""
    stage = load_stage({"dev": {"region": "us-west-2", "guardrail": settings}}, "dev", today=TODAY)
    return UseCaseStack(App(context=cdk_context()), use_case, settings=stage, today=TODAY)


def guardrail_of(use_case: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The template's properties of a new guardrail with these settings."""
    stack = stack_of(use_case, settings)
    Guardrail(stack, "Guardrail")
    (resource,) = CdkTemplate.from_stack(stack).find_resources("AWS::Bedrock::Guardrail").values()
    properties: dict[str, Any] = resource["Properties"]
    return properties
