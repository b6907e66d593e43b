"""The work on files in memory: a stage, its queues, and a way to kill a worker at any of its calls."""

import csv
import gzip
import io
import json
import random
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from lambda_src.credit_risk.application_store import ApplicationStore
from lambda_src.credit_risk.batch_files import BatchFiles, upload_key
from lambda_src.credit_risk.batch_store import BatchStore
from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.counters import Counters
from lambda_src.credit_risk.models import BatchAnswer, CreateBatch, CreateScore
from lambda_src.credit_risk.processing.messages import make_queue_handler
from lambda_src.credit_risk.processing.worker import Worker
from lambda_src.credit_risk.queue import Queue
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.shared.callers import caller_namespace
from tests.fakes import CALLER, LambdaContext
from tests.lambda_src.chatbot.world import Killer
from tests.lambda_src.credit_risk.stage import Stage, context
from tests.lambda_src.hr_qa.world import KillableClient, Killed, s3_event

# What the small model needs, and what any does.
COLUMNS = ("applicationId", "applicationDate", "segment", "annualIncome", "inquiries6Months", "homeOwnership")
COLUMNS += ("purpose", "earliestCreditLine", "amount", "termMonths")
INCOMES = ("25000", "50000", "90000")


def row(number: int, **changes: str) -> dict[str, str]:
    """An application as a row: of three days and three incomes."""
    fields = {
        "applicationId": f"A-{number}",
        "applicationDate": f"2026-11-{10 + number % 3}",
        "segment": f"branch-{number % 2}",
        "annualIncome": INCOMES[number % 3],
        "inquiries6Months": "1",
        "homeOwnership": "rent",
        "purpose": "car",
        "earliestCreditLine": "2004-06",
        "amount": "12000",
        "termMonths": "36",
    }
    return {**fields, **changes}


def rows(count: int) -> list[dict[str, str]]:
    return [row(number) for number in range(count)]


def single(fields: dict[str, str]) -> CreateScore:
    """The application of a row, for `POST /scores`."""
    body: dict[str, Any] = {"applicant": {}, "loan": {}}
    for name, text in fields.items():
        if name in CHARACTERISTICS:
            value = float(text) if CHARACTERISTICS[name].kind == "number" else text
            body[CHARACTERISTICS[name].group][name] = (
                int(value) if name in ("termMonths", "inquiries6Months") else value
            )
        else:
            body[name] = text
    return msgspec.convert(body, CreateScore)


def to_csv(records: Iterable[dict[str, str]], columns: Sequence[str] = COLUMNS) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def outcome(number: int, status: str = "paid", **changes: str) -> dict[str, str]:
    return {"applicationId": f"A-{number}", "status": status, **changes}


OUTCOME_COLUMNS = ("applicationId", "status", "defaultedAt", "balanceAtDefault", "recovered")


