"""A stage of credit risk in memory: its service, its stores, and a clock."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchStore
from lambda_src.credit_risk.batches import Batches
from lambda_src.credit_risk.counters import Counters
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.models import Activate, CreateScore
from lambda_src.credit_risk.queue import Queue
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.credit_risk.score_store import ScoreStore
from lambda_src.credit_risk.service import CreditService
from lambda_src.credit_risk.settings import CreditRiskOptions, CreditSettings
from lambda_src.credit_risk.training_store import TrainingStore
from lambda_src.credit_risk.trainings import Trainings
from lambda_src.shared.context import Context, Deadline, NoIdempotency
from tests.fakes import CALLER, OTHER, FakeBucket, FakeTable
from tests.lambda_src.credit_risk.world import model_json

NOW = 1_795_000_000.0  # 2026-11-18
TODAY = "2026-11-18"
THIRD = "AIDACAROL00000000000C"
APPLICATION: dict[str, Any] = {
    "applicant": {
        "annualIncome": 65_000,
        "employmentYears": 6,
        "homeOwnership": "rent",
        "incomeVerification": "verified",
        "debtToIncome": 14.2,
        "delinquencies2Years": 0,
        "inquiries6Months": 1,
        "openAccounts": 9,
        "totalAccounts": 21,
        "publicRecords": 0,
        "revolvingBalance": 8_400,
        "revolvingUtilization": 38.5,
        "earliestCreditLine": "2004-06",
    },
    "loan": {"amount": 12_000, "termMonths": 36, "purpose": "debtConsolidation", "interestRate": 11.5, "grade": "B"},
}
CUT_OFF = {"approve": 620, "refer": 580}


def application(**changes: Any) -> CreateScore:
    """An application. `applicant` and `loan` change single fields, None takes them away."""
    body = {**APPLICATION, **changes}
    for part in ("applicant", "loan"):
        merged = {**APPLICATION[part], **changes.get(part, {})}
        body[part] = {name: value for name, value in merged.items() if value is not None}
    return msgspec.convert(body, CreateScore)


class Clock:
    """Seconds since 1970, and the seconds that a process counts."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class FakeSqs:
    """Messages with their queue, and the time at which they become visible."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.messages: list[dict[str, Any]] = []
        self.fail: Exception | None = None
        self.sent = 0

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> None:
        if self.fail:
            raise self.fail
        assert 0 <= DelaySeconds <= 900
        self.sent += 1
        self.messages.append(
            {
                "id": f"m{self.sent}",
                "queue": QueueUrl,
                "body": MessageBody,
                "visible": self._clock.now + DelaySeconds,
                "receives": 0,
            }
        )

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        for message in self.messages:
            if message["id"] == ReceiptHandle:
                message["visible"] = self._clock.now + VisibilityTimeout


class Stage:
    """One stage. `process()` is another of its functions, which shares the stores only."""

    def __init__(self, table: FakeTable | None = None, bucket: FakeBucket | None = None, **options: Any) -> None:
        self.table = table or FakeTable()
        self.bucket = bucket or FakeBucket()
        self.clock = Clock()
        self.settings = CreditSettings(
            stage="test",
            use_case="credit_risk",
            table_name="table",
            bucket_name="bucket",
            options=CreditRiskOptions(**options),
        )
        self.sqs = FakeSqs(self.clock)
        self._shards = shards()
        self.service = self.process()

    @property
    def registry(self) -> ModelRegistry:
        samples = self.settings.options.sample_models
        return ModelRegistry("table", "bucket", samples=samples, client=self.table, s3=self.bucket)

    @property
    def counters(self) -> Counters:
        return Counters("table", self.table, self.clock, shard=lambda: next(self._shards))

    @property
    def batches(self) -> BatchStore:
        return BatchStore("table", self.table, self.clock)

    @property
    def store(self) -> ScoreStore:
        return ScoreStore("table", self.table, self.clock)

    def process(self) -> CreditService:
        return CreditService(
            self.settings,
            registry=self.registry,
            store=self.store,
            counters=self.counters,
            batches=Batches(
                self.batches, BatchFiles("bucket", self.bucket, self.clock), Queue("queue", self.sqs), clock=self.clock
            ),
            trainings=Trainings(
                TrainingStore("table", self.table, self.clock),
                self.batches,
                Queue("trainings", self.sqs),
                clock=self.clock,
            ),
            clock=self.clock,
        )

    def counts(self, model: str, subject: str = "scores") -> dict[str, int]:
        """The counters of a model over all days and shards."""
        sums: dict[str, int] = {}
        for row in self.counters.read_all(model, Deadline(27)):
            if row.subject == subject:
                for name, value in row.counts.items():
                    sums[name] = sums.get(name, 0) + value
        return sums

    def register(self, caller: str = CALLER, **changes: Any) -> str:
        """Registers a small model with metrics. Returns its id."""
        model = msgspec.convert({**with_metrics(), **changes}, Model)
        return self.service.create_model(context(caller), body=model).id

    def activate(self, model: str, role: str = "champion", caller: str = OTHER, **changes: Any) -> Any:
        body = {"role": role, "reason": "Approved by the committee.", "cutOff": CUT_OFF, **changes}
        return self.service.activate_model(context(caller), id=model, body=msgspec.convert(body, Activate))


def shards() -> Iterator[int]:
    while True:
        yield from range(10)


def context(caller: str = CALLER, idempotency: NoIdempotency | None = None) -> Context:
    return Context(caller=caller, request_id="request-1", deadline=Deadline(27), idempotency=idempotency)


def with_metrics(loans: int = 1_000) -> dict[str, Any]:
    """The small model with a reference, a histogram and metrics."""
    model = model_json()
    for characteristic in model["card"]["characteristics"]:
        classes = characteristic["classes"]
        share = loans // len(classes)
        for entry in classes:
            entry.update(count=share, bads=share // 10)
        classes[0]["count"] += loans - share * len(classes)
    histogram = {
        "first": 500,
        "width": 50,
        "goods": [50, 150, 300, 350],
        "bads": [50, 50, 30, 20],
        "amounts": [1e6, 2e6, 3e6, 4e6],
        "expectedLosses": [3e5, 3e5, 2e5, 1e5],
        "losses": [3.2e5, 2.9e5, 2.1e5, 0.9e5],
    }
    metrics = {
        "set": "holdout",
        "first": "2020-01",
        "last": "2020-12",
        "loans": 1_000,
        "bads": 150,
        "meanProbabilityOfDefault": 0.15,
        "auroc": 0.7,
        "ks": 0.3,
        "expectedLossRate": 0.09,
        "lossRate": 0.1,
    }
    return {
        **model,
        "reference": {"loans": loans, "bandBounds": [580, 620], "bandCounts": [300, 400, loans - 700]},
        "performance": {"holdout": histogram, "metrics": [metrics]},
    }
