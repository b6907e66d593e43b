from collections.abc import Callable

import pytest

from tests.stacks.assemblies import Assembly, Template


def environment(template: Template) -> dict[str, object]:
    """What all the functions behind the API are told alike."""
    told = [one["Environment"]["Variables"] for one in template.properties("AWS::Lambda::Function")]
    return {name: value for name, value in told[0].items() if all(one.get(name) == value for one in told)}


def applied(template: Template) -> list[str]:
    return [
        resource
        for statement in template.statements()
        if "bedrock:ApplyGuardrail" in statement["Action"]
        for resource in statement["Resource"]
    ]


@pytest.mark.parametrize("use_case", ["image-generation", "summarization", "playground"])
def test_a_new_one_has_a_version_that_changes_with_its_policies(
    use_case: str, assembly_of: Callable[[str], Assembly]
) -> None:
    template = assembly_of("prod").template(use_case)
    (name,) = template.resources("AWS::Bedrock::Guardrail")
    (version,) = template.resources("AWS::Bedrock::GuardrailVersion")

    assert template.only("AWS::Bedrock::GuardrailVersion")["Description"].startswith("Policies ")
    assert environment(template)["GUARDRAIL_ID"] == {"Fn::GetAtt": [name, "GuardrailId"]}
    assert environment(template)["GUARDRAIL_VERSION"] == {"Fn::GetAtt": [version, "Version"]}
    assert set(applied(template)) == {
        f"arn:${{AWS::Partition}}:bedrock:us-west-2:${{AWS::AccountId}}:guardrail/${{{name}.GuardrailId}}"
    }


def test_prompt_attacks_are_refused_and_secrets_blocked(assembly_of: Callable[[str], Assembly]) -> None:
    guardrail = assembly_of("prod").template("summarization").only("AWS::Bedrock::Guardrail")

    filters = {one["Type"]: one for one in guardrail["ContentPolicyConfig"]["FiltersConfig"]}
    entities = {
        one["Type"]: one["Action"] for one in guardrail["SensitiveInformationPolicyConfig"]["PiiEntitiesConfig"]
    }
    assert filters["PROMPT_ATTACK"] == {"Type": "PROMPT_ATTACK", "InputStrength": "HIGH", "OutputStrength": "NONE"}
    assert entities["AWS_SECRET_KEY"] == "BLOCK"
    assert entities["EMAIL"] == "ANONYMIZE"


def test_an_existing_one_is_used_as_it_is(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("shared").template("summarization")

    assert template.resources("AWS::Bedrock::Guardrail") == {}
    assert environment(template)["GUARDRAIL_ID"] == "abc123"
    assert environment(template)["GUARDRAIL_VERSION"] == "3"
    assert applied(template)[0].endswith(":guardrail/abc123")


def test_off_leaves_nothing_behind(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("browser").template("summarization")

    assert template.resources("AWS::Bedrock::Guardrail") == {}
    assert not environment(template).keys() & {"GUARDRAIL_ID", "GUARDRAIL_VERSION"}
    assert applied(template) == []


def test_vectors_have_none(assembly_of: Callable[[str], Assembly]) -> None:
    assert assembly_of("prod").template("embeddings").resources("AWS::Bedrock::Guardrail") == {}
