"""Chatbot: conversations with memory, answered in full or as a stream."""

from datetime import date

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambda_src.chatbot.document_store import PREFIX as DOCUMENTS
from lambda_src.chatbot.documents import READ_SECONDS
from lambda_src.chatbot.photo_store import PREFIX as PHOTOS
from lambda_src.chatbot.routes import ROUTES
from stacks.common.alarms import Alarms
from stacks.common.api_functions import ApiFunctions
from stacks.common.bucket import PrivateBucket
from stacks.common.caller_data import CallerDataFunction
from stacks.common.guardrail import Guardrail
from stacks.common.model_access import ModelAccess
from stacks.common.python_function import PythonFunction, QueueFunction
from stacks.common.table import Table
from stacks.common.usage import grant_recording, recording_variables
from stacks.common.use_case_stack import UseCaseStack
from stacks.common.work_queue import WorkQueue
from stacks.config import StageSettings

MEMORY_TIMEOUT = Duration.minutes(2)
# Summaries and titles can wait; the model's quota is for the chats themselves.
MEMORY_CONCURRENCY = 2
# MB. Lambda gives a full CPU for it, so that the limits of CPU time are about those of time.
READER_MEMORY = 1769


class ReaderFunction(PythonFunction):
    """Reads documents for the API's functions; its handler is in the part `reader`. Its role may only write its log."""

    _no_dead_letters = "The API's functions invoke it synchronously: there are no events to lose"

    def __init__(self, scope: UseCaseStack, construct_id: str, *, alarms: Alarms) -> None:
        super().__init__(
            scope,
            construct_id,
            services=(),
            environment={},
            alarms=alarms,
            memory_size=READER_MEMORY,
            timeout=Duration.seconds(READ_SECONDS),
            part="reader",
            libraries=("document_reader",),
        )

    def _models_environment(self, scope: UseCaseStack) -> dict[str, str]:
        return {}

    def grant_invoke(self, role: iam.Role) -> None:
        """This function only, without its versions, which CDK's method would add."""
        arn = self.function.function_arn
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[arn]))


class ChatbotStack(UseCaseStack):
    """The conversations API, and a queue-driven function that maintains them: titles, summaries, deletions.

    Conversations are stored in a table, their photos in a bucket below `photos/`, the texts of their documents below
    `document-texts/`. The bucket is not versioned, so deleted files are gone. Documents are read by a function without
    permissions, which only the API's functions invoke. Requires access to the stage's text models, and a role for API
    Gateway's logs.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "chatbot", settings=settings, today=today)
        days = settings.chatbot.retention_days
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings)
        bucket = PrivateBucket(
            self, "Bucket", settings=settings, versions=False, expires=Duration.days(days) if days else None
        )
        guardrail = Guardrail(self, "Guardrail")
        queue = WorkQueue(self, "Queue", timeout=MEMORY_TIMEOUT, alarms=alarms)
        environment = {
            **table.environment,
            **bucket.environment,
            **queue.environment,
            **guardrail.environment,
        }
        services = ("bedrock-runtime", "dynamodb", "s3", "sqs")
        reader = ReaderFunction(self, "Reader", alarms=alarms)
        api = ApiFunctions(
            self,
            routes=ROUTES,
            services=(*services, "lambda"),
            environment={**environment, "READER_FUNCTION": reader.function.function_name},
            alarms=alarms,
            guardrail=guardrail,
            # A conversation that exceeds its window is summarized first.
            converse_in_streams=True,
        )
        memory = QueueFunction(
            self,
            "Memory",
            part="memory",
            services=services,
            environment={**environment, **recording_variables(self)},
            alarms=alarms,
            timeout=MEMORY_TIMEOUT,
        )
        for role in (*api.roles, memory.role):
            table.grant_use(role, batches=role is memory.role)
            guardrail.grant_apply(role)
            queue.grant_send(role)
        for role in api.roles:
            reader.grant_invoke(role)
            for prefix in (PHOTOS, DOCUMENTS):
                bucket.grant_objects(role, prefix, ("s3:PutObject", "s3:GetObject"))
        ModelAccess(self, guardrail=guardrail).grant(memory.role)
        grant_recording(self, memory.role)
        memory.allow_messages_to_itself()
        # Summaries are about documents, too.
        bucket.grant_objects(memory.role, DOCUMENTS, ("s3:GetObject",))
        for prefix in (PHOTOS, DOCUMENTS):
            bucket.grant_objects(memory.role, prefix, ("s3:DeleteObject",))
            bucket.grant_list(memory.role, prefix)
        queue.feed(memory.function, memory.role, concurrency=MEMORY_CONCURRENCY)
        if settings.caller_data:
            data = CallerDataFunction(self, "CallerData", table=table, bucket=bucket, alarms=alarms)
            table.grant_batch_write(data.role)
            for prefix in (PHOTOS, DOCUMENTS):
                bucket.grant_objects(data.role, prefix, ("s3:GetObject", "s3:DeleteObject"))
                bucket.grant_list(data.role, prefix)
