"""Everything that HR Q&A calls, in memory, with a clock and a way to kill the process at any call."""

import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.document_reader.reader import open_document
from lambda_src.hr_qa.asked import AskedQuestions
from lambda_src.hr_qa.documents import DocumentItem, Documents
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.index import Index
from lambda_src.hr_qa.ingestion.messages import make_queue_handler
from lambda_src.hr_qa.ingestion.worker import Worker
from lambda_src.hr_qa.queue import AnyStep, Queue
from lambda_src.hr_qa.resources import object_key
from lambda_src.hr_qa.service import QaService
from lambda_src.hr_qa.settings import HrQaOptions, HrSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.ids import new_id
from lambda_src.shared.queue_handler import QueueHandler
from tests.fakes import CALLER, FakeBucket, FakeModel, FakeTable, LambdaContext, settings
from tests.search_engine import FakeSearch

DIMENSIONS = 256
COHERE_DIMENSIONS = 1024


class Killed(BaseException):
    """The process ends here. No `except Exception` of the code sees it."""


class Killer:
    """Counts calls to AWS, and kills the process at call number `at`, before or `after` it takes effect.

    With `interruption` the process is not killed: another process does something just before that call.
    """

    def __init__(
        self, at: int | None = None, *, after: bool = False, interruption: Callable[[], None] | None = None
    ) -> None:
        self.calls = 0
        self.at = at
        self.after = after
        self.interruption = interruption

    def guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            selected = self.calls == self.at
            if selected and self.interruption:
                self.at = None
                self.interruption()
                return call(*arguments, **named)
            if selected and not self.after:
                raise Killed
            answer = call(*arguments, **named)
            if selected:
                raise Killed
            return answer

        return guarded


class KillableClient:
    """A client whose calls go through a `Killer`."""

    def __init__(self, client: Any, killer: Killer) -> None:
        self._client = client
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        return self._killer.guard(getattr(self._client, name))


