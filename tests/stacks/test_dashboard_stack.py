"""The dashboard: its body has the documented format, and graphs what the code and AWS emit."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.credit_risk.reports import Health
from lambda_src.model_lifecycle.service import _counts
from tests.stacks.assemblies import DASHBOARD, ROOT, Assembly, plain

Assemble = Callable[[str], Assembly]
STAGE = "audited"
SOURCES = "\n".join(path.read_text("utf-8") for path in (ROOT / "lambda_src").rglob("*.py"))
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
OF_AWS = {
    "AWS/ApiGateway": ("ApiName", {"Count", "4XXError", "5XXError", "Latency"}),
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles", "Duration"}),
    "AWS/SQS": ("QueueName", {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}),
    "AWS/DynamoDB": ("TableName", {"ConsumedWriteCapacityUnits", "WriteThrottleEvents"}),
    "AWS/Logs": ("LogGroupName", {"IncomingLogEvents", "IncomingBytes"}),
}
SEARCH = re.compile(
    r"SEARCH\('\{([A-Za-z/]{1,40}),([A-Za-z,]{1,80})\} MetricName=\"([A-Za-z]{1,60})\"((?: AND [^']{1,80})*)', "
    r"'(Sum|Maximum|p99)', (300|86400)\)"
)
# Metrics of the functions with another dimension next to `service` and `stage`.
BY_ROLE = Health(**dict.fromkeys(Health.__struct_fields__, 1.0)).metrics().keys()
BY_MODEL = {"ModelCalls", "ModelFallbacks", "InputTokens", "OutputTokens", "EstimatedCost"}


@pytest.fixture
def widgets(assembly_of: Assemble) -> list[dict[str, Any]]:
    body = assembly_of(STAGE).template(DASHBOARD).only("AWS::CloudWatch::Dashboard")["DashboardBody"]
    content = json.loads(plain(body))
    assert content.keys() == {"start", "widgets"}
    found: list[dict[str, Any]] = content["widgets"]
    return found


def metrics_of(widgets: list[dict[str, Any]]) -> list[tuple[str, str, dict[str, str | None]]]:
    """The namespace, name and dimensions of each metric; None for the value of a dimension that is searched."""
    metrics: list[tuple[str, str, dict[str, str | None]]] = []
    for widget in widgets:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                match = SEARCH.fullmatch(metric[0]["expression"])
                assert match, metric[0]["expression"]
                dimensions: dict[str, str | None] = dict.fromkeys(match[2].split(","))
                dimensions |= dict(re.findall(r'AND (\w{1,20})="([^"]{1,60})"', match[4]))
                metrics.append((match[1], match[3], dimensions))
            else:
                *names, options = metric
                assert options.keys() <= {"label", "period", "stat", "yAxis"}
                pairs = iter(names[2:])
                metrics.append((names[0], names[1], dict(zip(pairs, pairs, strict=True))))
    return metrics


def test_the_body_has_the_documented_format(widgets: list[dict[str, Any]]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"""
    assert 20 < len(widgets) <= 500
    taken = set()
    for widget in widgets:
        assert widget.keys() == {"type", "x", "y", "width", "height", "properties"}
        assert widget["x"] + widget["width"] <= 24
        cells = {
            (widget["x"] + column, widget["y"] + row)
            for column in range(widget["width"])
            for row in range(widget["height"])
        }
        assert not cells & taken
        taken |= cells
        properties = widget["properties"]
        if widget["type"] == "text":
            assert properties.keys() == {"markdown"}
            continue
        assert widget["type"] == "metric"
        assert properties.keys() == {"view", "title", "region", "stacked", "metrics", "yAxis"}
        assert 1 <= len(properties["metrics"]) <= 500


def test_every_metric_is_one_that_the_code_or_aws_emits(widgets: list[dict[str, Any]]) -> None:
    calls = re.findall(r"^ {4,20}count\((.{1,200})\)$", SOURCES, re.MULTILINE)
    emitted = {name for call in calls for name in re.findall(r"\b([A-Z][A-Za-z]{2,40})=", call)}
    emitted |= set(re.findall(r"add_metric\(\"([A-Z][A-Za-z]{2,40})\"", SOURCES))
    emitted |= BY_ROLE | _counts(()).keys()
    for namespace, name, dimensions in metrics_of(widgets):
        if namespace in OF_AWS:
            dimension, names = OF_AWS[namespace]
            assert name in names
            assert dimensions.keys() == {dimension}
            continue
        assert namespace == "BedrockEndpoints"
        assert name in emitted
        expected = {"service", "stage"}
        if name in BY_MODEL:
            expected |= {"model"}
        if name in BY_ROLE:
            expected |= {"role"}
        assert dimensions.keys() == expected, name
        assert dimensions["stage"] == STAGE


def test_apis_and_tables_have_the_names_of_their_stacks(widgets: list[dict[str, Any]], assembly_of: Assemble) -> None:
    named = {"ApiName": set(), "TableName": set(), "LogGroupName": set()}  # type: dict[str, set[str | None]]
    for _, _, dimensions in metrics_of(widgets):
        for dimension in named.keys() & dimensions.keys():
            named[dimension].add(dimensions[dimension])
    templates = assembly_of(STAGE).templates
    apis = [api["Name"] for template in templates for api in template.properties("AWS::ApiGateway::RestApi")]
    tables = [table.get("TableName") for template in templates for table in template.properties("AWS::DynamoDB::Table")]
    groups = [group.get("LogGroupName") for each in templates for group in each.properties("AWS::Logs::LogGroup")]
    assert named["ApiName"] == set(apis)
    assert named["TableName"] == {table for table in tables if table}
    assert named["LogGroupName"] <= {group for group in groups if isinstance(group, str)}


def test_each_use_case_has_its_graphs(widgets: list[dict[str, Any]]) -> None:
    services = {dimensions.get("service") for _, _, dimensions in metrics_of(widgets)}
    assert services == {"chatbot", "hr-qa", "credit-risk", "access", "model-lifecycle", None}
    headings = [each["properties"]["markdown"] for each in widgets if each["type"] == "text"]
    assert headings == ["## Chatbot", "## HR Q&A", "## Credit risk", "## Access", "## Usage"]


@pytest.mark.parametrize("stage", ["dev", "prod", "tokens"])
def test_a_stage_without_it_has_none(stage: str, assembly_of: Assemble) -> None:
    for template in assembly_of(stage).templates:
        assert not template.resources("AWS::CloudWatch::Dashboard")
