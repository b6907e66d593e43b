from collections.abc import Callable

import pytest
from aws_cdk import Stack

from stacks.common.guardrail import Guardrail
from stacks.config import GuardrailSettings, StageSettings
from tests.stacks.assemblies import Assembly, Template


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
    settings = StageSettings(name="dev", guardrail=GuardrailSettings(type="existing", id="abc123", version="DRAFT"))
    guardrail = Guardrail(Stack(), "Guardrail", settings=settings)

    assert guardrail.call_condition["bedrock:GuardrailIdentifier"].endswith(":guardrail/abc123")
