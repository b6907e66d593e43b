"""Batches: files of applications to score, of outcomes, and of loans to train with."""

from typing import NoReturn

from lambda_src.credit_risk.models import (
    BatchAnswer,
    BatchCreated,
    BatchList,
    BatchQuery,
    CreateBatch,
    DeletedBatch,
)
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Conflict, NotFound


class Batches:
    """The operations of the routes below `/batches`."""

    def create(self, context: Context, body: CreateBatch) -> BatchCreated:
        raise Conflict("This stage takes no batches yet.")

    def list(self, context: Context, query: BatchQuery) -> BatchList:
        return BatchList(items=[], request_id=context.request_id)

    def get(self, context: Context, batch_id: str) -> BatchAnswer:
        _missing()

    def delete(self, context: Context, batch_id: str) -> DeletedBatch:
        _missing()


def _missing() -> NoReturn:
    raise NotFound("There is nothing of yours with this id.")
