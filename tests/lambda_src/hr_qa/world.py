"""Everything the ingestion talks to, in memory: with a clock, and with a way to be killed at any call."""

import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from lambda_src.hr_qa.documents import DocumentItem, Documents
from lambda_src.hr_qa.file_store import FileStore
from lambda_src.hr_qa.index import Index
from lambda_src.hr_qa.ingestion.batch import Ingestion
from lambda_src.hr_qa.ingestion.worker import Worker
from lambda_src.hr_qa.queue import Queue
from lambda_src.hr_qa.resources import key
from lambda_src.hr_qa.service import QaService
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.embedding import Embedder
from lambda_src.shared.ids import new_id
from tests.fakes import CALLER, FakeBucket, FakeModel, FakeTable, LambdaContext, settings
from tests.search_engine import FakeSearch

DIMENSIONS = 256


class Killed(BaseException):
    """The process ends here: no `except Exception` of the code sees it."""


class Killer:
    """Counts calls to the outside, and kills at one of them: before it has an effect, or after.

    With `meanwhile` nobody is killed: somebody else does something just before that call.
    """

    def __init__(
        self, at: int | None = None, *, after: bool = False, meanwhile: Callable[[], None] | None = None
    ) -> None:
        self.calls = 0
        self.at = at
        self.after = after
        self.meanwhile = meanwhile

    def guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            mine = self.calls == self.at
            if mine and self.meanwhile:
                self.at = None
                self.meanwhile()
                return call(*arguments, **named)
            if mine and not self.after:
                raise Killed
            answer = call(*arguments, **named)
            if mine:
                raise Killed
            return answer

        return guarded


class Mortal:
    """A client whose calls may be the last."""

    def __init__(self, client: Any, killer: Killer) -> None:
        self._client = client
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        return self._killer.guard(getattr(self._client, name))


