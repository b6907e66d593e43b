"""Image generation: turns a prompt into images and stores them for their owner."""

from datetime import date

from aws_cdk import Duration
from constructs import Construct

from lambda_src.image_generation.resources import PREFIX
from lambda_src.image_generation.routes import ROUTES
from stacks.common.alarms import Alarms
from stacks.common.bucket import PrivateBucket
from stacks.common.caller_data import CallerDataFunction
from stacks.common.guardrail import Guardrail
from stacks.common.model_access import ModelAccess
from stacks.common.python_function import ApiFunction
from stacks.common.table import Table
from stacks.common.use_case_api import add_apis
from stacks.common.use_case_stack import UseCaseStack
from stacks.config import StageSettings


class ImageGenerationStack(UseCaseStack):
    """The images API. Images are in a bucket below `images/`, their metadata in a table.

    Requires access to the stage's image models in the region where Bedrock is called, and a role for API Gateway's logs
    in the account.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "image_generation", settings=settings, today=today)
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings)
        days = settings.image_generation.retention_days
        bucket = PrivateBucket(self, "Bucket", settings=settings, expires=Duration.days(days) if days else None)
        guardrail = Guardrail(self, "Guardrail")
        function = ApiFunction(
            self,
            "Function",
            services=("bedrock-runtime", "dynamodb", "s3"),
            environment={**table.environment, **bucket.environment, **guardrail.environment},
            alarms=alarms,
        )
        table.grant_use(function.role)
        bucket.grant_objects(function.role, PREFIX, ("s3:PutObject", "s3:GetObject"))
        bucket.grant_erase(function.role, PREFIX)
        guardrail.grant_apply(function.role)
        ModelAccess(self).grant(function.role)
        if settings.caller_data:
            data = CallerDataFunction(self, "CallerData", table=table, bucket=bucket, alarms=alarms)
            bucket.grant_objects(data.role, PREFIX, ("s3:GetObject",))
            bucket.grant_erase(data.role, PREFIX)
        add_apis(self, routes=ROUTES, function=function.function, alarms=alarms)
