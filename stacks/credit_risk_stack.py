"""Credit risk: scores loan applications with scorecards, and monitors them. Calls no model of Bedrock."""

from datetime import date

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from constructs import Construct

from lambda_src.credit_risk.psi import ALARM, WATCH
from lambda_src.credit_risk.resources import MAXIMUM_DEVIATION, PREFIX, REGISTERED
from lambda_src.credit_risk.routes import ROUTES
from stacks.common.alarms import Alarms
from stacks.common.bucket import PrivateBucket
from stacks.common.python_function import ApiFunction, ScheduledFunction
from stacks.common.table import Table
from stacks.common.use_case_api import UseCaseApi
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.config import StageSettings

REPORT_TIMEOUT = Duration.minutes(5)
REPORT_MEMORY = 512
_DAY = Duration.days(1)


class CreditRiskStack(UseCaseStack):
    """The scores, models and monitoring API, and the daily report on the models.

    Scores, reviews, activations and counters are in a table, models in a bucket. Requires a role for API Gateway's logs
    in the account, and no model.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "credit_risk", settings=settings, today=today)
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings)
        bucket = PrivateBucket(self, "Bucket", settings=settings, uploads=True)
        environment = {**table.environment, **bucket.environment}
        services = ("dynamodb", "s3")
        api = ApiFunction(self, "Function", services=services, environment=environment, alarms=alarms)
        table.grant_use(api.role)
        bucket.grant_objects(api.role, PREFIX, ("s3:GetObject",))
        bucket.grant_objects(api.role, REGISTERED, ("s3:PutObject",))
        self._report(table, bucket, services, environment, alarms)
        UseCaseApi(self, "Api", routes=ROUTES, function=api.function, alarms=alarms)

    def _report(
        self,
        table: Table,
        bucket: PrivateBucket,
        services: tuple[str, ...],
        environment: dict[str, str],
        alarms: Alarms,
    ) -> None:
        function = ScheduledFunction(
            self,
            "Reporting",
            part="reporting",
            services=services,
            environment=environment,
            alarms=alarms,
            timeout=REPORT_TIMEOUT,
            memory_size=REPORT_MEMORY,
        )
        table.grant_read(function.role)
        bucket.grant_objects(function.role, PREFIX, ("s3:GetObject",))
        daily = events.Schedule.cron(hour="5", minute="0")
        function.run(
            "Daily", daily, description="Compares applications and outcomes with what the models were made from"
        )
        for name, metric, threshold, description in (
            (
                "ScoresMoved",
                "ScorePsi",
                WATCH,
                "The scores of applications move away from the training set: watch them",
            ),
            ("ScoresFarOff", "ScorePsi", ALARM, "The population is no longer the one that the model was made for"),
            (
                "CharacteristicMoved",
                "CharacteristicPsi",
                WATCH,
                "A characteristic moves away from the training set: see which one in the monitoring report",
            ),
            (
                "CharacteristicFarOff",
                "CharacteristicPsi",
                ALARM,
                "A characteristic is far from the training set: check how it is collected, and what changed",
            ),
            (
                "PredictionsOff",
                "CalibrationDeviation",
                MAXIMUM_DEVIATION,
                "Observed by predicted defaults are outside 0.8 to 1.25: train or calibrate the model again",
            ),
        ):
            alarms.add(name, self._metric(metric), threshold=threshold, periods=1, description=description)

    def _metric(self, name: str) -> cloudwatch.Metric:
        """A metric of the champion."""
        return cloudwatch.Metric(
            namespace="BedrockEndpoints",
            metric_name=name,
            dimensions_map={"service": kebab(self.use_case), "stage": self.settings.name, "role": "champion"},
            statistic="Maximum",
            period=_DAY,
        )
