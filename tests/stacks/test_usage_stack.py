"""Stages that record use, with budgets or without, and those that do not."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.shared.settings import Settings, read_settings
from lambda_src.usage.settings import UsageOptions, UsageSettings
from stacks.loading import MAX_BUDGETS, ConfigError, load_stage
from tests.stacks.assemblies import TODAY, USAGE, Assembly, Template, plain

Assemble = Callable[[str], Assembly]
TABLE = "bedrock-endpoints-limited-budgets"
USAGE_STACK = "bedrock-endpoints-limited-usage"
BUDGET = {"per": "caller", "of": "requests", "every": "day", "limit": 100}
# The functions behind the APIs of use cases with models.
SPENDING = {
    "lambda_src.chatbot.handler.handler",
    "lambda_src/shared/run.sh",
    "lambda_src.hr_qa.handler.handler",
}
REPORTING = "lambda_src.usage.handler.handler"


def functions(assembly: Assembly) -> list[tuple[Template, dict[str, Any]]]:
    return [
        (template, function)
        for template in assembly.templates
        for function in template.properties("AWS::Lambda::Function")
    ]


def test_functions_behind_apis_with_models_have_the_budgets_and_the_tables(assembly_of: Assemble) -> None:
    limited = {}
    for _, function in functions(assembly_of("limited")):
        variables = function["Environment"]["Variables"]
        assert ("BUDGETS" in variables) == ("BUDGETS_TABLE" in variables) == ("USAGE_TABLE" in variables)
        if "BUDGETS" in variables:
            limited[function["Handler"]] = variables

    assert limited.keys() == {*SPENDING, REPORTING}
    for variables in limited.values():
        text = {name: value for name, value in variables.items() if isinstance(value, str)}
        settings = read_settings(Settings, {**text, "TABLE_NAME": "table"})
        assert (settings.budgets_table, settings.usage_table) == (TABLE, USAGE_STACK)
        assert [(each.per, each.of, each.every, each.limit) for each in settings.budgets] == [
            ("caller", "requests", "minute", 30),
            ("team", "tokens", "day", 2_000_000),
            ("stage", "usd", "month", 99.5),
        ]


@pytest.mark.parametrize(
    ("resource", "actions"),
    [
        (f":table/{TABLE}", ["dynamodb:Query", "dynamodb:UpdateItem"]),
        (f":table/{USAGE_STACK}", "dynamodb:UpdateItem"),
        (":event-bus/default", "events:PutEvents"),
    ],
)
def test_they_may_record_and_reserve_and_nothing_else(
    resource: str, actions: str | list[str], assembly_of: Assemble
) -> None:
    granted = set()
    for template in assembly_of("limited").apis:
        for policy in template.properties("AWS::IAM::Policy"):
            for statement in policy["PolicyDocument"]["Statement"]:
                if resource in json.dumps(statement):
                    assert statement["Action"] == actions
                    assert plain(statement["Resource"]).endswith(resource)
                    if "events" in resource:
                        assert statement["Condition"] == {"StringEquals": {"events:source": "bedrock-endpoints"}}
                    granted.add(policy["Roles"][0]["Ref"])
    assert granted == {
        function["Role"]["Fn::GetAtt"][0]
        for _, function in functions(assembly_of("limited"))
        if function["Handler"] in SPENDING
    }


def test_the_api_reads_use_and_changes_limits_and_nothing_else(assembly_of: Assemble) -> None:
    template = assembly_of("limited").template(USAGE)
    actions: dict[str, set[str]] = {}
    for policy in template.properties("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if "dynamodb" in str(statement["Action"]):
                actions[statement["Resource"]["Fn::GetAtt"][0]] = set(statement["Action"])
    tables = template.resources("AWS::DynamoDB::Table")
    by_name = {tables[key]["Properties"]["TableName"]: allowed for key, allowed in actions.items()}
    assert by_name == {
        USAGE_STACK: {"dynamodb:GetItem", "dynamodb:Query"},
        TABLE: {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"},
    }


def test_administrators_use_the_main_api_only(assembly_of: Assemble) -> None:
    template = assembly_of("limited").template(USAGE)
    apis = template.resources("AWS::ApiGateway::RestApi")
    paths: dict[bool, set[str]] = {True: set(), False: set()}
    for resource in template.properties("AWS::ApiGateway::Resource"):
        tokens = apis[resource["RestApiId"]["Ref"]]["Properties"]["Name"].endswith("-tokens")
        paths[tokens].add(resource["PathPart"])
    assert paths[True] == {"usage", "budgets", "{proxy+}"}
    assert paths[False] >= {"admin", "usage", "budgets", "budget-overrides"}


def test_events_of_budgets_go_to_those_who_get_alarms(assembly_of: Assemble) -> None:
    template = assembly_of("limited").template(USAGE)
    rule = template.only("AWS::Events::Rule")
    assert rule["EventPattern"] == {"source": ["bedrock-endpoints"], "detail": {"stage": ["limited"]}}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": next(iter(template.resources("AWS::SNS::Topic")))}
    principals = [
        statement["Principal"]
        for policy in template.properties("AWS::SNS::TopicPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert {"Service": "events.amazonaws.com"} in principals


def test_a_stage_without_shares_to_warn_at_sends_no_events(assembly_of: Assemble) -> None:
    for template in assembly_of("reports").templates:
        assert "events:PutEvents" not in json.dumps(template.content)
    assert not assembly_of("reports").template(USAGE).resources("AWS::Events::Rule")


def test_reports_need_no_budgets(assembly_of: Assemble) -> None:
    assembly = assembly_of("reports")
    assert assembly.template(USAGE).only("AWS::DynamoDB::Table")["TableName"] == "bedrock-endpoints-reports-usage"
    for _, function in functions(assembly):
        variables = function["Environment"]["Variables"]
        assert "BUDGETS" not in variables
        if function["Handler"] == "lambda_src.embeddings.handler.handler":
            assert variables["USAGE_TABLE"] == "bedrock-endpoints-reports-usage"
        if function["Handler"] == REPORTING:
            settings = read_settings(UsageSettings, {**variables, "TABLE_NAME": "table"})
            assert settings.options == UsageOptions(admins=("finance-admins",), auditors=("finance",))


def test_the_table_has_the_name_that_functions_know_and_is_deployed_first(assembly_of: Assemble) -> None:
    assembly = assembly_of("limited")
    tables = {table["TableName"]: table for table in assembly.template(USAGE).properties("AWS::DynamoDB::Table")}
    assert tables.keys() == {TABLE, USAGE_STACK}
    table = tables[TABLE]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}

    artifacts = json.loads((assembly.folder / "manifest.json").read_text("utf-8"))["artifacts"]
    for template in assembly.apis:
        assert USAGE_STACK in artifacts[template.name]["dependencies"]


@pytest.mark.parametrize("stage", ["dev", "prod", "tokens"])
def test_a_stage_that_does_not_record_use_has_nothing_of_it(stage: str, assembly_of: Assemble) -> None:
    for template in assembly_of(stage).templates:
        assert not template.name.endswith(f"-{USAGE}")
        text = json.dumps(template.content).lower()
        assert "budgets" not in text
        assert "usage_table" not in text


def problems(**changes: Any) -> tuple[str, ...]:
    stage = {"region": "us-west-2", **changes}
    with pytest.raises(ConfigError) as raised:
        load_stage({"test": stage}, "test", today=TODAY)
    return raised.value.problems


@pytest.mark.parametrize(
    ("budgets", "problem"),
    [
        ([BUDGET, {**BUDGET, "limit": 5}], "budgets[1]: requests per caller and day are limited twice"),
        ([{**BUDGET, "limit": 1.5}], "budgets[0].limit: 1.5 requests, which must be a whole number"),
        ([{**BUDGET, "of": "tokens", "limit": 0.1}], "budgets[0].limit: 0.1 tokens, which must be a whole number"),
        ([{**BUDGET, "per": "team"}], "budgets[0].per: only API keys have teams (`auth.apiKeys`)"),
        ([{**BUDGET, "limit": 0}], "budgets[0].limit: Expected `float` >= 1e-06 (0)"),
        ([{**BUDGET, "limit": "5"}], "budgets[0].limit: Expected `float`, got `str` ('5')"),
        ([{**BUDGET, "every": "week"}], "budgets[0].every: 'week' is not one of minute, day, month"),
        ([{**BUDGET, "from": 1}], "budgets[0].from: unknown setting"),
        ([{"per": "stage", "of": "usd", "limit": 1}], "budgets[0].every: missing"),
        (
            [
                {**BUDGET, "per": per, "of": of, "every": every}
                for per in ("caller", "stage")
                for of in ("requests", "tokens")
                for every in ("minute", "day", "month")
            ],
            "budgets: 12, but at most 8: each adds two writes to a request",
        ),
    ],
)
def test_problems_name_the_budget(budgets: list[Any], problem: str) -> None:
    assert problems(budgets=budgets) == (f"stages.test.{problem}",)


def test_a_stage_without_models_has_no_budgets() -> None:
    found = problems(useCases=["creditRisk"], budgets=[BUDGET])
    assert found == ("stages.test.budgets: no use case of the stage calls a model",)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"useCases": ["creditRisk"], "usageReports": True}, "usageReports: no use case of the stage calls a model"),
        (
            {"auth": {"type": "cognito"}, "usageReports": True},
            "auth.admins: missing; without it each user of the pool could change budgets and see everyone's use",
        ),
        ({"auth": {"auditors": ["a"]}}, "auth.auditors: only with `auth.admins`: without it nobody is kept out"),
        ({"budgets": [{**BUDGET, "warn": [0]}]}, "budgets[0].warn: Expected `float` > 0.0 ([0])"),
        ({"budgets": [{**BUDGET, "warn": [80]}]}, "budgets[0].warn: Expected `float` <= 1.0 ([80])"),
    ],
)
def test_problems_of_reports(settings: dict[str, Any], problem: str) -> None:
    assert problems(**settings) == (f"stages.test.{problem}",)


def test_the_largest_budgets_fit_into_the_variables_of_a_function(assembly_of: Assemble) -> None:
    """Lambda allows 4 KB: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
    largest = '{"per":"caller","of":"requests","every":"minute","limit":1000000000000.0,"warn":[0.75,0.85,0.95]},'
    for _, function in functions(assembly_of("limited")):
        variables = {
            name: value if isinstance(value, str) else "x" * 100
            for name, value in function["Environment"]["Variables"].items()
            if name != "BUDGETS"
        }
        size = sum(len(name) + len(value) for name, value in variables.items()) + MAX_BUDGETS * len(largest)
        # What the settings of HR Q&A may have: `MAX_HR_QA_VARIABLES`.
        assert size + 2_000 < 4_096
