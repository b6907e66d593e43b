"""The operations of credit risk's route table. Each part has a class of its own."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lambda_src.credit_risk.active import ActiveModels
from lambda_src.credit_risk.batch_files import BatchFiles
from lambda_src.credit_risk.batch_store import BatchStore
from lambda_src.credit_risk.batches import Batches
from lambda_src.credit_risk.counters import Counters
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.models import (
    Activate,
    ActivationCreated,
    BatchAnswer,
    BatchCreated,
    BatchList,
    BatchQuery,
    CreateBatch,
    CreateLetter,
    CreateReview,
    CreateScore,
    CreateTraining,
    CutOffQuery,
    CutOffs,
    DeletedBatch,
    Letter,
    ModelCard,
    ModelCreated,
    ModelList,
    Monitoring,
    MonitoringQuery,
    ReviewCreated,
    ScoreAnswer,
    Scorecard,
    ScoreDetails,
    ScoreList,
    Simulate,
    Simulation,
    TrainingAnswer,
    TrainingList,
)
from lambda_src.credit_risk.queue import Queue
from lambda_src.credit_risk.registry import ModelRegistry
from lambda_src.credit_risk.reports import Reports
from lambda_src.credit_risk.score_store import ScoreStore
from lambda_src.credit_risk.scores import Scores
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.credit_risk.supervision import Supervision
from lambda_src.credit_risk.training_store import TrainingStore
from lambda_src.credit_risk.trainings import Trainings
from lambda_src.shared.context import Context
from lambda_src.shared.schemas import ListQuery

if TYPE_CHECKING:
    from lambda_src.credit_risk.letters import Letters


class CreditService:
    """The operations of credit risk's route table."""

    def __init__(
        self,
        settings: CreditSettings,
        *,
        registry: ModelRegistry | None = None,
        store: ScoreStore | None = None,
        counters: Counters | None = None,
        batches: Batches | None = None,
        trainings: Trainings | None = None,
        letters: "Letters | None" = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` returns the seconds since 1970. A stage without letters has no route for them."""
        table = settings.table_name
        options = settings.options
        registry = registry or ModelRegistry(table, str(settings.bucket_name), samples=options.sample_models)
        counters = counters or Counters(table)
        self._scores = Scores(
            ActiveModels(registry, clock),
            store or ScoreStore(table),
            counters,
            retention_months=options.retention_months,
            now=clock,
        )
        self._letters = letters
        self._models = Supervision(registry, counters, clock)
        self._reports = Reports(registry, counters, clock)
        self._batches = batches or Batches(
            BatchStore(table), BatchFiles(str(settings.bucket_name)), Queue(settings.queue_url), clock=clock
        )
        self._trainings = trainings or Trainings(
            TrainingStore(table), BatchStore(table), Queue(settings.training_queue_url), clock=clock
        )

    def create_score(self, context: Context, *, body: CreateScore) -> ScoreAnswer:
        return self._scores.create(context, body)

    def list_scores(self, context: Context, *, query: ListQuery) -> ScoreList:
        return self._scores.list(context, query)

    def get_score(self, context: Context, *, id: str) -> ScoreDetails:
        return self._scores.get(context, id)

    def create_review(self, context: Context, *, id: str, body: CreateReview) -> ReviewCreated:
        return self._scores.review(context, id, body)

    def create_letter(self, context: Context, *, id: str, body: CreateLetter) -> Letter:
        assert self._letters, "a stage without letters does not offer the route"
        return self._letters.create(context, id, body)

    def create_batch(self, context: Context, *, body: CreateBatch) -> BatchCreated:
        return self._batches.create(context, body)

    def list_batches(self, context: Context, *, query: BatchQuery) -> BatchList:
        return self._batches.list(context, query)

    def get_batch(self, context: Context, *, id: str) -> BatchAnswer:
        return self._batches.get(context, id)

    def delete_batch(self, context: Context, *, id: str) -> DeletedBatch:
        return self._batches.delete(context, id)

    def list_models(self, context: Context, *, query: ListQuery) -> ModelList:
        return self._models.list(context, query)

    def create_model(self, context: Context, *, body: Model) -> ModelCreated:
        return self._models.register(context, body)

    def get_model(self, context: Context, *, id: str) -> ModelCard:
        return self._models.card(context, id)

    def get_scorecard(self, context: Context, *, id: str) -> Scorecard:
        return self._models.scorecard(context, id)

    def get_cut_offs(self, context: Context, *, id: str, query: CutOffQuery) -> CutOffs:
        return self._models.cut_offs(context, id, query)

    def simulate(self, context: Context, *, id: str, body: Simulate) -> Simulation:
        return self._models.simulate(context, id, body)

    def activate_model(self, context: Context, *, id: str, body: Activate) -> ActivationCreated:
        return self._models.activate(context, id, body)

    def create_training(self, context: Context, *, body: CreateTraining) -> TrainingAnswer:
        return self._trainings.create(context, body)

    def list_trainings(self, context: Context, *, query: ListQuery) -> TrainingList:
        return self._trainings.list(context, query)

    def get_training(self, context: Context, *, id: str) -> TrainingAnswer:
        return self._trainings.get(context, id)

    def get_monitoring(self, context: Context, *, query: MonitoringQuery) -> Monitoring:
        return self._reports.get(context, query)
