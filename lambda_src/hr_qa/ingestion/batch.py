"""The ingestion's Lambda handler: batches of its queue."""

from typing import Any

import msgspec

from lambda_src.hr_qa.ingestion.worker import Worker
from lambda_src.hr_qa.queue import AnyStep, Queue, Start
from lambda_src.hr_qa.resources import parse_object_key
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.queue_batch import QueueBatch

# Time for one page range.
REQUIRED_SECONDS = 60


class InvalidStepError(Exception):
    """A message that is neither a step nor S3's event."""


class IngestionHandler:
    """The Lambda handler."""

    def __init__(self, settings: HrSettings, worker: Worker, queue: Queue) -> None:
        self._worker = worker
        self._batch = QueueBatch[AnyStep](
            caller="ingestion",
            max_receives=settings.max_receives,
            required_seconds=REQUIRED_SECONDS,
            decode=decode_step,
            run=worker.run,
            retry_after=queue.retry_after,
            name=lambda step: type(step).__name__,
            give_up=worker.give_up,
        )

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        """SQS's batch in, the ids of the messages that failed out; SQS deletes the others."""
        try:
            return self._batch(event, lambda_context)
        finally:
            self._worker.close_document()


def decode_step(body: str) -> AnyStep:
    """The step of a message; S3's event from EventBridge is a `Start`. Raises `InvalidStepError`."""
    try:
        content = msgspec.json.decode(body)
        if isinstance(content, dict) and "detail" in content:
            return _start(content["detail"]["object"]["key"])
        step: AnyStep = msgspec.convert(content, AnyStep)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise InvalidStepError(str(error)) from error
    return step


def _start(key: str) -> Start:
    names = parse_object_key(key)
    if names is None:
        raise InvalidStepError("the event names no document")
    namespace, document_id = names
    return Start(namespace=namespace, document=document_id)
