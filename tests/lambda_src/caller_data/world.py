"""A stage with all use cases in memory: callers' data by the use cases' own services, and the worker that erases it."""

import base64
import io
import json
import zlib
from collections.abc import Callable
from typing import Any

from msgspec import structs

from lambda_src.caller_data.exports import Exports
from lambda_src.caller_data.job_store import JobStore
from lambda_src.caller_data.queue import Queue
from lambda_src.caller_data.routes import ROUTES
from lambda_src.caller_data.service import CallerDataService
from lambda_src.caller_data.settings import ErasureSettings
from lambda_src.caller_data.worker.functions import Functions
from lambda_src.caller_data.worker.messages import make_queue_handler
from lambda_src.caller_data.worker.worker import Worker
from lambda_src.chatbot.caller_data.data import ConversationData
from lambda_src.chatbot.conversations import Conversations
from lambda_src.chatbot.document_store import DocumentStore
from lambda_src.chatbot.models import Document, Feedback, SendMessage
from lambda_src.chatbot.photo_store import PhotoStore
from lambda_src.credit_risk.caller_data.data import CreditCallerDataSettings, LendingData
from lambda_src.credit_risk.training_store import TrainingStore
from lambda_src.embeddings.service import EmbeddingService
from lambda_src.hr_qa.asked import AskedQuestions
from lambda_src.hr_qa.caller_data.data import DocumentData, HrCallerDataSettings
from lambda_src.hr_qa.documents import Documents
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.models import AskQuestion, CreateDocument
from lambda_src.hr_qa.queue import Queue as HrQueue
from lambda_src.hr_qa.settings import Space
from lambda_src.image_generation.caller_data.data import image_data
from lambda_src.image_generation.models import ImageRecord
from lambda_src.image_generation.service import ImageService
from lambda_src.playground.service import PlaygroundService
from lambda_src.registry import USE_CASES
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.caller_data import CallerData, CallerDataHandler, CallerDataSettings, KeptResponses
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.file_types import PDF
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.photos import Photo
from lambda_src.shared.store import RecordStore
from lambda_src.summarization.caller_data.data import ReportData
from lambda_src.summarization.photo_store import PhotoStore as ReportPhotos
from lambda_src.summarization.service import SummaryService
from lambda_src.summarization.store import SummaryStore
from tests.fakes import (
    CALLER,
    FakeBucket,
    FakeModel,
    FakeTable,
    LambdaContext,
    context,
    converse_answer,
    event,
    identity,
    png,
    settings,
    stability_answer,
)
from tests.lambda_src.chatbot import world as chat_world
from tests.lambda_src.credit_risk.stage import APPLICATION
from tests.lambda_src.credit_risk.stage import Stage as CreditStage
from tests.lambda_src.hr_qa import world as hr_world
from tests.lambda_src.hr_qa.world import KillableClient, Killed
from tests.pdfs import text_pdf

TITAN = "amazon.titan-embed-text-v2:0"
STABILITY = "stability.stable-image-core-v1:1"
SPACE = Space(name="handbooks", readers=("editors",), writers=("editors",))
TABLES = ("summarization", "image-generation", "embeddings", "playground", "chatbot", "hr-qa", "credit-risk")
REPORT = {
    **{name: [] for name in ("causes", "actionsTaken", "actionsNeeded", "parts", "safety", "missing")},
    **{"title": "Leak", "language": "en", "severity": "low"},
}


def routes_of(use_case: str) -> Any:
    return next(each for each in USE_CASES if each.name == use_case).routes


