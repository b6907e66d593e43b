"""Messages of the ingestion's queue, some at a time: those that fail come back alone."""

from typing import Any

import msgspec

from hr_qa.ingestion.worker import Worker
from hr_qa.queue import AnyStep, Queue
from hr_qa.resources import owner_of
from hr_qa.settings import HrSettings
from shared.context import Context, Deadline
from shared.ids import new_id
from shared.observability import log_request, logger

# Enough for the way back to the queue.
RESERVED_SECONDS = 5
# A message that could not be begun in this invocation comes back soon and as good as new.
LEFT_SECONDS = 60
FIRST_RETRY_SECONDS = 10
LONGEST_RETRY_SECONDS = 300


class NotAStep(Exception):
    """A message of the queue that says nothing to do."""


class Ingestion:
    """The Lambda handler."""

    def __init__(self, settings: HrSettings, worker: Worker, queue: Queue) -> None:
        self._settings = settings
        self._worker = worker
        self._queue = queue

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        """SQS's batch in, the ids of the messages that failed out; SQS deletes the others."""
        try:
            failed = [record["messageId"] for record in event["Records"] if not self._done(record, lambda_context)]
        finally:
            self._worker.pause()
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}

    def _done(self, record: dict[str, Any], lambda_context: Any) -> bool:
        deadline = Deadline(lambda_context.get_remaining_time_in_millis() / 1000 - RESERVED_SECONDS)
        context = Context(caller="ingestion", request_id=new_id(), deadline=deadline)
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        step: AnyStep | tuple[str, str] | None = None
        try:
            context.deadline.require(LEFT_SECONDS)
            step = read_step(record["body"])
            if isinstance(step, tuple):
                self._worker.start(context, *step)
            else:
                self._worker.do(context, step)
        except Exception as error:
            last = receives >= self._settings.max_receives
            logger.exception("step failed", request_id=context.request_id, receives=receives, last=last)
            self._after_failure(record, step, receives, last)
            log_request(context, step=_name(step), error=type(error).__name__, receives=receives)
            return False
        log_request(context, step=_name(step), error=None, receives=receives)
        return True

    def _after_failure(
        self, record: dict[str, Any], step: AnyStep | tuple[str, str] | None, receives: int, last: bool
    ) -> None:
        """Nothing here may keep the other messages of the batch from being reported."""
        try:
            if last and step is not None:
                self._worker.give_up(step)
            # Without a step no waiting helps, and after the last try SQS puts the message aside when it is next due.
            hopeless = last or step is None
            pause = 0 if hopeless else min(FIRST_RETRY_SECONDS * 2 ** (receives - 1), LONGEST_RETRY_SECONDS)
            self._queue.retry_after(record["receiptHandle"], pause)
        except Exception:
            logger.exception("failure not recorded")


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