class BatchWorld(Stage):
    """A stage with an active small model, unless `model` is False. `run` delivers messages until there are none."""

    def __init__(self, *, slice_rows: int = 4, model: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.killer = Killer()
        self.slice_rows = slice_rows
        self._deliveries = 0
        self.model = ""
        if model:
            self.model = self.register()
            self.activate(self.model)

    @property
    def bucket_namespace(self) -> str:
        """The folder of the caller's files."""
        return caller_namespace(CALLER)

    def worker(self) -> Any:
        """The queue's function in a new process: only the stores carry over."""
        table, bucket, sqs = (KillableClient(client, self.killer) for client in (self.table, self.bucket, self.sqs))
        queue = Queue("queue", sqs)
        worker = Worker(
            self.settings,
            batches=BatchStore("table", table, self.clock, lambda seconds: None),
            files=BatchFiles("bucket", bucket, self.clock),
            # Sequential: a kill in a thread of the pool would not end the process.
            applications=ApplicationStore("table", table, self.clock, lambda seconds: None, concurrent_calls=1),
            counters=Counters("table", table, self.clock),
            registry=ModelRegistry(
                "table", "bucket", samples=self.settings.options.sample_models, client=table, s3=bucket
            ),
            queue=queue,
            slice_rows=self.slice_rows,
            now=self.clock,
        )
        return make_queue_handler(self.settings, worker, queue)

    def create(self, purpose: str = "scoring", caller: str = CALLER, **changes: Any) -> str:
        """Creates a batch. Returns its id."""
        self.clock.now += 1
        body = msgspec.convert({"name": "October", "purpose": purpose, **changes}, CreateBatch)
        return self.service.create_batch(context(caller), body=body).id

    def upload(self, batch_id: str, content: bytes, *, caller: str = CALLER, events: int = 1) -> None:
        """Uploads a file; S3 sends its event `events` times."""
        key = upload_key(caller_namespace(caller), batch_id)
        self.bucket.objects[key] = content
        for _ in range(events):
            self.sqs.send_message(QueueUrl="queue", MessageBody=json.dumps(s3_event(key)))

    def submit(self, content: bytes, purpose: str = "scoring", caller: str = CALLER, **changes: Any) -> BatchAnswer:
        """The batch that was made from a file, after all work."""
        batch_id = self.create(purpose, caller, **changes)
        self.upload(batch_id, content, caller=caller)
        self.run()
        return self.get(batch_id, caller)

    def get(self, batch_id: str, caller: str = CALLER) -> BatchAnswer:
        return self.service.get_batch(context(caller), id=batch_id)

    def score(self, count: int = 10, caller: str = CALLER) -> BatchAnswer:
        """A batch of applications, scored."""
        answer = self.submit(to_csv(rows(count)), caller=caller)
        assert answer.status == "ready", answer
        return answer

    def report(self, *outcomes: dict[str, str], caller: str = CALLER) -> BatchAnswer:
        """A batch of outcomes, counted."""
        return self.submit(to_csv(outcomes, OUTCOME_COLUMNS), "outcomes", caller)

    def download(self, file: Any) -> list[dict[str, str]]:
        """The rows of a file of results."""
        key = urlsplit(file.url).path.removeprefix("/")
        return list(csv.DictReader(io.StringIO(gzip.decompress(self.bucket.objects[key]).decode())))

    def run(self, chaos: random.Random | None = None, limit: int = 500) -> None:
        """Delivers all messages: in order, or with `chaos` out of order and some of them twice."""
        while self.sqs.messages:
            self._deliveries += 1
            assert self._deliveries < limit, "the queue does not become empty"
            self.deliver(chaos)

    def deliver(self, chaos: random.Random | None = None) -> None:
        """Delivers one visible message, or moves the clock to the next one."""
        visible = [message for message in self.sqs.messages if message["visible"] <= self.clock.now]
        if not visible:
            self.clock.now = min(message["visible"] for message in self.sqs.messages)
            return
        message = chaos.choice(visible) if chaos else visible[0]
        repeated = chaos is not None and chaos.random() < 0.3
        message["receives"] += 1
        message["visible"] = self.clock.now + 360
        try:
            failed = self.handler_of(message)({"Records": [_sqs_record(message)]}, LambdaContext(300))[
                "batchItemFailures"
            ]
        except Killed:
            self.killer = Killer()
            failed = [{"itemIdentifier": message["id"]}]
        if not failed and not repeated:
            self.sqs.messages.remove(message)
        elif not failed:
            message["visible"] = self.clock.now
        elif message["receives"] > self.settings.max_receives:
            self.sqs.messages.remove(message)

    def handler_of(self, message: dict[str, Any]) -> Any:
        """The function that the message is for, in a new process."""
        assert message["queue"] == "queue"
        return self.worker()


def totals(counts: dict[str, int]) -> dict[str, int]:
    """Counters without those that are 0, as after an outcome was taken back."""
    return {name: value for name, value in counts.items() if value}


def _sqs_record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["id"],
        "receiptHandle": message["id"],
        "body": message["body"],
        "attributes": {"ApproximateReceiveCount": str(message["receives"])},
    }
