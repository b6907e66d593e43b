from collections.abc import Callable

from tests.stacks.assemblies import Assembly, Template, plain


def invocations(template: Template) -> list[tuple[list[str], dict[str, dict[str, str]]]]:
    """The resources and condition of each statement that allows model calls."""
    return [
        (statement["Resource"], statement.get("Condition", {}))
        for statement in template.statements()
        if statement["Action"] == ["bedrock:InvokeModel"]
    ]


def conditions_of(condition: dict[str, dict[str, str]]) -> list[str]:
    return [plain(value) for value in condition.get("StringEquals", {}).values()]


def test_a_model_is_granted_in_the_stage_s_region(assembly_of: Callable[[str], Assembly]) -> None:
    ((resources, condition),) = invocations(assembly_of("dev").template("embeddings"))

    assert resources == ["arn:${AWS::Partition}:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0"]
    assert condition == {}


def test_a_profile_is_granted_with_its_destinations_through_it_only(assembly_of: Callable[[str], Assembly]) -> None:
    model = "anthropic.claude-haiku-4-5-20251001-v1:0"
    profile = f"arn:${{AWS::Partition}}:bedrock:us-west-2:${{AWS::AccountId}}:inference-profile/us.{model}"

    granted = invocations(assembly_of("dev").template("summarization"))

    assert granted[0] == ([profile], {})
    assert granted[1][0] == [
        f"arn:${{AWS::Partition}}:bedrock:{region}::foundation-model/{model}"
        for region in ("us-east-1", "us-east-2", "us-west-2")
    ]
    assert conditions_of(granted[1][1]) == [profile]
    assert len(granted) == 2


def test_exactly_the_offered_models_are_granted(assembly_of: Callable[[str], Assembly]) -> None:
    granted = invocations(assembly_of("dev").template("playground"))

    assert {arn.rpartition("/")[2] for resources, condition in granted if not condition for arn in resources} == {
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "us.amazon.nova-lite-v1:0",
        "us.amazon.nova-micro-v1:0",
        "us.meta.llama3-1-8b-instruct-v1:0",
    }


def test_a_global_profile_has_a_destination_without_region(assembly_of: Callable[[str], Assembly]) -> None:
    """docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html"""
    granted = invocations(assembly_of("shared").template("summarization"))

    destinations = [
        resources for resources, condition in granted if any("global." in arn for arn in conditions_of(condition))
    ]
    assert sorted(destinations[0]) == [
        "arn:${AWS::Partition}:bedrock:::foundation-model/anthropic.claude-haiku-5-5",
        "arn:${AWS::Partition}:bedrock:us-west-2::foundation-model/anthropic.claude-haiku-5-5",
    ]


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
