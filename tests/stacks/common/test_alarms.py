from collections.abc import Callable

import pytest

from stacks.loading import ConfigError, load_stage
from tests.stacks.assemblies import STACKS, TODAY, Assembly, plain


def test_an_email_address_gets_a_topic_that_alarms_can_publish_to(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("browser").template("embeddings")
    statements = template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]

    assert template.only("AWS::SNS::Subscription")["Endpoint"] == "on-call@example.com"
    assert [statement["Principal"] for statement in statements if statement["Effect"] == "Allow"] == [
        {"Service": "cloudwatch.amazonaws.com"}
    ]
    assert [statement["Condition"] for statement in statements if statement["Effect"] == "Deny"] == [
        {"Bool": {"aws:SecureTransport": "false"}}
    ]


def test_an_existing_topic_is_used(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("shared").template("embeddings")

    assert template.resources("AWS::SNS::Topic") == {}
    for alarm in template.properties("AWS::CloudWatch::Alarm"):
        for actions in (alarm["AlarmActions"], alarm["OKActions"]):
            assert [plain(action) for action in actions] == ["arn:aws:sns:us-west-2:111122223333:on-call"]


@pytest.mark.parametrize(("stage", "warned"), [("prod", True), ("dev", False), ("browser", False), ("shared", False)])
def test_synthesis_warns_that_alarms_notify_nobody_where_data_is_kept(
    stage: str, warned: bool, assembly_of: Callable[[str], Assembly]
) -> None:
    annotations = [each for each in assembly_of(stage).report if each["pluginName"] == "Construct Annotations"]

    violations = [violation for each in annotations for violation in each.get("violations", [])]
    warnings = [each for each in violations if "Alarms notify nobody" in each["description"]]
    assert bool(warnings) == warned
    for warning in warnings:
        assert len(warning["violatingConstructs"]) == len(STACKS)


def thresholds(assembly: Assembly) -> dict[tuple[str, str], set[tuple[float, str]]]:
    """The thresholds and descriptions of alarms on metrics of AWS, by namespace and metric."""
    found: dict[tuple[str, str], set[tuple[float, str]]] = {}
    for template in assembly.templates:
        for alarm in template.properties("AWS::CloudWatch::Alarm"):
            if alarm["Namespace"] != "BedrockEndpoints":
                value = (alarm["Threshold"], alarm["AlarmDescription"])
                found.setdefault((alarm["Namespace"], alarm["MetricName"]), set()).add(value)
    return found


def test_thresholds_are_settings_and_descriptions_name_them(assembly_of: Callable[[str], Assembly]) -> None:
    found = thresholds(assembly_of("audited"))
    assert {metric: {value for value, _ in values} for metric, values in found.items()} == {
        ("AWS/ApiGateway", "5XXError"): {20},
        ("AWS/ApiGateway", "4XXError"): {0.25},
        ("AWS/ApiGateway", "Latency"): {10_000},
        ("AWS/Lambda", "Duration"): {9_500},
        ("AWS/Lambda", "Errors"): {3},
        ("AWS/Lambda", "Throttles"): {4},
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {600},
        # One message in a dead-letter queue is work that nobody does.
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {1},
    }
    texts = " ".join(text for values in found.values() for _, text in values)
    for part in ("25% of requests are rejected", "takes 10 s or more", "takes 9.5 s or more", "is 10 minutes old"):
        assert part in texts


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("serverErrors", 0, "Expected `int` >= 1 (0)"),
        ("serverErrors", 1.5, "Expected `int`, got `float` (1.5)"),
        ("clientErrorShare", 50, "Expected `float` <= 1.0 (50)"),
        ("clientErrorShare", 0, "Expected `float` > 0.0 (0)"),
        ("slowApiMilliseconds", 30_000, "Expected `int` <= 29000 (30000)"),
        ("oldMessageSeconds", 1_300_000, "Expected `int` <= 1209600 (1300000)"),
        ("functionError", 1, "unknown setting, did you mean functionErrors?"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(name: str, value: float, problem: str) -> None:
    stage = {"region": "us-west-2", "alarms": {"thresholds": {name: value}}}
    with pytest.raises(ConfigError) as raised:
        load_stage({"test": stage}, "test", today=TODAY)
    assert raised.value.problems == (f"stages.test.alarms.thresholds.{name}: {problem}",)
