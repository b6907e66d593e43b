"""HR Q&A: answers questions about uploaded documents, with citations."""

from datetime import date

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambda_src.hr_qa.resources import INDEX_PREFIX, PREFIX, index_definition, index_name
from lambda_src.hr_qa.routes import ROUTES
from stacks.common.alarms import Alarms
from stacks.common.bucket import PrivateBucket
from stacks.common.caller_data import CallerDataFunction
from stacks.common.guardrail import Guardrail
from stacks.common.model_access import ModelAccess
from stacks.common.python_function import ApiFunction, QueueFunction
from stacks.common.s3_source import S3Source
from stacks.common.table import Table
from stacks.common.usage import grant_recording, recording_variables
from stacks.common.use_case_api import add_apis
from stacks.common.use_case_stack import UseCaseStack
from stacks.common.vector_store import MAINTAIN, READ, VectorStore
from stacks.common.work_queue import WorkQueue
from stacks.config import StageSettings

INGESTION_TIMEOUT = Duration.minutes(5)
INGESTION_MEMORY = 1024


class HrQaStack(UseCaseStack):
    """The documents, questions and searches API, and the queue-driven ingestion.

    Files are in a bucket below `documents/`, their metadata in a table, their chunks in an OpenSearch index.
    Requires access to the stage's text and embedding models, and a role for API Gateway's logs in the account.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "hr_qa", settings=settings, today=today)
        alarms = Alarms(self, "Alarms")
        table = Table(self, "Table", settings=settings)
        bucket = PrivateBucket(self, "Bucket", settings=settings, uploads=True)
        guardrail = Guardrail(self, "Guardrail")
        queue = WorkQueue(self, "Queue", timeout=INGESTION_TIMEOUT, alarms=alarms)
        bucket.send_events(queue.queue, queue.dead_letters, PREFIX)
        dimensions = settings.hr_qa.dimensions
        engine = "faiss" if settings.hr_qa.search.is_classic else None
        store = VectorStore(
            self,
            "Store",
            index=self._index_name(dimensions, engine),
            index_family=f"{INDEX_PREFIX}*",
            properties=index_definition(dimensions, engine)["mappings"]["properties"],
        )
        common = {
            **table.environment,
            **bucket.environment,
            **queue.environment,
            **store.environment,
            **self._models_environment(),
        }
        api = ApiFunction(
            self,
            "Function",
            services=("bedrock-runtime", "dynamodb", "s3", "sqs", *self._rerank_services()),
            environment={**common, **guardrail.environment, **_lists_callers(settings)},
            alarms=alarms,
        )
        ingestion = QueueFunction(
            self,
            "Ingestion",
            part="ingestion",
            services=("bedrock-runtime", "dynamodb", "s3", "sqs", *(("textract",) if settings.hr_qa.ocr else ())),
            environment={**common, **recording_variables(self)},
            alarms=alarms,
            memory_size=INGESTION_MEMORY,
            timeout=INGESTION_TIMEOUT,
            libraries=("document_reader",),
        )
        for function, permissions in ((api, READ), (ingestion, MAINTAIN)):
            table.grant_use(function.role)
            queue.grant_send(function.role)
            store.grant(function.role, permissions)
            ModelAccess(self, "hr_qa_embeddings").grant(function.role)
        bucket.grant_objects(api.role, PREFIX, ("s3:PutObject", "s3:GetObject"))
        bucket.grant_objects(ingestion.role, PREFIX, ("s3:GetObject",))
        bucket.grant_erase(ingestion.role, PREFIX)
        self._add_sources(queue, api, ingestion)
        feed = queue.feed(ingestion.function, ingestion.role, concurrency=settings.hr_qa.concurrency)
        store.complete(slow=feed)
        guardrail.grant_apply(api.role)
        ModelAccess(self, guardrail=guardrail).grant(api.role)
        ModelAccess(self, "hr_qa_rerank").grant(api.role)
        table.grant_scan(ingestion.role)
        grant_recording(self, ingestion.role)
        ingestion.allow_messages_to_itself()
        self._sweep(queue)
        self._grant_without_resources(api, ingestion)
        if settings.caller_data:
            data = CallerDataFunction(
                self,
                "CallerData",
                services=("sqs",),
                table=table,
                bucket=bucket,
                environment={"QUEUE_URL": queue.queue.queue_url},
                alarms=alarms,
            )
            bucket.grant_objects(data.role, PREFIX, ("s3:GetObject",))
            bucket.grant_erase(data.role, PREFIX)
            queue.grant_send(data.role)
        add_apis(self, routes=ROUTES, function=api.function, alarms=alarms)

    def _add_sources(self, queue: WorkQueue, api: ApiFunction, ingestion: QueueFunction) -> None:
        for source in self.settings.hr_qa.sources:
            place = S3Source(self, source.bucket, source.prefix, kms_key=source.kms_key, queue=queue)
            place.grant_read(api.role)
            place.grant_read(ingestion.role)
            place.grant_list(ingestion.role)

    def _index_name(self, dimensions: int, engine: str | None) -> str:
        model = self.settings.models_for("hr_qa_embeddings")[0].partition("=")[0]
        return index_name(model, dimensions, engine, self.settings.hr_qa.search.index_revision)

    def _sweep(self, queue: WorkQueue) -> None:
        """Starts a sweep after each deployment, and daily in case that one was given up."""
        message = events.RuleTargetInput.from_object({"step": "sweep"})
        target = targets.SqsQueue(queue.queue, dead_letter_queue=queue.dead_letters, message=message)
        status = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]
        events.Rule(
            self,
            "Deployed",
            description="Deployments of this stack: documents are read again if the index has changed",
            event_pattern=events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Stack Status Change"],
                detail={"stack-id": [self.stack_id], "status-details": {"status": status}},
            ),
            targets=[target],
        )
        events.Rule(
            self,
            "Daily",
            description="Looks for documents to read again, and compares sources",
            schedule=events.Schedule.rate(Duration.days(1)),
            targets=[target],
        )

    def _models_environment(self) -> dict[str, str]:
        """The models that both functions use."""
        embedding, *former = self.model_ids("hr_qa_embeddings")
        environment = {"EMBEDDING_MODEL": embedding}
        if former:
            environment["FORMER_EMBEDDING_MODELS"] = ",".join(former)
        return {**environment, "RERANK_MODEL": self._rerank_models[0]} if self._rerank_models else environment

    @property
    def _rerank_models(self) -> tuple[str, ...]:
        return self.settings.models_for("hr_qa_rerank")

    def _rerank_services(self) -> tuple[str, ...]:
        return ("bedrock-agent-runtime",) if self._rerank_models else ()

    def _grant_without_resources(self, api: ApiFunction, ingestion: QueueFunction) -> None:
        """Two actions without resource-level permissions. Rerank also requires InvokeModel on the model."""
        if self._rerank_models:
            api.role.add_to_policy(iam.PolicyStatement(actions=["bedrock:Rerank"], resources=["*"]))
        if self.settings.hr_qa.ocr:
            ingestion.role.add_to_policy(iam.PolicyStatement(actions=["textract:DetectDocumentText"], resources=["*"]))


def _lists_callers(settings: StageSettings) -> dict[str, str]:
    """Questions are listed by caller where callers' data can be erased."""
    return {"CALLER_DATA": "true"} if settings.caller_data else {}
