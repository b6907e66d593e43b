"""The web UI on AWS: sign-in and permissions."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.stacks.assemblies import UI, USE_CASES, Assembly, Template, plain

Assemble = Callable[[str], Assembly]
SERVICE = "AWS::ECS::ExpressGatewayService"


@pytest.fixture(params=["express", "newui"])
def template(request: pytest.FixtureRequest, assembly_of: Assemble) -> Template:
    """The web UI's template, before and after its URL is known."""
    return assembly_of(request.param).template(UI)


@pytest.fixture
def ui(assembly_of: Assemble) -> Template:
    return assembly_of("express").template(UI)


def granted(template: Template, role: str) -> dict[str, list[str]]:
    """The allowed actions and their resources of one of the service's roles."""
    return granted_to(template, plain(template.only(SERVICE)[role]))


def granted_to(template: Template, arn: str) -> dict[str, list[str]]:
    """The allowed actions and their resources of a role."""
    (name,) = [key for key in template.resources("AWS::IAM::Role") if arn == "${" + f"{key}.Arn" + "}"]
    statements = []
    for policy in template.properties("AWS::IAM::Policy"):
        if policy["Roles"] == [{"Ref": name}]:
            statements += policy["PolicyDocument"]["Statement"]
    resources_by_action: dict[str, list[str]] = {}
    for statement in statements:
        actions, resources = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            arns = resources if isinstance(resources, list) else [resources]
            resources_by_action.setdefault(action, []).extend(map(plain, arns))
    return resources_by_action


def environment(template: Template) -> dict[str, Any]:
    return {
        variable["Name"]: variable["Value"] for variable in template.only(SERVICE)["PrimaryContainer"]["Environment"]
    }


def test_the_web_ui_may_call_only_its_stages_apis(template: Template) -> None:
    allowed = granted_to(template, plain(environment(template)["UI_CALLER_ROLE"]))
    stage = template.name.split("-")[2]
    parameters = {f"/bedrock-endpoints/{stage}/{use_case}/url" for use_case in USE_CASES}

    assert allowed.keys() == {"ssm:GetParameters", "execute-api:Invoke"}
    assert {arn.partition(":parameter")[2] for arn in allowed["ssm:GetParameters"]} == parameters
    apis = {arn.partition("${AWS::AccountId}:${")[2].partition("}")[0] for arn in allowed["execute-api:Invoke"]}
    assert {template.content["Parameters"][name]["Default"] for name in apis} == parameters


def test_the_task_may_only_assume_the_caller_role(template: Template) -> None:
    caller = plain(environment(template)["UI_CALLER_ROLE"])
    trust = template.resources("AWS::IAM::Role")[caller.removeprefix("${").removesuffix(".Arn}")]["Properties"]

    assert granted(template, "TaskRoleArn") == {"sts:AssumeRole": [caller]}
    (statement,) = trust["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": template.only(SERVICE)["TaskRoleArn"]}


def test_starting_the_task_allows_only_its_image_log_and_secret(ui: Template) -> None:
    allowed = granted(ui, "ExecutionRoleArn")
    repository = "arn:${AWS::Partition}:ecr:us-east-1:444455556666:repository/pages/bedrock"
    (logs,), (secret,) = ui.resources("AWS::Logs::LogGroup"), ui.resources("AWS::SecretsManager::Secret")

    assert allowed == {
        "ecr:GetAuthorizationToken": ["*"],
        "ecr:BatchCheckLayerAvailability": [repository],
        "ecr:BatchGetImage": [repository],
        "ecr:GetDownloadUrlForLayer": [repository],
        "logs:CreateLogStream": ["${" + logs + ".Arn}"],
        "logs:PutLogEvents": ["${" + logs + ".Arn}"],
        "secretsmanager:GetSecretValue": ["${" + secret + "}"],
    }


def test_a_digest_is_not_part_of_the_repository(assembly_of: Assemble) -> None:
    allowed = granted(assembly_of("newui").template(UI), "ExecutionRoleArn")

    assert allowed["ecr:BatchGetImage"] == ["arn:${AWS::Partition}:ecr:us-west-2:111122223333:repository/page"]
    assert "secretsmanager:GetSecretValue" not in allowed


def test_ecs_creates_infrastructure_with_the_managed_policy(template: Template) -> None:
    (role,) = [role for role in template.properties("AWS::IAM::Role") if "ManagedPolicyArns" in role]

    (policy,) = role["ManagedPolicyArns"]
    assert plain(policy).endswith("/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices")
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "ecs.amazonaws.com"}


def test_there_is_one_task_with_a_health_check(template: Template) -> None:
    service = template.only(SERVICE)

    assert service["ScalingTarget"] == {"MinTaskCount": 1, "MaxTaskCount": 1}
    assert service["HealthCheckPath"] == "/_stcore/health"
    assert service["PrimaryContainer"]["ContainerPort"] == 8501
    (logs,) = template.resources("AWS::Logs::LogGroup")
    assert service["PrimaryContainer"]["AwsLogsConfiguration"]["LogGroup"] == {"Ref": logs}


def test_the_service_depends_on_its_roles_policies(template: Template) -> None:
    (service,) = template.resources(SERVICE).values()

    assert len(template.resources("AWS::IAM::Policy")) == 3
    assert set(template.resources("AWS::IAM::Policy")) <= set(service["DependsOn"])


