"""SQS's batches: each message by itself, so that those that fail come back alone, and ever later."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from lambda_src.shared.context import Context, Deadline
from lambda_src.shared.ids import new_id
from lambda_src.shared.observability import log_request, logger

# Enough for the way back to the queue.
RESERVED_SECONDS = 5
FIRST_RETRY_SECONDS = 10
LONGEST_RETRY_SECONDS = 300

Step = TypeVar("Step")


class QueueBatch(Generic[Step]):
    """The messages of one queue.

    `read` makes a step of a message's body and raises for one that says nothing to do; `do` does it; `name` names it in
    the log. `give_up` is told when a step has failed `max_receives` times. `retry_after` makes a message visible after
    so many seconds. A step is begun only with `left_seconds` left: otherwise it comes back soon and as good as new.
    """

    def __init__(
        self,
        *,
        caller: str,
        max_receives: int,
        left_seconds: float,
        read: Callable[[str], Step],
        do: Callable[[Context, Step], None],
        retry_after: Callable[[str, int], None],
        name: Callable[[Step | None], str],
        give_up: Callable[[Step], None] = lambda step: None,
    ) -> None:
        self._caller = caller
        self._max_receives = max_receives
        self._left_seconds = left_seconds
        self._read = read
        self._do = do
        self._retry_after = retry_after
        self._name = name
        self._give_up = give_up

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        """SQS's batch in, the ids of the messages that failed out; SQS deletes the others."""
        failed = [record["messageId"] for record in event["Records"] if not self._done(record, lambda_context)]
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}

    def _done(self, record: dict[str, Any], lambda_context: Any) -> bool:
        deadline = Deadline(lambda_context.get_remaining_time_in_millis() / 1000 - RESERVED_SECONDS)
        context = Context(caller=self._caller, request_id=new_id(), deadline=deadline)
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        step: Step | None = None
        try:
            context.deadline.require(self._left_seconds)
            step = self._read(record["body"])
            self._do(context, step)
        except Exception as error:
            last = receives >= self._max_receives
            logger.exception("step failed", request_id=context.request_id, receives=receives, last=last)
            self._after_failure(record, step, receives, last)
            log_request(context, step=self._name(step), error=type(error).__name__, receives=receives)
            return False
        log_request(context, step=self._name(step), error=None, receives=receives)
        return True

    def _after_failure(self, record: dict[str, Any], step: Step | None, receives: int, last: bool) -> None:
        """Nothing here may keep the other messages of the batch from being reported."""
        try:
            if last and step is not None:
                self._give_up(step)
            # Without a step no waiting helps, and after the last try SQS puts the message aside when it is next due.
            hopeless = last or step is None
            pause = 0 if hopeless else min(FIRST_RETRY_SECONDS * 2 ** (receives - 1), LONGEST_RETRY_SECONDS)
            self._retry_after(record["receiptHandle"], pause)
        except Exception:
            logger.exception("failure not recorded")
