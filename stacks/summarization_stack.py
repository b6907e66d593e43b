"""Summarization: turns a technician's notes and photos into an incident report."""

from datetime import date

from aws_cdk import Duration
from constructs import Construct

from lambda_src.summarization.photo_store import PREFIX
from lambda_src.summarization.routes import ROUTES
from stacks.common.alarms import Alarms
from stacks.common.api_functions import ApiFunctions
from stacks.common.bucket import PrivateBucket
from stacks.common.caller_data import CallerDataFunction
from stacks.common.guardrail import Guardrail
from stacks.common.table import Table
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


class SummarizationStack(UseCaseStack):
    """The summaries API. Reports and their versions are stored in a table, their photos in a bucket below `photos/`.

    The bucket is not versioned, so deleted photos are gone. Requires access to the stage's text models, and a role for
    API Gateway's logs in the account.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "summarization", settings=settings, today=today)
        days = settings.summarization.retention_days
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings)
        bucket = PrivateBucket(
            self, "Bucket", settings=settings, versions=False, expires=Duration.days(days) if days else None
        )
        guardrail = Guardrail(self, "Guardrail")
        api = ApiFunctions(
            self,
            routes=ROUTES,
            services=("bedrock-runtime", "dynamodb", "s3"),
            environment={**table.environment, **bucket.environment, **guardrail.environment},
            alarms=alarms,
            guardrail=guardrail,
        )
        for role in api.roles:
            table.grant_use(role)
            guardrail.grant_apply(role)
            bucket.grant_objects(role, PREFIX, ("s3:PutObject", "s3:GetObject"))
            bucket.grant_erase(role, PREFIX)
        if settings.caller_data:
            data = CallerDataFunction(self, "CallerData", table=table, bucket=bucket, alarms=alarms)
            bucket.grant_objects(data.role, PREFIX, ("s3:GetObject",))
            bucket.grant_erase(data.role, PREFIX)