class FakeSqs:
    """Messages with the time at which they become visible."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.messages: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.sent = 0

    def put(self, body: str, delay: float = 0) -> None:
        self.sent += 1
        self.messages.append({"id": f"m{self.sent}", "body": body, "visible": self._world.now + delay, "receives": 0})

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert 1 <= len(Entries) <= 10
        for entry in Entries:
            self.put(entry["MessageBody"], entry["DelaySeconds"])
        return {"Successful": Entries}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        for message in self.messages:
            if message["id"] == ReceiptHandle:
                message["visible"] = self._world.now + VisibilityTimeout


class World:
    """One stage. `run` delivers messages until the queue is empty."""

    def __init__(self, *, lag: bool = True, lag_seconds: float = 0, **changes: Any) -> None:
        self.now = 1_800_000_000.0
        self._lag_seconds = lag_seconds
        self._refreshed_at = self.now
        self.killer = Killer()
        self.table = FakeTable()
        self.bucket = FakeBucket()
        self.search = FakeSearch(lag=lag)
        self.sqs = FakeSqs(self)
        self.embedded: list[str] = []
        self.model = FakeModel()
        self.embed_failures: list[BaseException] = []
        self.embedding_seconds = 0.0
        self.settings = hr_settings(**changes)
        self.namespace = caller_namespace(CALLER)
        self.documents = Documents("table", self.table, lambda: self.now)
        # In this process, which saves starting one for each message.
        self.open_document: Any = open_document
        self._deliveries = 0

    def ingestion(self) -> QueueHandler[AnyStep]:
        """A new process: only the stores carry over."""
        table, bucket, sqs = (KillableClient(client, self.killer) for client in (self.table, self.bucket, self.sqs))
        queue = Queue("queue", sqs, lambda: self.now)
        bedrock = Bedrock(self.settings, lambda seconds, region: self, lambda seconds: None)
        worker = Worker(
            self.settings,
            documents=Documents("table", table, lambda: self.now),
            index=Index(self.settings, self.killer.guard(self.search), lambda seconds: None),
            files=FileStore("bucket", bucket, lambda: self.now),
            queue=queue,
            # Sequential: a kill in a thread of the pool would not end the process.
            embedder=Embedder(bedrock, self.settings.embedding, self.settings.options.dimensions, concurrent_calls=1),
            open_document=self.open_document,
            now=lambda: self.now,
        )
        return make_queue_handler(self.settings, worker, queue)

    def service(self, *answers: Any, reranker: Any = None) -> QaService:
        """The REST API over the same stores, with a queue of the text model's answers."""
        self.model = FakeModel(*answers)
        return QaService(
            self.settings,
            Bedrock(self.settings, lambda seconds, region: self, lambda seconds: None),
            documents=self.documents,
            asked=AskedQuestions("table", self.table, lambda: self.now),
            index=Index(self.settings, self.search, lambda seconds: None),
            files=FileStore("bucket", self.bucket, lambda: self.now),
            queue=Queue("queue", self.sqs, lambda: self.now),
            reranker=reranker,
        )

    def converse(self, **request: Any) -> Any:
        """Bedrock's Converse: the next answer of the queue."""
        return self.model.converse(**request)

    def invoke_model(self, **request: Any) -> Any:
        """Bedrock's InvokeModel: a vector of the words in each text. Vectors of two models have nothing in common."""
        content = json.loads(request["body"])
        if self.embed_failures:
            raise self.embed_failures.pop(0)
        self.killer.guard(lambda: None)()
        if "texts" in content:
            self.embedded += content["texts"]
            answer: Any = {"embeddings": [vector(text, COHERE_DIMENSIONS, "cohere ") for text in content["texts"]]}
        else:
            text = content["inputText"]
            self.embedded.append(text)
            self.now += self.embedding_seconds
            embedding = vector(text, content["dimensions"])
            answer = {"embedding": embedding, "inputTextTokenCount": len(text.split())}
        return {"body": _Body(json.dumps(answer).encode()), "ResponseMetadata": {"HTTPHeaders": {}}}

    def create_document(self, name: str = "Handbook", **changes: Any) -> str:
        document_id = new_id()
        fields: dict[str, Any] = {"id": document_id, "name": name, "owner": CALLER, "status": "awaitingUpload"}
        document = DocumentItem(**{**fields, "created_at": "t", "updated_at": "t", **changes})
        self.documents.create(self.namespace, document)
        return document_id

    def upload(self, document_id: str, content: bytes, *, events: int = 1) -> None:
        """Uploads the file; S3 sends its event `events` times."""
        key = object_key(self.namespace, document_id)
        self.bucket.objects[key] = content
        for _ in range(events):
            self.sqs.put(json.dumps(s3_event(key)))

    def delete(self, document_id: str) -> None:
        """Deletes a document as the API does."""
        self.documents.mark_deleting(self.namespace, document_id)
        Queue("queue", self.sqs, lambda: self.now).send_clean(self.namespace, document_id)

    def deploy(self, **changes: Any) -> None:
        """A deployment with other settings, whose event starts a sweep."""
        options = {name: changes.pop(name) for name in HrQaOptions.__struct_fields__ if name in changes}
        changes["options"] = msgspec.structs.replace(self.settings.options, **options)
        self.settings = msgspec.structs.replace(self.settings, **changes)
        self.sweep()

    def put(self, key: str, content: bytes, *, bucket: str = "policies", events: int = 1) -> None:
        """Writes an object to another bucket, which sends its event `events` times."""
        self.bucket.others.setdefault(bucket, {})[key] = content
        for _ in range(events):
            self.sqs.put(json.dumps(s3_event(key, bucket)))

    def remove(self, key: str, *, bucket: str = "policies", events: int = 1) -> None:
        """Deletes an object of another bucket."""
        del self.bucket.others[bucket][key]
        for _ in range(events):
            self.sqs.put(json.dumps(s3_event(key, bucket, "Object Deleted")))

    def sweep(self) -> None:
        self.sqs.put('{"step": "sweep"}')

    def document(self, document_id: str) -> DocumentItem | None:
        return self.documents.get(self.namespace, document_id)

    def run(self, *, chaos: random.Random | None = None, limit: int = 3_000) -> None:
        """Delivers all messages: in order, or with `chaos` out of order and some of them twice."""
        while self.sqs.messages:
            self._deliveries += 1
            assert self._deliveries < limit, "the queue does not become empty"
            self.deliver(chaos)

    def handle(self, body: str) -> None:
        """Handles a message in another process, to its end."""
        message = {"id": "other", "body": body, "receives": 1}
        self.ingestion()({"Records": [_sqs_record(message)]}, LambdaContext(300))

    def deliver(self, chaos: random.Random | None = None) -> None:
        """Delivers one visible message, or moves the clock to the next one."""
        visible = [message for message in self.sqs.messages if message["visible"] <= self.now]
        if not visible:
            self.now = min(message["visible"] for message in self.sqs.messages)
            if self.now - self._refreshed_at >= self._lag_seconds:
                self._refreshed_at = self.now
                self.search.refresh()
            return
        message = chaos.choice(visible) if chaos else visible[0]
        repeated = chaos is not None and chaos.random() < 0.2
        message["receives"] += 1
        # The queue's visibility timeout, unless the function changes it.
        message["visible"] = self.now + 360
        try:
            failed = self.ingestion()({"Records": [_sqs_record(message)]}, LambdaContext(300))["batchItemFailures"]
        except Killed:
            self.killer.at = None
            failed = [{"itemIdentifier": message["id"]}]
        if not failed and not repeated:
            self.sqs.messages.remove(message)
        elif repeated and not failed:
            message["visible"] = self.now
        elif message["receives"] > self.settings.max_receives:
            self.sqs.messages.remove(message)
            self.sqs.dead.append(message)


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self) -> bytes:
        return self._content


def hr_settings(**changes: Any) -> HrSettings:
    common = msgspec.structs.asdict(settings(use_case="hr_qa"))
    defaults: dict[str, Any] = {
        "search_endpoint": "https://search.example",
        "search_index": "chunks",
        "embedding_model": "amazon.titan-embed-text-v2:0",
        "queue_url": "queue",
    }
    own = {name: changes.pop(name) for name in HrQaOptions.__struct_fields__ if name in changes}
    options = HrQaOptions(**{"dimensions": DIMENSIONS, **own})
    return HrSettings(**{**common, **defaults, "options": options, **changes})


def vector(text: str, dimensions: int = DIMENSIONS, model: str = "") -> list[float]:
    """Texts with equal words have vectors in the same direction."""
    values = [0.0] * dimensions
    for word in text.lower().replace(".", " ").replace("?", " ").split():
        values[zlib.crc32((model + word).encode()) % dimensions] += 1.0
    return values


def s3_event(key: str, bucket: str = "bucket", kind: str = "Object Created") -> dict[str, Any]:
    """EventBridge's event for an object. The code uses neither its kind nor its ETag and sequencer."""
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "etag": "x"}}
    return {"detail-type": kind, "source": "aws.s3", "detail": detail}


def _sqs_record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["id"],
        "receiptHandle": message["id"],
        "body": message["body"],
        "attributes": {"ApproximateReceiveCount": str(message["receives"])},
    }
