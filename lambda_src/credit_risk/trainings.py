"""Trainings: models made from a batch of loans."""

from lambda_src.credit_risk.models import CreateTraining, TrainingAnswer, TrainingList
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Conflict, NotFound
from lambda_src.shared.schemas import ListQuery


class Trainings:
    """The operations of the routes below `/trainings`."""

    def create(self, context: Context, body: CreateTraining) -> TrainingAnswer:
        raise Conflict("This stage takes no trainings yet.")

    def list(self, context: Context, query: ListQuery) -> TrainingList:
        return TrainingList(items=[], request_id=context.request_id)

    def get(self, context: Context, training_id: str) -> TrainingAnswer:
        raise NotFound("There is nothing of yours with this id.")
