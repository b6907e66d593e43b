"""Stages that erase and export callers' data: who may do what with it, and what other stages have of it."""

import json
from collections.abc import Callable
from fnmatch import fnmatch

import pytest

from lambda_src.caller_data.exports import files_folder
from lambda_src.caller_data.routes import OWN_ROUTES, ROUTES
from lambda_src.caller_data.settings import ErasureSettings
from lambda_src.registry import USE_CASES, UseCase
from lambda_src.shared.settings import read_settings
from stacks.common.caller_data import exports_bucket_name
from stacks.config import StageSettings
from stacks.loading import MAX_FUNCTION_NAME, _function_name_problems
from tests.stacks.assemblies import CALLER_DATA, Assembly, Template, plain
from tests.stacks.test_access_stack import actions_of, function

Assemble = Callable[[str], Assembly]
WORKER = "lambda_src.caller_data.worker.handler.handler"
API = "lambda_src.caller_data.handler.handler"
STAGE = "erasable"


def handler_of(use_case: str) -> str:
    return f"lambda_src.{use_case}.caller_data.handler.handler"


@pytest.fixture
def central(assembly_of: Assemble) -> Template:
    return assembly_of(STAGE).template(CALLER_DATA)


def statements_of(template: Template, handler: str) -> list[tuple[str, str]]:
    """Each action with each resource of a function's role."""
    role = function(template, handler)["Role"]["Fn::GetAtt"][0]
    pairs = []
    for policy in template.properties("AWS::IAM::Policy"):
        if policy["Roles"] == [{"Ref": role}]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions, resources = statement["Action"], statement["Resource"]
                for action in [actions] if isinstance(actions, str) else actions:
                    for resource in resources if isinstance(resources, list) else [resources]:
                        pairs.append((action, plain(resource)))
    return pairs


def test_each_use_case_has_a_function_with_the_name_that_the_worker_knows(
    assembly_of: Assemble, central: Template
) -> None:
    variables = function(central, WORKER)["Environment"]["Variables"]
    references = dict.fromkeys(("TABLE_NAME", "BUCKET_NAME", "QUEUE_URL"), "x")
    settings = read_settings(ErasureSettings, {**variables, **references})
    assert settings.use_cases == tuple(use_case.id for use_case in USE_CASES)
    assert settings.admins == ("DataProtection",)
    assert (settings.api_keys, settings.log_retention_days) == (True, 90)
    names = []
    for use_case in USE_CASES:
        properties = function(assembly_of(STAGE).template(use_case.id), handler_of(use_case.name))
        assert properties["FunctionName"] == settings.function_name(use_case.id)
        names.append(properties["FunctionName"])
    invoked = [resource for action, resource in statements_of(central, WORKER) if action == "lambda:InvokeFunction"]
    assert sorted(resource.rpartition(":")[2] for resource in invoked) == sorted(names)


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.id)
def test_a_use_cases_function_reaches_its_own_data_and_only_writes_exports(
    use_case: UseCase, assembly_of: Assemble, central: Template
) -> None:
    template = assembly_of(STAGE).template(use_case.id)
    own = {
        f"${{{name}.Arn}}" for kind in ("DynamoDB::Table", "S3::Bucket") for name in template.resources(f"AWS::{kind}")
    }
    (bucket,) = (each["BucketName"] for each in central.properties("AWS::S3::Bucket") if "BucketName" in each)
    exports = plain(bucket)
    handler = handler_of(use_case.name)
    for action, resource in statements_of(template, handler):
        if action.startswith("s3:") and exports in resource:
            # Not archives, and no files of other use cases.
            assert (action, resource.partition(":::")[2]) == (
                "s3:PutObject",
                f"{exports}/exports/*/files/{use_case.id}/*",
            )
            assert fnmatch(
                f"{files_folder('subject', 'id')}/{use_case.id}/name.json", resource.partition(exports)[2][1:]
            )
        elif action.startswith(("dynamodb:", "s3:")):
            assert resource.partition("/")[0] in own
            assert action != "dynamodb:Scan"
    assert not {action for action, _ in statements_of(template, handler) if action.startswith("bedrock")}


