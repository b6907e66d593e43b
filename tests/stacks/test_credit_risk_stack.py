"""The stack, with and without letters: what each function may do, who may call which routes, and the alarms."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.credit_risk.routes import ROLES, ROUTES, offered
from tests.stacks.assemblies import Assembly, Template, plain, settings_of

Assemble = Callable[[str], Assembly]
API = "lambda_src.credit_risk.handler.handler"


@pytest.fixture
def template(assembly_of: Assemble) -> Template:
    return assembly_of("prod").template("credit-risk")


def statements_of(template: Template, handler: str) -> dict[str, set[str]]:
    """Action -> resources of a function's role."""
    functions = template.properties("AWS::Lambda::Function")
    (role,) = [plain(function["Role"]) for function in functions if function["Handler"] == handler]
    allowed: dict[str, set[str]] = {}
    for policy in template.properties("AWS::IAM::Policy"):
        if role in [plain(each).replace("}", ".Arn}") for each in policy["Roles"]]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions, resources = statement["Action"], statement["Resource"]
                for action in [actions] if isinstance(actions, str) else actions:
                    listed = resources if isinstance(resources, list) else [resources]
                    allowed.setdefault(action, set()).update(map(plain, listed))
    return allowed


def has_letters(template: Template) -> bool:
    return settings_of(template.name.split("-")[2]).credit_risk.letters


def test_nothing_of_bedrock_is_in_the_template_without_letters(assembly: Assembly) -> None:
    for each in assembly.apis:
        if each.name.endswith("credit-risk") and not has_letters(each):
            text = json.dumps(each.content).replace("bedrock-endpoints", "").lower()
            assert "bedrock:" not in text
            assert "guardrail" not in text
            assert "AWS::Bedrock::Guardrail" not in [item["Type"] for item in each.content["Resources"].values()]
            assert '"letters"' not in text
            for function in each.properties("AWS::Lambda::Function"):
                assert "MODELS" not in function["Environment"]["Variables"]


def test_letters_are_written_by_exactly_the_stages_models_with_its_guardrail(assembly_of: Assemble) -> None:
    template = assembly_of("local").template("credit-risk")
    (guardrail,) = template.resources("AWS::Bedrock::Guardrail")
    region, model = "arn:${AWS::Partition}:bedrock:us-west-2:${AWS::AccountId}", "anthropic.claude-haiku-5-5"

    allowed = statements_of(template, API)
    assert allowed["bedrock:InvokeModel"] == {
        f"{region}:inference-profile/us.{model}",
        *(
            f"arn:${{AWS::Partition}}:bedrock:{each}::foundation-model/{model}"
            for each in ("us-east-1", "us-east-2", "us-west-2")
        ),
    }
    assert allowed["bedrock:ApplyGuardrail"] == {f"{region}:guardrail/${{{guardrail}.GuardrailId}}"}
    assert {action for action in allowed if action.startswith("bedrock:")} == {
        "bedrock:InvokeModel",
        "bedrock:ApplyGuardrail",
    }
    for function in template.properties("AWS::Lambda::Function"):
        handler = function["Handler"]
        if handler.startswith("lambda_src.credit_risk.") and handler != API:
            assert not [action for action in statements_of(template, handler) if action.startswith("bedrock:")]
            assert "GUARDRAIL_ID" not in function["Environment"]["Variables"]


def test_letters_add_one_route_with_the_limits_of_model_calls(assembly_of: Assemble) -> None:
    template = assembly_of("local").template("credit-risk")
    plain_template = assembly_of("prod").template("credit-risk")

    added = {role: routes - invoke_policies(plain_template)[role] for role, routes in invoke_policies(template).items()}
    assert added == {role: {"POST /scores/*/letters"} if role == "scorer" else set() for role in ROLES}
    limits = [
        (entry["ResourcePath"], entry["HttpMethod"], entry["ThrottlingRateLimit"])
        for entry in template.only("AWS::ApiGateway::Stage")["MethodSettings"]
        if entry["ResourcePath"] != "/*"
    ]
    assert limits == [("/~1scores~1{id}~1letters", "POST", settings_of("local").throttling.model_rate)]


def test_an_existing_guardrail_screens_letters(assembly_of: Assemble) -> None:
    template = assembly_of("shared").template("credit-risk")

    (arn,) = statements_of(template, API)["bedrock:ApplyGuardrail"]
    assert arn.endswith(":guardrail/abc123")
    assert template.resources("AWS::Bedrock::Guardrail") == {}


