"""Credit risk: scores loan applications with scorecards, and monitors them. A model of Bedrock only writes letters."""

from datetime import date

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from constructs import Construct

from lambda_src.credit_risk.psi import ALARM, WATCH
from lambda_src.credit_risk.resources import (
    MAXIMUM_DEVIATION,
    PREFIX,
    REGISTERED,
    RESULTS,
    TRAINED,
    UPLOADS,
    WORK,
)
from lambda_src.credit_risk.routes import offered
from stacks.common.alarms import Alarms
from stacks.common.bucket import PrivateBucket
from stacks.common.caller_data import CallerDataFunction
from stacks.common.guardrail import Guardrail
from stacks.common.model_access import ModelAccess
from stacks.common.python_function import ApiFunction, QueueFunction, ScheduledFunction
from stacks.common.table import Table
from stacks.common.use_case_api import add_apis
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.common.work_queue import WorkQueue
from stacks.config import StageSettings

REPORT_TIMEOUT = Duration.minutes(5)
REPORT_MEMORY = 512
PROCESSING_TIMEOUT = Duration.minutes(5)
PROCESSING_MEMORY = 1024
PROCESSING_CONCURRENCY = 5
TRAINING_TIMEOUT = Duration.minutes(10)
# 500,000 loans.
TRAINING_MEMORY = 2048
TRAINING_CONCURRENCY = 2
# What a worker wrote for a batch that failed, or was deleted while it wrote.
_WORK_KEPT = Duration.days(14)
_DAYS_A_MONTH = 31
_DAY = Duration.days(1)


class CreditRiskStack(UseCaseStack):
    """The scores, models and monitoring API, the daily report on the models, and the work on files behind queues.

    Scores, reviews, activations and counters are in a table, models and files in a bucket. Requires a role for API
    Gateway's logs in the account, and access to the stage's text models if it has letters.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "credit_risk", settings=settings, today=today)
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings)
        kept = Duration.days(settings.credit_risk.retention_months * _DAYS_A_MONTH)
        bucket = PrivateBucket(
            self,
            "Bucket",
            settings=settings,
            uploads=True,
            expires_below={UPLOADS: kept, RESULTS: kept, WORK: _WORK_KEPT},
        )
        queue = WorkQueue(self, "Queue", timeout=PROCESSING_TIMEOUT, alarms=alarms)
        trainings = WorkQueue(self, "TrainingQueue", timeout=TRAINING_TIMEOUT, alarms=alarms)
        guardrail = Guardrail(self, "Guardrail") if settings.credit_risk.letters else None
        environment = {**table.environment, **bucket.environment}
        services = ("dynamodb", "s3")
        api = ApiFunction(
            self,
            "Function",
            services=(*services, "sqs", *(("bedrock-runtime",) if guardrail else ())),
            environment={
                **environment,
                **queue.environment,
                **(guardrail.environment if guardrail else {}),
                "TRAINING_QUEUE_URL": trainings.queue.queue_url,
            },
            alarms=alarms,
        )
        table.grant_use(api.role)
        bucket.grant_objects(api.role, PREFIX, ("s3:GetObject",))
        bucket.grant_objects(api.role, REGISTERED, ("s3:PutObject",))
        bucket.grant_objects(api.role, UPLOADS, ("s3:PutObject",))
        bucket.grant_objects(api.role, RESULTS, ("s3:GetObject",))
        queue.grant_send(api.role)
        trainings.grant_send(api.role)
        if guardrail:
            guardrail.grant_apply(api.role)
            ModelAccess(self, guardrail=guardrail).grant(api.role)
        self._process(table, bucket, queue, environment, alarms)
        self._train(table, bucket, trainings, environment, alarms)
        self._report(table, bucket, services, environment, alarms)
        if settings.caller_data:
            data = CallerDataFunction(self, "CallerData", table=table, bucket=bucket, alarms=alarms)
            bucket.grant_objects(data.role, RESULTS, ("s3:GetObject",))
        routes = offered(letters=settings.credit_risk.letters)
        add_apis(self, routes=routes, function=api.function, alarms=alarms)

    def _process(
        self, table: Table, bucket: PrivateBucket, queue: WorkQueue, environment: dict[str, str], alarms: Alarms
    ) -> None:
        """The work on batches, from the upload on."""
        bucket.send_events(queue.queue, queue.dead_letters, UPLOADS)
        function = QueueFunction(
            self,
            "Processing",
            part="processing",
            services=("dynamodb", "s3", "sqs"),
            environment={**environment, **queue.environment},
            alarms=alarms,
            memory_size=PROCESSING_MEMORY,
            timeout=PROCESSING_TIMEOUT,
        )
        role = function.role
        table.grant_use(role, batches=True)
        table.grant_batch_read(role)
        queue.grant_send(role)
        for prefix in (PREFIX, UPLOADS, WORK):
            bucket.grant_objects(role, prefix, ("s3:GetObject",))
        for prefix in (WORK, RESULTS):
            bucket.grant_objects(role, prefix, ("s3:PutObject",))
        for prefix in (UPLOADS, WORK, RESULTS):
            bucket.grant_erase(role, prefix)
        queue.feed(function.function, role, concurrency=PROCESSING_CONCURRENCY)
        function.allow_messages_to_itself()

    def _train(
        self, table: Table, bucket: PrivateBucket, queue: WorkQueue, environment: dict[str, str], alarms: Alarms
    ) -> None:
        """The trainings, whose function is the only one with NumPy, and the only one that writes trained models."""
        function = QueueFunction(
            self,
            "Training",
            part="training",
            services=("dynamodb", "s3", "sqs"),
            environment={**environment, **queue.environment},
            alarms=alarms,
            memory_size=TRAINING_MEMORY,
            timeout=TRAINING_TIMEOUT,
        )
        table.grant_use(function.role)
        bucket.grant_objects(function.role, UPLOADS, ("s3:GetObject",))
        bucket.grant_objects(function.role, TRAINED, ("s3:PutObject",))
        queue.feed(function.function, function.role, concurrency=TRAINING_CONCURRENCY)

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
