"""The stack without an API."""

from collections.abc import Callable

from lambda_src.model_lifecycle.service import LifecycleSettings
from lambda_src.shared.catalogue import resolve
from lambda_src.shared.settings import read_settings
from tests.stacks.assemblies import LIFECYCLE, Assembly, plain, settings_of
from tests.stacks.test_templates import WITHOUT_RESOURCES, settings_for

Assemble = Callable[[str], Assembly]


def test_it_may_ask_about_exactly_the_models_of_the_stage_and_call_none(assembly: Assembly) -> None:
    template = assembly.template(LIFECYCLE)
    settings = settings_for(template)
    statements = [one for one in template.statements() if not set(one["Action"]) <= WITHOUT_RESOURCES]
    (asks,) = [one for one in statements if one["Action"][0].startswith("bedrock:")]

    assert asks["Action"] == ["bedrock:GetFoundationModel"]
    region = settings.bedrock_region or "${AWS::Region}"
    assert set(asks["Resource"]) == {
        f"arn:${{AWS::Partition}}:bedrock:{region}::foundation-model/{resolve(one).model.id}"
        for one in settings.all_models
    }
    assert [one["Action"] for one in statements if one is not asks] == [["logs:CreateLogStream", "logs:PutLogEvents"]]


def test_only_its_rule_invokes_it_once_a_week(assembly: Assembly) -> None:
    template = assembly.template(LIFECYCLE)
    (rule,) = template.resources("AWS::Events::Rule")

    permission = template.only("AWS::Lambda::Permission")
    assert permission["Principal"] == "events.amazonaws.com"
    assert plain(permission["SourceArn"]) == "${" + f"{rule}.Arn" + "}"
    assert template.only("AWS::Events::Rule")["ScheduleExpression"] == "cron(0 6 ? * MON *)"


def test_it_has_no_api_and_keeps_nothing(assembly: Assembly) -> None:
    template = assembly.template(LIFECYCLE)

    for kind in ("AWS::ApiGateway::RestApi", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SSM::Parameter"):
        assert template.resources(kind) == {}


def test_alarms_watch_the_function_and_both_counts(assembly: Assembly) -> None:
    template = assembly.template(LIFECYCLE)
    settings = settings_for(template)
    alarms = {alarm["MetricName"]: alarm for alarm in template.properties("AWS::CloudWatch::Alarm")}

    assert alarms.keys() == {"Errors", "Throttles", "ModelsNearEnd", "ModelsEnding"}
    for name in ("ModelsNearEnd", "ModelsEnding"):
        alarm = alarms[name]
        assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
            "service": "model-lifecycle",
            "stage": settings.name,
        }
        # One run a week has to be in sight all the time; CloudWatch looks back seven days at most.
        assert alarm["Period"] * alarm["EvaluationPeriods"] == 7 * 24 * 60 * 60
        assert alarm["DatapointsToAlarm"] == alarm["Threshold"] == 1
    notified = bool(settings.alarms.email or settings.alarms.topic_arn)
    assert all(bool(alarm.get("AlarmActions")) == notified for alarm in alarms.values())


def test_the_environment_is_what_the_function_reads(assembly: Assembly) -> None:
    template = assembly.template(LIFECYCLE)
    settings = settings_for(template)

    read = read_settings(LifecycleSettings, template.only("AWS::Lambda::Function")["Environment"]["Variables"])

    assert read == LifecycleSettings(
        stage=settings.name, models=settings.all_models, model_region=settings.model_region
    )


def test_the_models_are_those_of_all_use_cases(assembly_of: Assemble) -> None:
    assert "cohere.rerank-v3-5:0" in settings_of("classic").all_models
    assert len(set(settings_of("prod").all_models)) == len(settings_of("prod").all_models)