def test_the_api_reads_models_and_writes_registered_ones_only(template: Template) -> None:
    allowed = statements_of(template, API)
    (bucket,) = [name for name in template.resources("AWS::S3::Bucket") if "Logs" not in name]
    (table,) = template.resources("AWS::DynamoDB::Table")

    objects = {action: resources for action, resources in allowed.items() if action.startswith("s3:")}
    assert objects == {
        "s3:GetObject": {f"${{{bucket}.Arn}}/models/*", f"${{{bucket}.Arn}}/results/*"},
        "s3:PutObject": {f"${{{bucket}.Arn}}/models/registered/*", f"${{{bucket}.Arn}}/batches/*"},
    }
    items = {action.partition(":")[2] for action in allowed if action.startswith("dynamodb:")}
    assert items == {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "ConditionCheckItem"}
    assert allowed["dynamodb:PutItem"] == {f"${{{table}.Arn}}"}


def test_the_daily_report_only_reads(template: Template) -> None:
    allowed = statements_of(template, "lambda_src.credit_risk.reporting.handler.handler")

    assert {action for action in allowed if not action.startswith(("logs:", "xray:"))} == {
        "dynamodb:GetItem",
        "dynamodb:Query",
        "s3:GetObject",
    }


def test_the_report_runs_daily(template: Template) -> None:
    (schedule,) = [
        rule["ScheduleExpression"] for rule in template.properties("AWS::Events::Rule") if "ScheduleExpression" in rule
    ]

    assert schedule == "cron(0 5 * * ? *)"


def object_permissions(template: Template, handler: str) -> dict[str, set[str]]:
    """Action -> places in the bucket."""
    (bucket,) = [name for name in template.resources("AWS::S3::Bucket") if "Logs" not in name]
    return {
        action.partition(":")[2]: {resource.removeprefix(f"${{{bucket}.Arn}}") for resource in resources}
        for action, resources in statements_of(template, handler).items()
        if action.startswith("s3:")
    }


def test_only_the_training_function_writes_trained_models_and_nothing_else(template: Template) -> None:
    training = "lambda_src.credit_risk.training.handler.handler"

    assert object_permissions(template, training) == {"GetObject": {"/batches/*"}, "PutObject": {"/models/trained/*"}}
    allowed = statements_of(template, training)
    assert "sqs:SendMessage" not in allowed
    assert not [action for action in allowed if action.startswith("dynamodb:Batch")]
    for function in template.properties("AWS::Lambda::Function"):
        handler = function["Handler"]
        if handler.startswith("lambda_src.credit_risk.") and handler != training:
            assert "/models/trained/*" not in object_permissions(template, handler).get("PutObject", set())
            assert "/models/*" not in object_permissions(template, handler).get("PutObject", set())


def test_the_work_on_batches_reads_models_and_writes_files(template: Template) -> None:
    processing = "lambda_src.credit_risk.processing.handler.handler"
    files = {"/batches/*", "/work/*", "/results/*"}

    assert object_permissions(template, processing) == {
        "GetObject": {"/models/*", "/batches/*", "/work/*"},
        "PutObject": {"/work/*", "/results/*"},
        "DeleteObject": files,
        "DeleteObjectVersion": files,
        "ListBucketVersions": {""},
    }
    items = {action for action in statements_of(template, processing) if action.startswith("dynamodb:Batch")}
    assert items == {"dynamodb:BatchWriteItem", "dynamodb:BatchGetItem"}


def test_uploads_alone_send_events_and_to_the_batches_queue(template: Template) -> None:
    (rule,) = [rule for rule in template.properties("AWS::Events::Rule") if "EventPattern" in rule]
    (target,) = rule["Targets"]

    assert rule["EventPattern"]["detail"]["object"] == {"key": [{"prefix": "batches/"}]}
    queue = plain(target["Arn"])
    (processing,) = [
        mapping
        for mapping in template.properties("AWS::Lambda::EventSourceMapping")
        if plain(mapping["EventSourceArn"]) == queue
    ]
    assert "Processing" in plain(processing["FunctionName"])
    assert {mapping["BatchSize"] for mapping in template.properties("AWS::Lambda::EventSourceMapping")} == {1}


