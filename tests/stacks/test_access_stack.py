"""Stages that accept tokens and keys, and those that do not."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.access.settings import AccessOptions, AuthorizerSettings
from lambda_src.shared.settings import read_settings
from tests.stacks.assemblies import ACCESS, Assembly, Template, plain

Assemble = Callable[[str], Assembly]
AUTHORIZER = "lambda_src.access.authorizer.handler.handler"


def function(template: Template, handler: str) -> dict[str, Any]:
    (match,) = [each for each in template.properties("AWS::Lambda::Function") if each["Handler"] == handler]
    return match


def test_routes_are_the_same_on_both_apis(assembly_of: Assemble) -> None:
    for template in assembly_of("tokens").apis:
        routes: dict[str, set[tuple[str, str, str]]] = {}
        for key, resource in template.resources("AWS::ApiGateway::Method").items():
            method = resource["Properties"]
            path = key.removeprefix("Token").rpartition("Api")[2][:-8]
            integration = plain(method["Integration"]["Uri"])
            routes.setdefault(method["RestApiId"]["Ref"], set()).add((method["HttpMethod"], path, integration))
        first, second = routes.values()
        assert first == second


def test_the_authorizer_answers_for_each_api(assembly_of: Assemble) -> None:
    for template in assembly_of("tokens").apis:
        authorizer = template.only("AWS::ApiGateway::Authorizer")
        assert authorizer["Type"] == "REQUEST"
        # A request without the header is refused without a call.
        assert authorizer["IdentitySource"] == "method.request.header.Authorization"
        # A revoked key ends within a minute.
        assert 0 < authorizer["AuthorizerResultTtlInSeconds"] <= 30
        arn = plain(authorizer["AuthorizerUri"])
        assert ":function:bedrock-endpoints-tokens-authorizer/" in arn
        (permission,) = [
            each
            for each in template.properties("AWS::Lambda::Permission")
            if plain(each["FunctionName"]).endswith(":function:bedrock-endpoints-tokens-authorizer")
        ]
        api = authorizer["RestApiId"]["Ref"]
        assert f"${{{api}}}/authorizers/${{" in plain(permission["SourceArn"])


def test_other_accounts_may_call_the_main_api(assembly_of: Assemble) -> None:
    for template in assembly_of("tokens").apis:
        for api in template.properties("AWS::ApiGateway::RestApi"):
            if api["Name"].endswith("-tokens"):
                assert "Policy" not in api
                continue
            (statement,) = api["Policy"]["Statement"]
            assert statement["Effect"] == "Allow"
            assert statement["Action"] == "execute-api:Invoke"
            assert plain(statement["Principal"]["AWS"]).endswith(":iam::444455556666:root")
            assert statement["Resource"] == "execute-api:/v1/*"
    # Not the API for administrators, and none of a stage without the setting.
    for template in (assembly_of("tokens").template(ACCESS), *assembly_of("dev").apis):
        assert "Policy" not in template.only("AWS::ApiGateway::RestApi")


def test_it_is_deployed_before_the_apis(assembly_of: Assemble) -> None:
    for stage, use_case in (("tokens", "summarization"), ("issuers", "embeddings")):
        manifest = (assembly_of(stage).folder / "manifest.json").read_text("utf-8")
        artifacts = json.loads(manifest)["artifacts"]
        dependencies = artifacts[f"bedrock-endpoints-{stage}-{use_case}"]["dependencies"]
        assert f"bedrock-endpoints-{stage}-{ACCESS}" in dependencies


def test_the_authorizer_has_the_settings_that_it_reads(assembly_of: Assemble) -> None:
    template = assembly_of("tokens").template(ACCESS)
    variables = function(template, AUTHORIZER)["Environment"]["Variables"]
    settings = read_settings(AuthorizerSettings, {**variables, "TABLE_NAME": "keys"})

    assert [issuer.url for issuer in settings.options.issuers] == ["https://idp.example.com/realms/staff"]
    assert settings.options.groups == ("KeyAdmins", "risk-committee")
    assert settings.options.admins == ("KeyAdmins",)
    assert set(settings.options.use_cases) == {"chatbot", "credit-risk", "summarization"}


def actions_of(template: Template, handler: str) -> set[str]:
    role = function(template, handler)["Role"]["Fn::GetAtt"][0]
    return {
        action
        for policy in template.properties("AWS::IAM::Policy")
        if policy["Roles"] == [{"Ref": role}]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def test_the_authorizer_may_look_up_keys_and_nothing_else(assembly_of: Assemble) -> None:
    actions = actions_of(assembly_of("tokens").template(ACCESS), AUTHORIZER)
    assert {action for action in actions if action.startswith("dynamodb:")} == {"dynamodb:GetItem"}
    assert {action.partition(":")[0] for action in actions} == {"dynamodb", "logs", "xray"}


def test_the_api_for_keys_may_delete_none(assembly_of: Assemble) -> None:
    actions = actions_of(assembly_of("tokens").template(ACCESS), "lambda_src.access.handler.handler")
    assert {action.partition(":")[2] for action in actions if action.startswith("dynamodb:")} == {
        *("GetItem", "PutItem", "Query")
    }


def test_keys_are_managed_over_the_main_api_only(assembly_of: Assemble) -> None:
    template = assembly_of("tokens").template(ACCESS)
    assert {method["AuthorizationType"] for method in template.properties("AWS::ApiGateway::Method")} == {"AWS_IAM"}
    (policy,) = template.properties("AWS::IAM::ManagedPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "execute-api:Invoke"
    assert len(statement["Resource"]) == 5


def test_a_stage_without_keys_has_no_table_and_no_api_for_them(assembly_of: Assemble) -> None:
    template = assembly_of("issuers").template(ACCESS)
    assert not template.resources("AWS::DynamoDB::Table")
    assert not template.resources("AWS::ApiGateway::RestApi")
    assert "TABLE_NAME" not in function(template, AUTHORIZER)["Environment"]["Variables"]


@pytest.mark.parametrize("stage", ["dev", "prod", "browser", "shared"])
def test_a_stage_that_does_not_accept_tokens_has_nothing_of_it(stage: str, assembly_of: Assemble) -> None:
    for template in assembly_of(stage).templates:
        assert not template.name.endswith(f"-{ACCESS}")
        text = str(template.content)
        assert "TokenApi" not in text
        assert "authorizer" not in text.replace("AuthorizerId", "").replace("context.authorizer.claims.sub", "")
        for properties in template.properties("AWS::Lambda::Function"):
            assert not {"ISSUERS", "ADMINS", "GROUPS"} & properties["Environment"]["Variables"].keys()


def test_options_round_trip_through_the_environment() -> None:
    options = AccessOptions(admins=("a",), groups=("a", "b"))
    settings = read_settings(AuthorizerSettings, options.environment())
    assert settings.options == options
