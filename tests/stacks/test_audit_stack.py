"""Stages with an audit trail, and those without one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App

from app import add_stacks
from lambda_src.shared.settings import Settings, read_settings
from stacks.common.python_function import PythonFunction
from stacks.loading import ConfigError, load_stage
from tests.stacks.assemblies import AUDIT, AUDIT_KEY, TODAY, Assembly, cdk_context, packages, plain, settings_of

Assemble = Callable[[str], Assembly]
GROUP = "/bedrock-endpoints/audited/audit"
# The functions behind APIs.
AUDITED = {
    "lambda_src.access.handler.handler": "access",
    "lambda_src.usage.handler.handler": "usage",
    "lambda_src.chatbot.handler.handler": "chatbot",
    "lambda_src/shared/run.sh": "chatbot",
    "lambda_src.hr_qa.handler.handler": "hr-qa",
    "lambda_src.credit_risk.handler.handler": "credit-risk",
}


def test_the_group_has_its_own_retention_and_key(assembly_of: Assemble) -> None:
    template = assembly_of("audited").template(AUDIT)
    expected = {"LogGroupName": GROUP, "RetentionInDays": 731, "KmsKeyId": AUDIT_KEY}
    assert template.only("AWS::Logs::LogGroup").items() >= expected.items()
    assert set(template.content["Resources"]) == set(template.resources("AWS::Logs::LogGroup"))


def test_functions_behind_apis_write_to_their_stream_and_nothing_else(assembly_of: Assemble) -> None:
    written = {}
    for template in assembly_of("audited").templates:
        grants = {}
        for policy in template.properties("AWS::IAM::Policy"):
            for statement in policy["PolicyDocument"]["Statement"]:
                if GROUP in json.dumps(statement):
                    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
                    # CDK merges the statement with that of the function's own log.
                    (arn,) = [each for each in map(plain, statement["Resource"]) if GROUP in each]
                    grants[policy["Roles"][0]["Ref"]] = arn
        for function in template.properties("AWS::Lambda::Function"):
            variables = function["Environment"]["Variables"]
            role = function["Role"]["Fn::GetAtt"][0]
            assert ("AUDIT_GROUP" in variables) == (role in grants)
            if role in grants:
                text = {name: value for name, value in variables.items() if isinstance(value, str)}
                settings = read_settings(Settings, {**text, "TABLE_NAME": "table"})
                assert (settings.audit_group, settings.audit_contents) == (GROUP, True)
                group, _, stream = grants[role].partition(":log-stream:")
                assert group.endswith(f":logs:us-west-2:${{AWS::AccountId}}:log-group:{GROUP}")
                assert stream == settings.use_case.replace("_", "-")
                written[function["Handler"]] = stream
    assert written == AUDITED


def test_only_the_packages_of_such_functions_have_the_service() -> None:
    assert not [name for name, package in packages().items() if "logs" in package.services]
    app = App(context={**cdk_context(), "aws:cdk:bundling-stacks": []})
    add_stacks(app, settings_of("audited"), TODAY)
    built = [construct.package for construct in app.node.find_all() if isinstance(construct, PythonFunction)]
    assert {(each.use_case, each.part) for each in built if "logs" in each.services} == {
        *((use_case, "") for use_case in ("access", "usage", "chatbot", "hr_qa", "credit_risk")),
        ("chatbot", "stream"),
    }


def test_the_group_is_deployed_before_the_functions(assembly_of: Assemble) -> None:
    assembly = assembly_of("audited")
    artifacts = json.loads((assembly.folder / "manifest.json").read_text("utf-8"))["artifacts"]
    for name in ("chatbot", "hr-qa", "credit-risk", "access", "usage"):
        assert "bedrock-endpoints-audited-audit" in artifacts[f"bedrock-endpoints-audited-{name}"]["dependencies"]


@pytest.mark.parametrize("stage", ["dev", "prod", "tokens", "limited"])
def test_a_stage_without_it_has_nothing_of_it(stage: str, assembly_of: Assemble) -> None:
    for template in assembly_of(stage).templates:
        assert not template.name.endswith(f"-{AUDIT}")
        text = json.dumps(template.content)
        assert "AUDIT_" not in text
        assert f"/bedrock-endpoints/{stage}/audit" not in text


@pytest.mark.parametrize(
    ("audit", "problem"),
    [
        ({"retentionDays": 10}, "audit.retentionDays: CloudWatch Logs cannot keep 10 days; one of 1, 3, 5"),
        ({"kmsKey": AUDIT_KEY.replace("us-west-2", "us-east-1")}, "audit.kmsKey: the key is not in us-west-2"),
        ({"kmsKey": "alias/audit"}, "audit.kmsKey: "),
        ({"content": True}, "audit.content: unknown setting"),
    ],
)
def test_problems_name_the_setting(audit: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_stage({"test": {"region": "us-west-2", "audit": audit}}, "test", today=TODAY)
    assert [each.startswith(f"stages.test.{problem}") for each in raised.value.problems] == [True]
