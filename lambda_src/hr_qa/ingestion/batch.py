"""Messages of the ingestion's queue, some at a time: those that fail come back alone."""

from typing import Any

import msgspec

from lambda_src.hr_qa.ingestion.worker import Worker
from lambda_src.hr_qa.queue import AnyStep, Queue
from lambda_src.hr_qa.resources import owner_of
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.context import Context
from lambda_src.shared.queue_batch import QueueBatch

# A message that could not be begun in this invocation comes back soon and as good as new.
LEFT_SECONDS = 60


class NotAStep(Exception):
    """A message of the queue that says nothing to do."""


class Ingestion:
    """The Lambda handler."""

    def __init__(self, settings: HrSettings, worker: Worker, queue: Queue) -> None:
        self._worker = worker
        self._batch = QueueBatch[AnyStep | tuple[str, str]](
            caller="ingestion",
            max_receives=settings.max_receives,
            left_seconds=LEFT_SECONDS,
            read=read_step,
            do=self._do,
            retry_after=queue.retry_after,
            name=_name,
            give_up=worker.give_up,
        )

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        """SQS's batch in, the ids of the messages that failed out; SQS deletes the others."""
        try:
            return self._batch(event, lambda_context)
        finally:
            self._worker.pause()

    def _do(self, context: Context, step: AnyStep | tuple[str, str]) -> None:
        if isinstance(step, tuple):
            self._worker.start(context, *step)
        else:
            self._worker.do(context, step)


def read_step(body: str) -> AnyStep | tuple[str, str]:
    """A step, or space and document of a file that EventBridge tells of. Raises `NotAStep`."""
    try:
        content = msgspec.json.decode(body)
        if isinstance(content, dict) and "detail" in content:
            owner = owner_of(content["detail"]["object"]["key"])
            if owner is None:
                raise NotAStep("the event names no document")
            return owner
        step: AnyStep = msgspec.convert(content, AnyStep)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise NotAStep(str(error)) from error
    return step


def _name(step: Any) -> str:
    return "start" if isinstance(step, tuple) else type(step).__name__
