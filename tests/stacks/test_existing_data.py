"""Stages that use existing tables and buckets."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks.loading import ConfigError, load_stage
from tests.stacks.assemblies import TODAY, Assembly, Template

Assemble = Callable[[str], Assembly]
NAMES = {"chatbot": ("chatbot-restored", "chatbot-photos"), "hr-qa": ("hr-qa-restored", "hr-qa-documents")}


@pytest.mark.parametrize("use_case", NAMES)
def test_the_stack_uses_them_and_has_none_of_its_own(use_case: str, assembly_of: Assemble) -> None:
    table, bucket = NAMES[use_case]
    template = assembly_of("restored").template(use_case)
    assert not template.resources("AWS::DynamoDB::Table")
    assert not template.resources("AWS::S3::Bucket")
    # The function that reads a chat's documents has no data.
    functions = [each for each in template.properties("AWS::Lambda::Function") if ".reader." not in each["Handler"]]
    variables = [function["Environment"]["Variables"] for function in functions]
    assert {each["TABLE_NAME"] for each in variables} == {table}
    assert {each["BUCKET_NAME"] for each in variables} == {bucket}


@pytest.mark.parametrize("use_case", NAMES)
def test_functions_may_do_the_same_as_with_their_own(use_case: str, assembly_of: Assemble) -> None:
    table, bucket = NAMES[use_case]
    restored, own = (assembly_of(stage).template(use_case) for stage in ("restored", "prod"))

    def actions(template: Template, service: str) -> list[Any]:
        return sorted(
            statement["Action"]
            for statement in template.statements()
            if statement["Action"][0].startswith(service) and "Condition" not in statement
        )

    for service in ("dynamodb:", "s3:"):
        assert actions(restored, service) == actions(own, service)
    text = json.dumps(list(restored.statements()))
    assert f"table/{table}" in text
    assert f":s3:::{bucket}/" in text


def test_uploads_to_an_existing_bucket_reach_the_queue(assembly_of: Assemble) -> None:
    template = assembly_of("restored").template("hr-qa")
    patterns = [rule.get("EventPattern", {}) for rule in template.properties("AWS::Events::Rule")]
    (uploads,) = [each for each in patterns if each.get("detail-type") == ["Object Created"]]
    assert uploads["detail"]["bucket"] == {"name": ["hr-qa-documents"]}


def test_other_use_cases_of_the_stage_have_their_own(assembly_of: Assemble) -> None:
    assert assembly_of("restored").template("embeddings").only("AWS::DynamoDB::Table")


@pytest.mark.parametrize(
    ("existing", "problem"),
    [
        ({"embeddings": {"bucket": "abc"}}, "existingData.embeddings.bucket: unknown setting"),
        ({"chatbot": {"table": "a b c"}}, "existingData.chatbot.table"),
        ({"hrQa": {"bucket": "Upper"}}, "existingData.hrQa.bucket"),
        ({"playground": {"table": "abc"}}, "existingData.playground: the stage does not have the use case"),
        ({"chatbot": {"queue": "abc"}}, "existingData.chatbot.queue: unknown setting"),
    ],
)
def test_problems_name_the_setting(existing: dict[str, Any], problem: str) -> None:
    stage = {"region": "us-west-2", "useCases": ["chatbot", "embeddings", "hrQa"], "existingData": existing}
    with pytest.raises(ConfigError) as raised:
        load_stage({"test": stage}, "test", today=TODAY)
    (found,) = raised.value.problems
    assert found.startswith(f"stages.test.{problem}")
