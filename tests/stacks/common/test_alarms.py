from collections.abc import Callable

import pytest

from tests.stacks.assemblies import STACKS, Assembly, plain


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