class Buckets:
    """An S3 client over several buckets."""

    def __init__(self, buckets: dict[str, FakeBucket]) -> None:
        self._buckets = buckets

    def copy_object(self, *, Bucket: str, Key: str, CopySource: dict[str, str]) -> None:
        source = self._buckets[CopySource["Bucket"]]
        # Those who may not list a bucket do not learn whether an object exists.
        self._buckets[Bucket].objects[Key] = source._content(CopySource["Key"], "AccessDenied")

    def __getattr__(self, operation: str) -> Any:
        def call(**named: Any) -> Any:
            bucket = named.get("Params", named)["Bucket"]
            return getattr(self._buckets[bucket], operation)(**named)

        return call if operation != "generate_presigned_url" else self._presign

    def _presign(self, operation: str, **named: Any) -> Any:
        return self._buckets[named["Params"]["Bucket"]].generate_presigned_url(operation, **named)


class FakeLambda:
    """A Lambda client. `fail`: the use cases whose functions raise. `killer` kills a function at one of its calls."""

    def __init__(self, data: dict[str, CallerData], s3: Any, killer: chat_world.Killer) -> None:
        self._data = data
        self.killer = killer
        self._s3 = s3
        self.fail: set[str] = set()
        # Of each function: so little that each invocation makes one step.
        self.seconds = 1.0

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        name = FunctionName.removeprefix("bedrock-endpoints-test-").removesuffix("-caller-data")
        task = json.loads(Payload)
        assert name in self._data, f"add the data of {name} to World, in `fill` and in `_data`"
        if name in self.fail:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "simulated"}')}
        try:
            piece = CallerDataHandler(self._data[name], "exports", self._s3)(task, LambdaContext(self.seconds))
        except Killed:
            self.killer.at, self.killer.dead = None, False
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "killed"}')}
        return {"Payload": io.BytesIO(json.dumps(piece).encode())}