class FakeSqs:
    """Messages with the time from which they are visible."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.messages: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.made = 0

    def put(self, body: str, delay: float = 0) -> None:
        self.made += 1
        self.messages.append({"id": f"m{self.made}", "body": body, "visible": self._world.now + delay, "receives": 0})

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
    """One stage. `run` works on the queue until it is empty."""

    def __init__(self, *, lag: bool = True, lag_seconds: float = 0, **changes: Any) -> None:
        self.now = 1_800_000_000.0
        self._lag_seconds = lag_seconds
        self._refreshed = self.now
        self.killer = Killer()
        self.table = FakeTable()
        self.bucket = FakeBucket()
        self.search = FakeSearch(lag=lag)
        self.sqs = FakeSqs(self)
        self.embedded: list[str] = []
        self.model = FakeModel()
        self.embed_failures: list[BaseException] = []
        self.settings = hr_settings(**changes)
        self.space = self.settings.space(CALLER)
        self.documents = Documents("table", self.table, lambda: self.now)
        self._deliveries = 0

    def ingestion(self) -> Ingestion:
        """A fresh process, as after a kill: nothing but the stores carries over."""
        table, bucket, sqs = (Mortal(one, self.killer) for one in (self.table, self.bucket, self.sqs))
        queue = Queue("queue", sqs, lambda: self.now)
        bedrock = Bedrock(self.settings, lambda seconds, region: self, lambda seconds: None)
        worker = Worker(
            self.settings,
            documents=Documents("table", table, lambda: self.now),
            index=Index(self.settings, self.killer.guard(self.search), lambda seconds: None),
            files=FileStore("bucket", bucket, lambda: self.now),
            queue=queue,
            # One after the other: a kill in a thread of a pool would not be the process's.
            embedder=Embedder(bedrock, self.settings.embedding, DIMENSIONS, concurrent_calls=1),
            now=lambda: self.now,
        )
        return Ingestion(self.settings, worker, queue)

    def service(self, *answers: Any, reranker: Any = None) -> QaService:
        """The REST side over the same stores; the text model answers from a queue."""
        self.model = FakeModel(*answers)
        return QaService(
            self.settings,
            Bedrock(self.settings, lambda seconds, region: self, lambda seconds: None),
            documents=self.documents,
            index=Index(self.settings, self.search, lambda seconds: None),
            files=FileStore("bucket", self.bucket, lambda: self.now),
            queue=Queue("queue", self.sqs, lambda: self.now),
            reranker=reranker,
        )

    def converse(self, **request: Any) -> Any:
        """Bedrock: the next answer of the queue."""
        return self.model.converse(**request)

    def invoke_model(self, **request: Any) -> Any:
        """Bedrock: a vector of the words in a text."""
        text = json.loads(request["body"])["inputText"]
        if self.embed_failures:
            raise self.embed_failures.pop(0)
        self.killer.guard(lambda: None)()
        self.embedded.append(text)
        body = json.dumps({"embedding": vector(text), "inputTextTokenCount": len(text.split())}).encode()
        return {"body": _Body(body), "ResponseMetadata": {}}

    def announce(self, name: str = "Handbook", **changes: Any) -> str:
        document = new_id()
        fields: dict[str, Any] = {"id": document, "name": name, "owner": CALLER, "status": "awaitingUpload"}
        record = DocumentItem(**{**fields, "created_at": "t", "updated_at": "t", **changes})
        self.documents.announce(self.space, record)
        return document

    def upload(self, document: str, content: bytes, *, events: int = 1) -> None:
        """Puts the file in place; S3 tells of it once, or more often."""
        self.bucket.objects[key(self.space, document)] = content
        for _ in range(events):
            self.sqs.put(json.dumps(s3_event(key(self.space, document))))

    def delete(self, document: str) -> None:
        """What the API does."""
        self.documents.mark_deleting(self.space, document)
        Queue("queue", self.sqs, lambda: self.now).clean(self.space, document)

    def record(self, document: str) -> DocumentItem | None:
        return self.documents.get(self.space, document)

    def run(self, *, chaos: random.Random | None = None, limit: int = 3_000) -> None:
        """Delivers messages until none is left, in order or in disorder, some of them twice."""
        while self.sqs.messages:
            self._deliveries += 1
            assert self._deliveries < limit, "the queue does not become empty"
            self._deliver(chaos)

    def handle(self, body: str) -> None:
        """A message in another process, at once and to its end."""
        record = {"id": "other", "body": body, "receives": 1}
        self.ingestion()({"Records": [_sqs_record(record)]}, LambdaContext(300))

    def _deliver(self, chaos: random.Random | None) -> None:
        visible = [one for one in self.sqs.messages if one["visible"] <= self.now]
        if not visible:
            self.now = min(one["visible"] for one in self.sqs.messages)
            if self.now - self._refreshed >= self._lag_seconds:
                self._refreshed = self.now
                self.search.refresh()
            return
        message = chaos.choice(visible) if chaos else visible[0]
        repeated = chaos is not None and chaos.random() < 0.2
        message["receives"] += 1
        # The queue's own time, unless the function changes it.
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
        elif message["receives"] >= self.settings.max_receives:
            self.sqs.messages.remove(message)
            self.sqs.dead.append(message)


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self) -> bytes:
        return self._content


def hr_settings(**changes: Any) -> HrSettings:
    base = msgspec.structs.asdict(settings(use_case="hr_qa"))
    own: dict[str, Any] = {
        "search_endpoint": "https://search.example",
        "search_index": "chunks",
        "embedding_model": "amazon.titan-embed-text-v2:0",
        "dimensions": DIMENSIONS,
        "queue_url": "queue",
    }
    return HrSettings(**{**base, **own, **changes})


def vector(text: str) -> list[float]:
    """Equal words point in equal directions."""
    made = [0.0] * DIMENSIONS
    for word in text.lower().replace(".", " ").replace("?", " ").split():
        made[zlib.crc32(word.encode()) % DIMENSIONS] += 1.0
    return made


def s3_event(object_key: str) -> dict[str, Any]:
    """What EventBridge says of an object; its ETag and sequencer are not looked at."""
    return {"detail-type": "Object Created", "source": "aws.s3", "detail": {"object": {"key": object_key, "etag": "x"}}}


def _sqs_record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["id"],
        "receiptHandle": message["id"],
        "body": message["body"],
        "attributes": {"ApproximateReceiveCount": str(message["receives"])},
    }