def test_sign_in_is_required(template: Template) -> None:
    assert environment(template)["UI_SIGN_IN"] == "oidc"
    assert environment(template)["AWS_DEFAULT_REGION"] == {"Ref": "AWS::Region"}


def test_secrets_are_not_in_the_environment(ui: Template) -> None:
    container = ui.only(SERVICE)["PrimaryContainer"]
    (secret,), (client,) = (
        ui.resources("AWS::SecretsManager::Secret"),
        ui.resources("AWS::Cognito::UserPoolClient"),
    )

    assert {item["Name"]: plain(item["ValueFrom"]) for item in container["Secrets"]} == {
        "UI_CLIENT_SECRET": "${" + secret + "}:clientSecret::",
        "UI_COOKIE_SECRET": "${" + secret + "}:cookieSecret::",
    }
    assert "ClientSecret" not in json.dumps(container["Environment"])
    generated = ui.only("AWS::SecretsManager::Secret")["GenerateSecretString"]
    assert json.loads(plain(generated["SecretStringTemplate"])) == {"clientSecret": "${" + client + ".ClientSecret}"}
    assert generated["GenerateStringKey"] == "cookieSecret"


def test_users_sign_in_with_the_authorization_code_flow(ui: Template) -> None:
    client = ui.only("AWS::Cognito::UserPoolClient")

    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["GenerateSecret"] is True
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["CallbackURLs"] == ["https://be-0123.ecs.us-west-2.on.aws/oauth2callback"]
    assert client["IdTokenValidity"] == 8 * 60
    # The page does not tell whether there is a user of a name.
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert environment(ui)["UI_URL"] == "https://be-0123.ecs.us-west-2.on.aws"
    assert ui.only("AWS::Cognito::UserPoolDomain")["Domain"] == "example-pages"


def test_the_pool_has_mfa_and_no_self_registration(template: Template) -> None:
    pool = template.only("AWS::Cognito::UserPool")

    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == "ON"
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12


def test_sign_in_is_unavailable_before_the_url_is_known(assembly_of: Assemble) -> None:
    template = assembly_of("newui").template(UI)

    assert template.resources("AWS::Cognito::UserPoolClient") == {}
    assert template.resources("AWS::SecretsManager::Secret") == {}
    assert not environment(template).keys() & {"UI_URL", "UI_CLIENT_ID", "UI_ISSUER"}
    assert "Secrets" not in template.only(SERVICE)["PrimaryContainer"]


def test_it_is_deployed_after_the_apis(assembly_of: Assemble) -> None:
    assembly = assembly_of("express")
    manifest = json.loads((assembly.folder / "manifest.json").read_text("utf-8"))["artifacts"]

    before = set(manifest["bedrock-endpoints-express-ui"]["dependencies"])
    assert {f"bedrock-endpoints-express-{use_case}" for use_case in USE_CASES} <= before


@pytest.fixture
def people(assembly_of: Assemble) -> Template:
    """The web UI of people who call as themselves."""
    return assembly_of("people").template(UI)


def test_people_call_with_their_own_tokens_and_the_task_cannot_call(people: Template) -> None:
    stage = "/bedrock-endpoints/people"
    allowed = granted(people, "TaskRoleArn")

    assert allowed.keys() == {"ssm:GetParameters"}
    assert {arn.partition(":parameter")[2] for arn in allowed["ssm:GetParameters"]} == {
        f"{stage}/{use_case}/{name}" for use_case in ("summarization", "chatbot") for name in ("url", "token-url")
    }
    assert "execute-api" not in json.dumps(people.content)
    assert "UI_CALLER_ROLE" not in environment(people)
    assert environment(people)["UI_API_TOKEN"] == "id"


def test_people_of_a_user_pool_need_no_second_address(assembly_of: Assemble) -> None:
    template = assembly_of("shared").template(UI)
    (arns,) = granted(template, "TaskRoleArn").values()

    assert arns
    assert all(arn.endswith("/url") for arn in arns)


def test_people_sign_in_at_the_stages_provider(people: Template) -> None:
    container = people.only(SERVICE)["PrimaryContainer"]
    (secret,) = people.resources("AWS::SecretsManager::Secret")
    client_secret = "arn:aws:secretsmanager:us-west-2:111122223333:secret:staff/web-ui-AbCdEf"

    assert people.resources("AWS::Cognito::UserPool") == {}
    assert environment(people)["UI_ISSUER"] == "https://login.example.com/staff"
    assert environment(people)["UI_CLIENT_ID"] == "web-ui"
    assert {item["Name"]: plain(item["ValueFrom"]) for item in container["Secrets"]} == {
        "UI_CLIENT_SECRET": f"{client_secret}:clientSecret::",
        "UI_COOKIE_SECRET": "${" + secret + "}:cookieSecret::",
    }
    assert granted(people, "ExecutionRoleArn")["secretsmanager:GetSecretValue"] == [client_secret, "${" + secret + "}"]


def test_the_service_starts_after_the_policies_of_its_roles(people: Template) -> None:
    (service,) = people.resources(SERVICE).values()

    assert len(people.resources("AWS::IAM::Policy")) == 2
    assert set(people.resources("AWS::IAM::Policy")) <= set(service["DependsOn"])