def test_the_worker_has_no_permission_for_the_data_of_use_cases(central: Template) -> None:
    services = {action.partition(":")[0] for action, _ in statements_of(central, WORKER)}
    assert services == {"dynamodb", "lambda", "logs", "s3", "sqs", "xray"}
    assert actions_of(central, API).isdisjoint({"lambda:InvokeFunction", "dynamodb:DeleteItem", "s3:PutObject"})


def test_the_worker_may_send_itself_any_number_of_messages(central: Template) -> None:
    assert function(central, WORKER)["RecursiveLoop"] == "Allow"


def test_archives_expire_and_have_no_versions(central: Template) -> None:
    (bucket,) = (each for each in central.properties("AWS::S3::Bucket") if "BucketName" in each)
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert [rule["ExpirationInDays"] for rule in rules] == [1]
    assert "VersioningConfiguration" not in bucket


def test_the_longest_name_of_a_bucket_is_allowed() -> None:
    prefix, _, _ = exports_bucket_name(StageSettings(name="a" * 20)).partition("$")
    assert len(f"{prefix}111122223333-ap-southeast-1") <= 63


def test_functions_names_are_not_too_long_where_a_stage_has_a_name() -> None:
    """Guardrails limit the stage's name to fewer characters, today."""
    settings = StageSettings(name="a" * 15, caller_data=True)
    assert all(len(settings.caller_data_function(use_case.name)) <= MAX_FUNCTION_NAME for use_case in USE_CASES)
    assert list(_function_name_problems(settings)) == []
    too_long = StageSettings(name="a" * 20, caller_data=True)
    (problem,) = _function_name_problems(too_long)
    assert problem.startswith("the stage's name is 3 characters too long: the function bedrock-endpoints-aaaaa")
    assert list(_function_name_problems(StageSettings(name="a" * 20))) == []


def test_the_second_api_has_no_routes_of_administrators(central: Template) -> None:
    apis = central.resources("AWS::ApiGateway::RestApi")
    operations: dict[bool, set[str]] = {True: set(), False: set()}
    for method in central.properties("AWS::ApiGateway::Method"):
        if "OperationName" in method:
            tokens = apis[method["RestApiId"]["Ref"]]["Properties"]["Name"].endswith("-tokens")
            operations[tokens].add(method["OperationName"])
    assert operations[True] == {route.operation for route in OWN_ROUTES}
    assert operations[False] == {route.operation for route in ROUTES}


def test_policies_separate_callers_and_administrators(central: Template) -> None:
    outputs = central.content["Outputs"]
    assert {"CallerPolicyArn", "AdminPolicyArn"} <= outputs.keys()
    routes = {
        policy["Description"].rpartition(" ")[2]: len(policy["PolicyDocument"]["Statement"][0]["Resource"])
        for policy in central.properties("AWS::IAM::ManagedPolicy")
    }
    assert routes == {"caller": 4, "admin": 3}


def test_it_is_deployed_after_the_functions_that_it_invokes(assembly_of: Assemble) -> None:
    manifest = (assembly_of(STAGE).folder / "manifest.json").read_text("utf-8")
    dependencies = json.loads(manifest)["artifacts"][f"bedrock-endpoints-{STAGE}-{CALLER_DATA}"]["dependencies"]
    assert {f"bedrock-endpoints-{STAGE}-{use_case.id}" for use_case in USE_CASES} <= {*dependencies}


def test_a_stage_without_the_setting_has_nothing_of_it(assembly_of: Assemble) -> None:
    for stage in ("dev", "tokens", "limited"):
        for template in assembly_of(stage).templates:
            assert not template.name.endswith(f"-{CALLER_DATA}")
            text = str(template.content)
            assert "CallerData" not in text
            assert "CALLER_DATA" not in text
            assert "caller-data" not in text
