"""Caller data: the API by which callers erase and export what the stage keeps of them, and the worker behind it."""

from datetime import date

from aws_cdk import ArnFormat, Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambda_src.caller_data.routes import OWN_ROUTES, ROUTES
from lambda_src.shared.caller_data import EXPORTS
from stacks.common.alarms import Alarms
from stacks.common.bucket import PrivateBucket
from stacks.common.caller_data import exports_bucket_name
from stacks.common.python_function import ApiFunction, QueueFunction
from stacks.common.table import Table
from stacks.common.use_case_api import add_apis
from stacks.common.use_case_stack import UseCaseStack
from stacks.common.work_queue import WorkQueue
from stacks.config import StageSettings

# Lambda's longest: an archive is written in one go.
WORKER_TIMEOUT = Duration.minutes(15)
WORKER_MEMORY = 1024
WORKER_CONCURRENCY = 2
_ARCHIVES_KEPT = Duration.days(1)


class CallerDataStack(UseCaseStack):
    """Erasures and exports: their records in a table, archives in a bucket that deletes them after a day.

    The worker invokes a function of each use case, which has the permissions for its own data; it has none itself.
    Administrators erase over the main API only. Requires a role for API Gateway's logs in the account, and no model.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "caller_data", settings=settings, today=today)
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings)
        bucket = PrivateBucket(
            self,
            "Bucket",
            settings=settings,
            versions=False,
            expires=_ARCHIVES_KEPT,
            name=exports_bucket_name(settings),
        )
        queue = WorkQueue(self, "Queue", timeout=WORKER_TIMEOUT, alarms=alarms)
        environment = {**table.environment, **bucket.environment, **queue.environment, **self._settings_environment()}
        api = ApiFunction(self, "Function", services=("dynamodb", "s3", "sqs"), environment=environment, alarms=alarms)
        table.grant_read(api.role)
        table.grant_put(api.role)
        queue.grant_send(api.role)
        # For the URLs of archives.
        bucket.grant_objects(api.role, EXPORTS, ("s3:GetObject",))
        worker = QueueFunction(
            self,
            "Worker",
            part="worker",
            services=("dynamodb", "lambda", "s3", "sqs"),
            environment=environment,
            alarms=alarms,
            memory_size=WORKER_MEMORY,
            timeout=WORKER_TIMEOUT,
        )
        worker.allow_messages_to_itself()
        table.grant_erase(worker.role)
        queue.grant_send(worker.role)
        bucket.grant_objects(worker.role, EXPORTS, ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"))
        bucket.grant_list(worker.role, EXPORTS)
        bucket.grant_erase(worker.role, EXPORTS)
        self._grant_invoke(worker.role)
        queue.feed(worker.function, worker.role, concurrency=WORKER_CONCURRENCY)
        add_apis(self, routes=ROUTES, token_routes=OWN_ROUTES, function=api.function, alarms=alarms)

    def _settings_environment(self) -> dict[str, str]:
        environment = {
            "USE_CASES": ",".join(use_case.id for use_case in self.settings.chosen_use_cases),
            "LOG_RETENTION_DAYS": str(self.settings.log_retention_days),
        }
        if self.settings.auth.admins:
            environment["ADMINS"] = ",".join(self.settings.auth.admins)
        if self.settings.auth.api_keys:
            environment["API_KEYS"] = "true"
        return environment

    def _grant_invoke(self, role: iam.Role) -> None:
        """Found by their names: a reference would not let the use cases' stacks replace or delete them."""
        arns = [
            self.format_arn(
                service="lambda",
                resource="function",
                resource_name=self.settings.caller_data_function(use_case.name),
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for use_case in self.settings.chosen_use_cases
        ]
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=arns))
