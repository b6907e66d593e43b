"""The page on AWS: who may open it, and what it may do itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.stacks.assemblies import PAGE, USE_CASES, Assembly, Template, plain

Assemble = Callable[[str], Assembly]
SERVICE = "AWS::ECS::ExpressGatewayService"


@pytest.fixture(params=["page", "newpage"])
def template(request: pytest.FixtureRequest, assembly_of: Assemble) -> Template:
    """The page's template when its address is known, and before."""
    return assembly_of(request.param).template(PAGE)


@pytest.fixture
def page(assembly_of: Assemble) -> Template:
    return assembly_of("page").template(PAGE)


def granted(template: Template, role: str) -> dict[str, list[str]]:
    """Action -> resources of the service's role under a property."""
    return granted_to(template, plain(template.only(SERVICE)[role]))


def granted_to(template: Template, arn: str) -> dict[str, list[str]]:
    """Action -> resources of the role with an ARN."""
    (name,) = [key for key in template.resources("AWS::IAM::Role") if arn == "${" + f"{key}.Arn" + "}"]
    statements = []
    for policy in template.properties("AWS::IAM::Policy"):
        if policy["Roles"] == [{"Ref": name}]:
            statements += policy["PolicyDocument"]["Statement"]
    found: dict[str, list[str]] = {}
    for one in statements:
        for action in [one["Action"]] if isinstance(one["Action"], str) else one["Action"]:
            places = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
            found.setdefault(action, []).extend(map(plain, places))
    return found


def environment(template: Template) -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in template.only(SERVICE)["PrimaryContainer"]["Environment"]}


def test_the_page_calls_the_apis_of_its_stage_and_nothing_else(template: Template) -> None:
    allowed = granted_to(template, plain(environment(template)["UI_CALLER_ROLE"]))
    stage = template.name.split("-")[2]
    parameters = {f"/bedrock-endpoints/{stage}/{use_case}/url" for use_case in USE_CASES}

    assert allowed.keys() == {"ssm:GetParameters", "execute-api:Invoke"}
    assert {one.partition(":parameter")[2] for one in allowed["ssm:GetParameters"]} == parameters
    apis = {one.partition("${AWS::AccountId}:${")[2].partition("}")[0] for one in allowed["execute-api:Invoke"]}
    assert {template.content["Parameters"][name]["Default"] for name in apis} == parameters


def test_the_task_may_only_become_the_caller(template: Template) -> None:
    caller = plain(environment(template)["UI_CALLER_ROLE"])
    trust = template.resources("AWS::IAM::Role")[caller.removeprefix("${").removesuffix(".Arn}")]["Properties"]

    assert granted(template, "TaskRoleArn") == {"sts:AssumeRole": [caller]}
    (statement,) = trust["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": template.only(SERVICE)["TaskRoleArn"]}


def test_the_task_is_started_with_its_own_image_log_and_secret(page: Template) -> None:
    allowed = granted(page, "ExecutionRoleArn")
    repository = "arn:${AWS::Partition}:ecr:us-east-1:444455556666:repository/pages/bedrock"
    (logs,), (secret,) = page.resources("AWS::Logs::LogGroup"), page.resources("AWS::SecretsManager::Secret")

    assert allowed == {
        "ecr:GetAuthorizationToken": ["*"],
        "ecr:BatchCheckLayerAvailability": [repository],
        "ecr:BatchGetImage": [repository],
        "ecr:GetDownloadUrlForLayer": [repository],
        "logs:CreateLogStream": ["${" + logs + ".Arn}"],
        "logs:PutLogEvents": ["${" + logs + ".Arn}"],
        "secretsmanager:GetSecretValue": ["${" + secret + "}"],
    }


def test_a_digest_is_no_part_of_the_repository(assembly_of: Assemble) -> None:
    allowed = granted(assembly_of("newpage").template(PAGE), "ExecutionRoleArn")

    assert allowed["ecr:BatchGetImage"] == ["arn:${AWS::Partition}:ecr:us-west-2:111122223333:repository/page"]
    assert "secretsmanager:GetSecretValue" not in allowed