class World:
    """One stage. `fill` stores something of a caller in each use case, with a text that is searched for."""

    def __init__(self) -> None:
        self.chat = chat_world.World()
        self.hr = hr_world.World(caller_data=True, spaces=(SPACE,))
        self.credit = CreditStage()
        plain = {name: FakeTable() for name in TABLES[:4]}
        self.tables = {
            **plain,
            **{"chatbot": self.chat.table, "hr-qa": self.hr.table, "credit-risk": self.credit.table},
            "caller-data": FakeTable(),
        }
        self.buckets = {
            **{"image-generation": FakeBucket(), "exports": FakeBucket(), "chatbot": self.chat.bucket},
            **{"hr-qa": self.hr.bucket, "credit-risk": self.credit.bucket, "summarization": FakeBucket()},
        }
        self.s3 = Buckets(self.buckets)
        self.killer = chat_world.Killer()
        self.kills = 0
        self.sqs = chat_world.FakeSqs(self)  # type: ignore[arg-type]
        function_killer = chat_world.Killer()
        self.data = self._data(function_killer)
        self.functions = FakeLambda(self.data, KillableClient(self.s3, function_killer), function_killer)
        self.now = 1_800_000_000.0
        self.settings = ErasureSettings(
            stage="test",
            use_case="caller_data",
            table_name="caller-data",
            bucket_name="exports",
            queue_url="queue",
            max_receives=3,
            admins=("officers",),
            use_cases=tuple(use_case.id for use_case in USE_CASES),
            log_retention_days=90,
            api_keys=True,
        )

    def clock(self) -> float:
        return self.now

    # The API, and the worker.

    def service(self) -> CallerDataService:
        store, queue, exports = self._stores()
        return CallerDataService(self.settings, store, queue, exports, self.clock)

    def call(self, method: str, route: str, body: Any = None, *, caller: str = CALLER, **changes: Any) -> Any:
        """Status and body of a request."""
        request = event(
            method, route, body, **{"requestContext": {"requestId": "r", "identity": identity(caller)}, **changes}
        )
        response = Api(ROUTES, self.service(), self.settings)(request, LambdaContext())
        return response["statusCode"], json.loads(response["body"])

    def erase(self, caller: str = CALLER) -> str:
        status, body = self.call("DELETE", "/me", caller=caller)
        assert status == 202
        return str(body["id"])

    def receipt(self, erasure: str, caller: str = CALLER) -> Any:
        status, body = self.call("GET", "/me/erasures/{id}", path={"id": erasure}, caller=caller)
        assert status == 200, body
        return body

    def export(self, caller: str = CALLER) -> str:
        status, body = self.call("POST", "/me/exports", caller=caller)
        assert status == 202
        return str(body["id"])

    def exported(self, export: str, caller: str = CALLER) -> Any:
        return self.call("GET", "/me/exports/{id}", path={"id": export}, caller=caller)[1]

    def gathered(self, export: str, caller: str = CALLER) -> bool:
        """Whether all files of an export are there, and its archive is not."""
        store = JobStore("caller-data", self.tables["caller-data"], self.clock)
        record = store.export(caller_namespace(caller), export)
        return record is not None and record.gathered and record.archive is None

    def worker(self) -> Any:
        """The queue's handler, in a new process."""
        store, queue, exports = self._stores()
        functions = Functions(self.settings.function_name, KillableClient(self.functions, self.killer))
        worker = Worker(self.settings, store=store, queue=queue, functions=functions, exports=exports, now=self.clock)
        return make_queue_handler(self.settings, worker, queue)

    def deliver(self, message: dict[str, Any]) -> bool:
        """Delivers one message. Returns whether it succeeded; after a kill it stays on the queue."""
        message["receives"] += 1
        message["visible"] = self.now + 960
        record = {
            "messageId": message["id"],
            "receiptHandle": message["id"],
            "body": message["body"],
            "attributes": {"ApproximateReceiveCount": str(message["receives"])},
        }
        try:
            return not self.worker()({"Records": [record]}, LambdaContext(900))["batchItemFailures"]
        except Killed:
            self.killer = chat_world.Killer()
            self.kills += 1
            return False

    def run(self, limit: int = 400, until: Callable[[], bool] = lambda: False) -> None:
        """Delivers messages until the queue is empty, and moves the clock to each. The ingestion works in between."""
        for _ in range(limit):
            if not self.sqs.messages or until():
                return
            message = min(self.sqs.messages, key=lambda candidate: float(candidate["visible"]))
            self.now = max(self.now, message["visible"])
            if self.deliver(message):
                self.sqs.messages.remove(message)
            elif message["receives"] > self.settings.max_receives:
                self.sqs.messages.remove(message)
                self.sqs.dead.append(message)
            self.hr.run()
        raise AssertionError("the queue does not become empty")

    # What callers do.

    def fill(self, caller: str, marker: str) -> None:
        self.fill_records(caller, marker)
        self.fill_chat(caller, marker)
        self.fill_documents(caller, marker)
        self._request(
            *("credit-risk", routes_of("credit_risk"), self.credit.service, self.credit.settings, caller),
            *("create_score", {**APPLICATION, "applicationId": marker}),
        )
        self.credit.clock.now += 1

    def fill_records(self, caller: str, marker: str) -> None:
        """Reports, images, and responses of use cases that store nothing else."""
        stage = settings(models=(chat_world.HAIKU,))
        report = {**REPORT, "summary": f"It leaks, {marker}.", "symptoms": [marker]}
        model = FakeModel(converse_answer(json.dumps(report)))
        store = SummaryStore("t", self.tables["summarization"])
        photos = ReportPhotos("summarization", self.buckets["summarization"])
        service: Any = SummaryService(stage, Bedrock(stage, model), store, photos)
        photo = {"contentType": "image/png", "data": base64.b64encode(png() + marker.encode()).decode()}
        body: dict[str, Any] = {"text": f"The pump leaks. {marker}", "photos": [photo]}
        self._request("summarization", routes_of("summarization"), service, stage, caller, "create_summary", body)
        (record,), _ = store.page(caller, 1, None)
        corrected = structs.replace(record.report, title=f"Corrected {marker}")
        store.correct(caller, record.id, corrected, expected_version=1)

        stage = settings(models=(STABILITY,))
        images = RecordStore("t", "image", ImageRecord, self.tables["image-generation"])
        bedrock = Bedrock(stage, FakeModel(stability_answer(1)))
        service = ImageService(stage, bedrock, images, self.buckets["image-generation"])
        body = {"prompt": f"A pump {marker}"}
        self._request("image-generation", routes_of("image_generation"), service, stage, caller, "create_images", body)

        stage = settings(models=(chat_world.HAIKU,))
        service = PlaygroundService(stage, Bedrock(stage, FakeModel(converse_answer(f"Because {marker}."))))
        body = {"prompt": f"Why, {marker}?"}
        self._request("playground", routes_of("playground"), service, stage, caller, "create_completion", body)

        stage = settings(models=(TITAN,))
        answer = {"embedding": [1.0] * 256, "inputTextTokenCount": 1}
        service = EmbeddingService(stage, Bedrock(stage, FakeModel(answer)))
        body = {"texts": [marker], "dimensions": 256}
        self._request("embeddings", routes_of("embeddings"), service, stage, caller, "create_embeddings", body)

    def fill_chat(self, caller: str, marker: str) -> None:
        """A conversation with a photo and a summary, and one that its caller has just deleted."""
        chat = self.chat
        kept = chat.create(caller, title=f"Title {marker}", instructions=f"Be {marker}")
        chat.model.queue.append(converse_answer(f"Because {marker}."))
        body = SendMessage(text=f"Why, {marker}?", photos=[Photo("image/png", png())])
        body.documents = [Document(f"Rules {marker}", f"Rules of {marker}".encode())]
        status, answer = chat.request(f"key-{marker}", "send_message", body, kept, caller)
        assert status == 200
        context, feedback = chat_world.ChatContext(caller), Feedback(helpful=False, comment=f"Not {marker}")
        chat.service().give_feedback(context, id=kept, message=answer["message"]["id"], body=feedback)
        chat.service().stop_answer(context, id=kept)
        conversation = chat.conversation(kept, caller)
        chat.conversations.save_summary(caller, conversation, f"About {marker}", 0)
        deleted = chat.create(caller, title=f"Gone {marker}")
        chat.send(deleted, f"Why, {marker}?", caller=caller)
        chat.service().delete_conversation(chat_world.ChatContext(caller), id=deleted)

    def fill_documents(self, caller: str, marker: str) -> None:
        """A document, one in a space, one whose file was never uploaded, and two questions."""
        hr = self.hr
        hr.namespace = caller_namespace(caller)
        created = self._hr_request(caller, "create_document", {"name": f"Rules {marker}", "contentType": PDF})
        hr.upload(created["id"], text_pdf([["# Leave", f"Leave of {marker} is 30 days."]]))
        hr.bucket.old_versions[f"documents/{hr.namespace}/{created['id']}.pdf", "v1"] = marker.encode()
        self._hr_request(caller, "create_document", {"name": f"Never {marker}", "contentType": PDF})
        editor = context(caller=caller, groups=["editors"])
        shared = hr.service().create_document(
            editor, body=CreateDocument(name="Shared rules", content_type=PDF, space=SPACE.name)
        )
        hr.namespace = SPACE.name
        hr.upload(shared.id, text_pdf([["# Leave", "Leave is 30 days for all."]]))
        hr.run()
        # Answered about the own documents, and not answered about all.
        answer = {"answered": True, "claims": [{"text": "Leave is 30 days.", "sentences": [1]}]}
        question = f"How many days, {marker}?"
        self._hr_request(caller, "answer_question", {"question": question}, converse_answer(json.dumps(answer)))
        declined = converse_answer(json.dumps({"answered": False, "claims": []}))
        hr.service(declined).answer_question(editor, body=AskQuestion(question=question))

    def _hr_request(self, caller: str, operation: str, body: Any, *answers: Any) -> Any:
        service = self.hr.service(*answers)
        return self._request("hr-qa", routes_of("hr_qa"), service, self.hr.settings, caller, operation, body)

    def _request(
        self, use_case: str, routes: Any, service: Any, stage: Any, caller: str, operation: str, body: Any
    ) -> Any:
        """A request with an idempotency key, so that its response is kept."""
        idempotency = IdempotencyStore("t", self.tables[use_case], self._clock_of(use_case))
        (route,) = [route for route in routes if route.operation == operation]
        request = event(
            *(route.method, route.path, body),
            headers={"Idempotency-Key": f"key-{len(self.tables[use_case].items)}"},
            requestContext={"requestId": "r", "identity": identity(caller)},
        )
        response = Api(routes, service, stage, idempotency)(request, LambdaContext())
        assert response["statusCode"] < 300, response
        return json.loads(response["body"])

    def _clock_of(self, use_case: str) -> Callable[[], float]:
        return lambda: self.hr.now if use_case == "hr-qa" else self.now

    # What is stored.

    def stored(self) -> dict[str, Any]:
        """Everything, by use case and place: items with compressed responses unpacked, objects, chunks."""
        everything: dict[str, Any] = {}
        for name, table in self.tables.items():
            everything |= {f"{name} {pk} {sk}": _readable(item) for (pk, sk), item in table.items.items()}
        for name, bucket in self.buckets.items():
            everything |= {f"{name} {key}": repr(content) for key, content in bucket.objects.items()}
            everything |= {f"{name} {key}": repr(content) for key, content in bucket.old_versions.items()}
        everything |= {f"chunk {key}": repr(source) for key, source in self.hr.search.documents.items()}
        return everything

    def _stores(self) -> tuple[JobStore, Queue, Exports]:
        table, sqs, s3 = (
            KillableClient(client, self.killer) for client in (self.tables["caller-data"], self.sqs, self.s3)
        )
        store = JobStore("caller-data", table, self.clock, lambda seconds: None)
        return store, Queue("queue", sqs), Exports("exports", s3, self.clock)

    def _data(self, killer: chat_world.Killer) -> dict[str, CallerData]:
        """The functions of the use cases, as their handlers make them."""
        tables = {name: KillableClient(table, killer) for name, table in self.tables.items()}
        s3: Any = KillableClient(self.s3, killer)

        def stage(bucket: str, settings_type: Any = CallerDataSettings, **more: Any) -> Any:
            common = {"stage": "test", "use_case": bucket, "table_name": "t", "bucket_name": bucket}
            return settings_type(**common, exports_bucket="exports", **more)

        summaries = SummaryStore("t", tables["summarization"])
        images = RecordStore("t", "image", ImageRecord, tables["image-generation"])
        hr, credit = self.hr, self.credit
        return {
            "summarization": ReportData(stage("summarization"), summaries, ReportPhotos("summarization", s3)),
            "image-generation": image_data(stage("image-generation"), images, s3),
            **{name: KeptResponses(IdempotencyStore("t", tables[name])) for name in ("embeddings", "playground")},
            "chatbot": ConversationData(
                stage("chatbot"),
                Conversations("t", tables["chatbot"], self.chat.clock),
                PhotoStore("chatbot", s3, self.chat.clock),
                DocumentStore("chatbot", s3),
            ),
            "hr-qa": DocumentData(
                stage("hr-qa", HrCallerDataSettings, queue_url="queue", options=hr.settings.options),
                documents=Documents("t", tables["hr-qa"], lambda: hr.now),
                asked=AskedQuestions("t", tables["hr-qa"], lambda: hr.now),
                files=FileStore("hr-qa", s3, lambda: hr.now),
                queue=HrQueue("queue", KillableClient(hr.sqs, killer), lambda: hr.now),
            ),
            "credit-risk": LendingData(
                stage("credit-risk", CreditCallerDataSettings),
                scores=credit.store,
                batches=credit.batches,
                trainings=TrainingStore("t", tables["credit-risk"], credit.clock),
            ),
        }


def _readable(item: dict[str, Any]) -> str:
    """An item as text. A response is compressed."""
    text = repr(item)
    packed = item.get("part", {}).get("B")
    return f"{text} {zlib.decompress(packed)!r}" if packed else text
