"""The weekly look at how long the stage's models still live."""

from datetime import date

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambda_src.shared.catalogue import resolve
from stacks.common.alarms import Alarms
from stacks.common.nag import acknowledge
from stacks.common.python_function import ScheduledFunction
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.config import StageSettings

MEMORY = 512
# A day is the longest period, and seven the most that an alarm looks back on: from one run to the next.
_DAY, _WEEK = Duration.days(1), 7


class ModelLifecycleStack(UseCaseStack):
    """A function without an API that asks Bedrock about the models of all use cases, and alarms by what it counts.

    It may ask about exactly these models, and call none.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "model_lifecycle", settings=settings, today=today)
        alarms = Alarms(self, "Alarms", settings=settings.alarms)
        function = ScheduledFunction(
            self,
            "Function",
            services=("bedrock",),
            alarms=alarms,
            memory_size=MEMORY,
        )
        function.role.add_to_policy(
            iam.PolicyStatement(actions=["bedrock:GetFoundationModel"], resources=self._model_arns())
        )
        rule = events.Rule(
            self,
            "Weekly",
            description="Asks how long the stage's models still live",
            schedule=events.Schedule.cron(week_day="MON", hour="6", minute="0"),
            targets=[targets.LambdaFunction(function.function)],
        )
        acknowledge(
            rule, {"Serverless-EventBusDLQ": "Its event says nothing: a run that is missed is made up for by the next"}
        )
        self._watch(alarms)

    def _model_arns(self) -> list[str]:
        region = self.settings.bedrock_region or Aws.REGION
        ids = dict.fromkeys(resolve(one).model.id for one in self.settings.all_models)
        return [f"arn:{Aws.PARTITION}:bedrock:{region}::foundation-model/{one}" for one in ids]

    def _watch(self, alarms: Alarms) -> None:
        for name, description in (
            ("ModelsNearEnd", "A model of the stage may end within 90 days, or is legacy: plan for another one"),
            ("ModelsEnding", "A model of the stage ends within 30 days, or has ended: choose another one now"),
        ):
            metric = cloudwatch.Metric(
                namespace="BedrockEndpoints",
                metric_name=name,
                dimensions_map={"service": kebab(self.use_case), "stage": self.settings.name},
                statistic="Maximum",
                period=_DAY,
            )
            alarms.add(name, metric, threshold=1, periods=_WEEK, datapoints=1, description=description)
