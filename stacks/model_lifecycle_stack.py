"""The weekly check of the models' life cycle."""

from datetime import date

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambda_src.shared.catalog import resolve
from stacks.common.alarms import Alarms
from stacks.common.arns import model_arn
from stacks.common.python_function import API_TIMEOUT, ScheduledFunction, models_variable
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.config import StageSettings

MEMORY = 512
# CloudWatch's limits, which just cover the time between two runs: a period of a day, seven of them.
_DAY, _WEEK = Duration.days(1), 7


class ModelLifecycleStack(UseCaseStack):
    """A scheduled function that reads the models' state from Bedrock, with alarms on its counts.

    It may read the state of exactly the stage's models, and call none of them.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "model_lifecycle", settings=settings, today=today)
        alarms = Alarms(self, "Alarms")
        function = ScheduledFunction(
            self,
            "Function",
            services=("bedrock",),
            environment=models_variable(self._located_models()),
            alarms=alarms,
            timeout=API_TIMEOUT,
            memory_size=MEMORY,
        )
        function.role.add_to_policy(
            iam.PolicyStatement(actions=["bedrock:GetFoundationModel"], resources=self._model_arns())
        )
        weekly = events.Schedule.cron(week_day="MON", hour="6", minute="0")
        function.run("Weekly", weekly, description="Checks the life cycle of the stage's models")
        self._watch(alarms)

    def _located_models(self) -> tuple[str, ...]:
        """The models of all use cases, with their region if it is not the function's."""
        return tuple(
            model if region == self.settings.region else f"{model}@{region}"
            for region, models in self.settings.models_by_region.items()
            for model in models
        )

    def _model_arns(self) -> list[str]:
        arns = [
            model_arn(region or Aws.REGION, resolve(model).model.id)
            for region, models in self.settings.models_by_region.items()
            for model in models
        ]
        return list(dict.fromkeys(arns))

    def _watch(self, alarms: Alarms) -> None:
        for name, description in (
            ("ModelsNearEnd", "A model of the stage may end within 90 days, or is legacy: plan its replacement"),
            ("ModelsEnding", "A model of the stage ends within 30 days, or has ended: replace it now"),
        ):
            metric = cloudwatch.Metric(
                namespace="BedrockEndpoints",
                metric_name=name,
                dimensions_map={"service": kebab(self.use_case), "stage": self.settings.name},
                statistic="Maximum",
                period=_DAY,
            )
            alarms.add(name, metric, threshold=1, periods=_WEEK, datapoints=1, description=description)
