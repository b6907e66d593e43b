"""Stages with budgets, and those without."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.shared.settings import Settings, read_settings
from stacks.loading import ConfigError, load_stage
from tests.stacks.assemblies import BUDGETS, STAGES, TODAY, Assembly, Template, plain

Assemble = Callable[[str], Assembly]
TABLE = "bedrock-endpoints-limited-budgets"
BUDGET = {"per": "caller", "of": "requests", "every": "day", "limit": 100}
# The functions behind the APIs of use cases with models.
SPENDING = {
    "lambda_src.chatbot.handler.handler",
    "lambda_src/shared/run.sh",
    "lambda_src.hr_qa.handler.handler",
}


def functions(assembly: Assembly) -> list[tuple[Template, dict[str, Any]]]:
    return [
        (template, function)
        for template in assembly.templates
        for function in template.properties("AWS::Lambda::Function")
    ]


def test_functions_behind_apis_with_models_have_the_budgets_and_no_others(assembly_of: Assemble) -> None:
    limited = {}
    for _, function in functions(assembly_of("limited")):
        variables = function["Environment"]["Variables"]
        assert ("BUDGETS" in variables) == ("BUDGETS_TABLE" in variables)
        if "BUDGETS" in variables:
            limited[function["Handler"]] = variables

    assert limited.keys() == SPENDING
    for variables in limited.values():
        text = {name: value for name, value in variables.items() if isinstance(value, str)}
        settings = read_settings(Settings, {**text, "TABLE_NAME": "table"})
        assert settings.budgets_table == TABLE
        assert [(each.per, each.of, each.every, each.limit) for each in settings.budgets] == [
            ("caller", "requests", "minute", 30),
            ("team", "tokens", "day", 2_000_000),
            ("stage", "usd", "month", 99.5),
        ]


def test_they_may_update_the_table_and_nothing_else_of_it(assembly_of: Assemble) -> None:
    granted = {}
    for template in assembly_of("limited").templates:
        for policy in template.properties("AWS::IAM::Policy"):
            for statement in policy["PolicyDocument"]["Statement"]:
                if TABLE in json.dumps(statement):
                    assert statement["Action"] == "dynamodb:UpdateItem"
                    assert plain(statement["Resource"]).endswith(f":table/{TABLE}")
                    granted[policy["Roles"][0]["Ref"]] = template
    roles = {
        function["Role"]["Fn::GetAtt"][0]
        for _, function in functions(assembly_of("limited"))
        if function["Handler"] in SPENDING
    }
    assert granted.keys() == roles


def test_the_table_has_the_name_that_functions_know_and_is_deployed_first(assembly_of: Assemble) -> None:
    assembly = assembly_of("limited")
    table = assembly.template(BUDGETS).only("AWS::DynamoDB::Table")
    assert table["TableName"] == TABLE
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}

    artifacts = json.loads((assembly.folder / "manifest.json").read_text("utf-8"))["artifacts"]
    for template in assembly.apis:
        assert TABLE in artifacts[template.name]["dependencies"]


@pytest.mark.parametrize("stage", [*STAGES, "tokens"])
def test_a_stage_without_budgets_has_nothing_of_them(stage: str, assembly_of: Assemble) -> None:
    for template in assembly_of(stage).templates:
        assert not template.name.endswith(f"-{BUDGETS}")
        assert "budgets" not in json.dumps(template.content).lower()


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
            "budgets: 12, but at most 10: each adds two writes to a request",
        ),
    ],
)
def test_problems_name_the_budget(budgets: list[Any], problem: str) -> None:
    assert problems(budgets=budgets) == (f"stages.test.{problem}",)


def test_a_stage_without_models_has_no_budgets() -> None:
    found = problems(useCases=["creditRisk"], budgets=[BUDGET])
    assert found == ("stages.test.budgets: no use case of the stage calls a model",)


def test_the_largest_budgets_fit_into_the_variables_of_a_function(assembly_of: Assemble) -> None:
    """Lambda allows 4 KB: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
    largest = '{"per":"caller","of":"requests","every":"minute","limit":1000000000000.0},'
    for _, function in functions(assembly_of("limited")):
        variables = {
            name: value if isinstance(value, str) else "x" * 100
            for name, value in function["Environment"]["Variables"].items()
            if name != "BUDGETS"
        }
        size = sum(len(name) + len(value) for name, value in variables.items()) + 10 * len(largest)
        # What the settings of HR Q&A may have: `MAX_HR_QA_VARIABLES`.
        assert size + 2_000 < 4_096
