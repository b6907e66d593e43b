"""The model lifecycle stack, which has no API."""

from collections.abc import Callable

import pytest

from lambda_src.model_lifecycle.service import LifecycleSettings
from lambda_src.shared.catalog import resolve
from lambda_src.shared.settings import read_settings
from tests.stacks.assemblies import LIFECYCLE, Assembly, Template, plain, settings_of
from tests.stacks.test_templates import WITHOUT_RESOURCES, settings_for

Assemble = Callable[[str], Assembly]


def lifecycle_of(assembly: Assembly) -> Template:
    """The stack's template; a stage without models has none."""
    if not settings_for(assembly.templates[0]).all_models:
        pytest.skip("the stage has no models")
    return assembly.template(LIFECYCLE)


def test_it_may_read_exactly_the_stages_models_and_call_none(assembly: Assembly) -> None:
    template = lifecycle_of(assembly)
    settings = settings_for(template)
    statements = [item for item in template.statements() if not set(item["Action"]) <= WITHOUT_RESOURCES]
    (bedrock,) = [item for item in statements if item["Action"][0].startswith("bedrock:")]

    assert bedrock["Action"] == ["bedrock:GetFoundationModel"]
    assert set(bedrock["Resource"]) == {
        f"arn:${{AWS::Partition}}:bedrock:{region or '${AWS::Region}'}::foundation-model/{resolve(model_id).model.id}"
        for region, models in settings.models_by_region.items()
        for model_id in models
    }
    assert [item["Action"] for item in statements if item is not bedrock] == [
        ["logs:CreateLogStream", "logs:PutLogEvents"]
    ]


def test_only_its_rule_invokes_it_once_a_week(assembly: Assembly) -> None:
    template = lifecycle_of(assembly)
    (rule,) = template.resources("AWS::Events::Rule")

    permission = template.only("AWS::Lambda::Permission")
    assert permission["Principal"] == "events.amazonaws.com"
    assert plain(permission["SourceArn"]) == "${" + f"{rule}.Arn" + "}"
    assert template.only("AWS::Events::Rule")["ScheduleExpression"] == "cron(0 6 ? * MON *)"


def test_it_has_no_api_and_no_data(assembly: Assembly) -> None:
    template = lifecycle_of(assembly)

    for resource_type in ("AWS::ApiGateway::RestApi", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SSM::Parameter"):
        assert template.resources(resource_type) == {}


def test_alarms_watch_the_function_and_both_counts(assembly: Assembly) -> None:
    template = lifecycle_of(assembly)
    settings = settings_for(template)
    alarms = {alarm["MetricName"]: alarm for alarm in template.properties("AWS::CloudWatch::Alarm")}

    assert alarms.keys() == {"Errors", "Throttles", "ModelsNearEnd", "ModelsEnding"}
    for name in ("ModelsNearEnd", "ModelsEnding"):
        alarm = alarms[name]
        assert {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]} == {
            "service": "model-lifecycle",
            "stage": settings.name,
        }
        # The function runs once a week; CloudWatch evaluates seven days at most.
        assert alarm["Period"] * alarm["EvaluationPeriods"] == 7 * 24 * 60 * 60
        assert alarm["DatapointsToAlarm"] == alarm["Threshold"] == 1
    notified = bool(settings.alarms.email or settings.alarms.topic_arn)
    assert all(bool(alarm.get("AlarmActions")) == notified for alarm in alarms.values())


def test_functions_can_read_their_environment(assembly: Assembly) -> None:
    template = lifecycle_of(assembly)
    settings = settings_for(template)

    read = read_settings(LifecycleSettings, template.only("AWS::Lambda::Function")["Environment"]["Variables"])

    assert read.stage == settings.name
    assert {entry.partition("@")[0] for entry in read.models} == {*settings.all_models}


def test_a_model_that_is_called_elsewhere_is_checked_there(assembly_of: Assemble) -> None:
    template = assembly_of("remote").template(LIFECYCLE)

    models = template.only("AWS::Lambda::Function")["Environment"]["Variables"]["MODELS"].split(",")
    assert "stability.stable-image-core-v1:1@us-west-2" in models
    assert "eu.anthropic.claude-haiku-5-5" in models


def test_it_covers_the_models_of_all_use_cases(assembly_of: Assemble) -> None:
    assert "cohere.rerank-v3-5:0" in settings_of("classic").all_models
    assert len(set(settings_of("prod").all_models)) == len(settings_of("prod").all_models)