def test_files_expire_with_the_scores_and_models_never(template: Template) -> None:
    (bucket,) = [
        resource["Properties"] for name, resource in template.resources("AWS::S3::Bucket").items() if "Logs" not in name
    ]
    rules = bucket["LifecycleConfiguration"]["Rules"]

    ages = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    assert ages == {"batches/": 775, "results/": 775, "work/": 14}


def test_a_message_is_not_delivered_while_its_function_may_run(template: Template) -> None:
    timeouts = {
        plain(mapping["EventSourceArn"]): template.content["Resources"][
            plain(mapping["FunctionName"]).removeprefix("${").removesuffix("}")
        ]["Properties"]["Timeout"]
        for mapping in template.properties("AWS::Lambda::EventSourceMapping")
    }
    for name, queue in template.resources("AWS::SQS::Queue").items():
        if arn := next((arn for arn in timeouts if name in arn), None):
            assert queue["Properties"]["VisibilityTimeout"] > timeouts[arn]
    assert sorted(timeouts.values()) == [300, 600]


def invoke_policies(template: Template) -> dict[str, set[str]]:
    """Role -> `METHOD path` of the routes that its policy allows."""
    policies = {}
    for name, resource in template.resources("AWS::IAM::ManagedPolicy").items():
        (statement,) = resource["Properties"]["PolicyDocument"]["Statement"]
        assert statement["Action"] == "execute-api:Invoke"
        routes = {plain(arn).partition("/v1/")[2].replace("/", " /", 1) for arn in statement["Resource"]}
        policies[name.removeprefix("Policies")[:-8].lower()] = routes
        assert not {"Roles", "Users", "Groups"} & resource["Properties"].keys()
    return policies


def test_each_role_has_a_policy_with_exactly_its_routes(template: Template) -> None:
    expected: dict[str, set[str]] = {role: set() for role in ROLES}
    for route in offered(letters=False):
        for role in route.roles:
            expected[role].add(f"{route.method} {route.path}".replace("{id}", "*"))

    assert invoke_policies(template) == expected
    assert {f"{role.capitalize()}PolicyArn" for role in ROLES} <= template.content["Outputs"].keys()


def test_an_auditor_reads_only_and_everyone_else_has_a_part() -> None:
    for route in ROUTES:
        assert route.roles, f"{route.method} {route.path} belongs to no role"
        assert ("auditor" in route.roles) == (route.method == "GET")
    assert {route.path for route in ROUTES if route.roles == ("validator",)} == {
        "/models/{id}/simulations",
        "/models/{id}/activations",
    }
    # Who makes models does not activate them.
    assert not [route for route in ROUTES if {"modeller", "validator"} <= {*route.roles} and route.method != "GET"]


def test_tokens_know_no_policies(assembly_of: Assemble) -> None:
    assert assembly_of("browser").template("credit-risk").resources("AWS::IAM::ManagedPolicy") == {}


def test_alarms_watch_the_champion(template: Template) -> None:
    alarms: dict[str, list[Any]] = {}
    for alarm in template.properties("AWS::CloudWatch::Alarm"):
        if alarm["Namespace"] == "BedrockEndpoints":
            alarms.setdefault(alarm["MetricName"], []).append(alarm)
            dimensions = {entry["Name"]: entry["Value"] for entry in alarm["Dimensions"]}
            assert dimensions == {"service": "credit-risk", "stage": "prod", "role": "champion"}
            assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
            assert alarm["TreatMissingData"] == "notBreaching"

    thresholds = {name: sorted(alarm["Threshold"] for alarm in each) for name, each in alarms.items()}
    assert thresholds == {
        "ScorePsi": [0.1, 0.25],
        "CharacteristicPsi": [0.1, 0.25],
        "CalibrationDeviation": [1.25],
    }


def test_settings_that_are_off_have_no_variable(assembly_of: Assemble) -> None:
    for function in assembly_of("prod").template("credit-risk").properties("AWS::Lambda::Function"):
        variables = function["Environment"]["Variables"]
        assert variables["RETENTION_MONTHS"] == "25"
        assert variables["SAMPLE_MODELS"] == "true"
        assert "ROLES" not in variables
        assert "LETTERS" not in variables


def test_a_stage_may_have_no_model_at_all(assembly_of: Assemble) -> None:
    (template,) = assembly_of("scores").templates

    variables = template.properties("AWS::Lambda::Function")[0]["Environment"]["Variables"]
    assert json.loads(variables["ROLES"]) == [{"role": "validator", "groups": ["risk-committee"]}]
    assert variables["SAMPLE_MODELS"] == "false"
