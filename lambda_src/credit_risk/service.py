"""The operations of credit risk's route table. Each part has a class of its own."""

from lambda_src.credit_risk.batches import Batches
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.models import (
    Activate,
    ActivationCreated,
    BatchAnswer,
    BatchCreated,
    BatchList,
    BatchQuery,
    CreateBatch,
    CreateReview,
    CreateScore,
    CreateTraining,
    CutOffQuery,
    CutOffs,
    DeletedBatch,
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
from lambda_src.credit_risk.trainings import Trainings
from lambda_src.shared.context import Context
from lambda_src.shared.schemas import ListQuery


class CreditService:
    """The operations of credit risk's route table."""

    def __init__(self, *, batches: Batches | None = None, trainings: Trainings | None = None) -> None:
        self._batches = batches or Batches()
        self._trainings = trainings or Trainings()

    def create_score(self, context: Context, *, body: CreateScore) -> ScoreAnswer:
        raise NotImplementedError

    def list_scores(self, context: Context, *, query: ListQuery) -> ScoreList:
        raise NotImplementedError

    def get_score(self, context: Context, *, id: str) -> ScoreDetails:
        raise NotImplementedError

    def create_review(self, context: Context, *, id: str, body: CreateReview) -> ReviewCreated:
        raise NotImplementedError

    def create_batch(self, context: Context, *, body: CreateBatch) -> BatchCreated:
        return self._batches.create(context, body)

    def list_batches(self, context: Context, *, query: BatchQuery) -> BatchList:
        return self._batches.list(context, query)

    def get_batch(self, context: Context, *, id: str) -> BatchAnswer:
        return self._batches.get(context, id)

    def delete_batch(self, context: Context, *, id: str) -> DeletedBatch:
        return self._batches.delete(context, id)

    def list_models(self, context: Context, *, query: ListQuery) -> ModelList:
        raise NotImplementedError

    def create_model(self, context: Context, *, body: Model) -> ModelCreated:
        raise NotImplementedError

    def get_model(self, context: Context, *, id: str) -> ModelCard:
        raise NotImplementedError

    def get_scorecard(self, context: Context, *, id: str) -> Scorecard:
        raise NotImplementedError

    def get_cut_offs(self, context: Context, *, id: str, query: CutOffQuery) -> CutOffs:
        raise NotImplementedError

    def simulate(self, context: Context, *, id: str, body: Simulate) -> Simulation:
        raise NotImplementedError

    def activate_model(self, context: Context, *, id: str, body: Activate) -> ActivationCreated:
        raise NotImplementedError

    def create_training(self, context: Context, *, body: CreateTraining) -> TrainingAnswer:
        return self._trainings.create(context, body)

    def list_trainings(self, context: Context, *, query: ListQuery) -> TrainingList:
        return self._trainings.list(context, query)

    def get_training(self, context: Context, *, id: str) -> TrainingAnswer:
        return self._trainings.get(context, id)

    def get_monitoring(self, context: Context, *, query: MonitoringQuery) -> Monitoring:
        raise NotImplementedError
