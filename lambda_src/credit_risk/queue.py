"""The messages of the queues. Each names what needs work; what there is to do follows from its item."""

from typing import Any

import msgspec

from lambda_src.credit_risk.batch_files import parse_upload_key
from lambda_src.shared.sqs import SqsQueue


class InvalidMessageError(Exception):
    """A message that is neither of ours nor S3's event."""


class ProcessBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Work on a batch. S3's event for an uploaded file stands for it."""

    namespace: str
    batch: str


class TrainModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Make the model of a training."""

    caller: str
    training: str


class Queue(SqsQueue):
    """The sending side of a queue."""

    def send(self, message: ProcessBatch | TrainModel, delay: int = 0) -> None:
        """Sends a message, visible after `delay` seconds (900 at most). Raises `Unavailable`."""
        self._call("send_message", MessageBody=msgspec.json.encode(message).decode(), DelaySeconds=delay)


def decode_batch_message(body: str) -> ProcessBatch:
    """The message of the batches' queue. Raises `InvalidMessageError`."""
    try:
        content: Any = msgspec.json.decode(body)
        if isinstance(content, dict) and "detail" in content:
            names = parse_upload_key(content["detail"]["object"]["key"])
            if names is None:
                raise InvalidMessageError("the event names no batch")
            return ProcessBatch(*names)
        return msgspec.convert(content, ProcessBatch)
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise InvalidMessageError(str(error)) from error


def decode_training_message(body: str) -> TrainModel:
    """The message of the trainings' queue. Raises `InvalidMessageError`."""
    try:
        return msgspec.json.decode(body, type=TrainModel)
    except msgspec.MsgspecError as error:
        raise InvalidMessageError(str(error)) from error