def test_ecs_makes_what_is_around_it_with_aws_s_policy(template: Template) -> None:
    (role,) = [one for one in template.properties("AWS::IAM::Role") if "ManagedPolicyArns" in one]

    (policy,) = role["ManagedPolicyArns"]
    assert plain(policy).endswith("/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices")
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "ecs.amazonaws.com"}


def test_it_is_one_task_that_is_asked_whether_it_lives(template: Template) -> None:
    service = template.only(SERVICE)

    assert service["ScalingTarget"] == {"MinTaskCount": 1, "MaxTaskCount": 1}
    assert service["HealthCheckPath"] == "/_stcore/health"
    assert service["PrimaryContainer"]["ContainerPort"] == 8501
    (logs,) = template.resources("AWS::Logs::LogGroup")
    assert service["PrimaryContainer"]["AwsLogsConfiguration"]["LogGroup"] == {"Ref": logs}


def test_the_policies_of_its_roles_are_there_before_it(template: Template) -> None:
    (service,) = template.resources(SERVICE).values()

    assert len(template.resources("AWS::IAM::Policy")) == 3
    assert set(template.resources("AWS::IAM::Policy")) <= set(service["DependsOn"])


def test_it_always_asks_for_sign_in(template: Template) -> None:
    assert environment(template)["UI_SIGN_IN"] == "oidc"
    assert environment(template)["AWS_DEFAULT_REGION"] == {"Ref": "AWS::Region"}


def test_secrets_are_no_variables_in_the_template(page: Template) -> None:
    container = page.only(SERVICE)["PrimaryContainer"]
    (secret,), (client,) = (
        page.resources("AWS::SecretsManager::Secret"),
        page.resources("AWS::Cognito::UserPoolClient"),
    )

    assert {one["Name"]: plain(one["ValueFrom"]) for one in container["Secrets"]} == {
        "UI_CLIENT_SECRET": "${" + secret + "}:clientSecret::",
        "UI_COOKIE_SECRET": "${" + secret + "}:cookieSecret::",
    }
    assert "ClientSecret" not in json.dumps(container["Environment"])
    generated = page.only("AWS::SecretsManager::Secret")["GenerateSecretString"]
    assert json.loads(plain(generated["SecretStringTemplate"])) == {"clientSecret": "${" + client + ".ClientSecret}"}
    assert generated["GenerateStringKey"] == "cookieSecret"


def test_people_sign_in_by_code_on_the_pool_s_own_page(page: Template) -> None:
    client = page.only("AWS::Cognito::UserPoolClient")

    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["GenerateSecret"] is True
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["CallbackURLs"] == ["https://be-0123.ecs.us-west-2.on.aws/oauth2callback"]
    assert client["IdTokenValidity"] == 8 * 60
    assert environment(page)["UI_URL"] == "https://be-0123.ecs.us-west-2.on.aws"
    assert page.only("AWS::Cognito::UserPoolDomain")["Domain"] == "example-pages"


def test_the_pool_has_no_open_door(template: Template) -> None:
    pool = template.only("AWS::Cognito::UserPool")

    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == "ON"
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12


def test_nobody_can_sign_in_before_the_address_is_known(assembly_of: Assemble) -> None:
    template = assembly_of("newpage").template(PAGE)

    assert template.resources("AWS::Cognito::UserPoolClient") == {}
    assert template.resources("AWS::SecretsManager::Secret") == {}
    assert not environment(template).keys() & {"UI_URL", "UI_CLIENT_ID", "UI_ISSUER"}
    assert "Secrets" not in template.only(SERVICE)["PrimaryContainer"]


def test_it_is_deployed_after_the_apis_that_it_finds_by_their_parameters(assembly_of: Assemble) -> None:
    assembly = assembly_of("page")
    manifest = json.loads((assembly.folder / "manifest.json").read_text("utf-8"))["artifacts"]

    before = set(manifest["bedrock-endpoints-page-ui"]["dependencies"])
    assert {f"bedrock-endpoints-page-{use_case}" for use_case in USE_CASES} <= before
