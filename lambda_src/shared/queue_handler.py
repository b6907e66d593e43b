"""The messages of an SQS queue: failed ones are retried individually with backoff, then given up.

Queues deliver one message per invocation (`stacks.common.work_queue`), so that a message that ends the process fails
alone, and no delivery counts against a message that has not begun.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from lambda_src.shared.background_usage import Record
from lambda_src.shared.context import Context, Deadline
from lambda_src.shared.ids import new_id
from lambda_src.shared.observability import log_request, logger

# Left for the response to SQS.
RESERVED_SECONDS = 5
FIRST_RETRY_SECONDS = 10
LONGEST_RETRY_SECONDS = 300

Step = TypeVar("Step")


class QueueHandler(Generic[Step]):
    """The Lambda handler of one queue.

    `decode` turns a message's body into a step, and raises for an invalid one; `run` executes it; `name` names it in
    the log. A step is run `max_receives` times at most. `give_up` gets it after its last failure, and again when it is
    delivered once more, because the last attempt may have ended the process. `retry_after(receipt, seconds)` delays the
    next delivery. `record(context, caller)` gets what a step used of the models, also a failed one; `charged_to` is its
    caller, by default the handler's.
    """

    def __init__(
        self,
        *,
        caller: str,
        max_receives: int,
        decode: Callable[[str], Step],
        run: Callable[[Context, Step], None],
        retry_after: Callable[[str, int], None],
        name: Callable[[Step | None], str],
        give_up: Callable[[Step], None] = lambda step: None,
        record: Record | None = None,
        charged_to: Callable[[Step], str] | None = None,
    ) -> None:
        self._caller = caller
        self._max_receives = max_receives
        self._decode = decode
        self._run = run
        self._retry_after = retry_after
        self._name = name
        self._give_up = give_up
        self._record = record
        self._charged_to = charged_to

    def __call__(self, event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        """SQS's event in, the ids of the messages that failed out; SQS deletes the others."""
        failed = [record["messageId"] for record in event["Records"] if not self._handle(record, lambda_context)]
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}

    def _handle(self, record: dict[str, Any], lambda_context: Any) -> bool:
        """Whether the message succeeded."""
        deadline = Deadline(lambda_context.get_remaining_time_in_millis() / 1000 - RESERVED_SECONDS)
        context = Context(caller=self._caller, request_id=new_id(), deadline=deadline)
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        step: Step | None = None
        try:
            step = self._decode(record["body"])
            if receives > self._max_receives:
                raise RetriesExhaustedError(f"after {self._max_receives} attempts")
            self._run(context, step)
        except Exception as error:
            last = receives >= self._max_receives
            logger.exception("step failed", request_id=context.request_id, receives=receives, last=last)
            self._after_failure(record, step, receives, last)
            log_request(context, step=self._name(step), error=type(error).__name__, receives=receives)
            self._record_use(context, step)
            return False
        log_request(context, step=self._name(step), error=None, receives=receives)
        self._record_use(context, step)
        return True

    def _record_use(self, context: Context, step: Step | None) -> None:
        if self._record and step is not None:
            self._record(context, self._charged_to(step) if self._charged_to else self._caller)

    def _after_failure(self, record: dict[str, Any], step: Step | None, receives: int, last: bool) -> None:
        """Never raises: SQS must get the response."""
        try:
            if last and step is not None:
                self._give_up(step)
            # Waiting does not help an invalid message. After the last attempt, SQS moves the message to the
            # dead-letter queue.
            retry = step is not None and not last
            backoff = min(FIRST_RETRY_SECONDS * 2 ** (receives - 1), LONGEST_RETRY_SECONDS) if retry else 0
            self._retry_after(record["receiptHandle"], backoff)
        except Exception:
            logger.exception("failure not recorded")


class RetriesExhaustedError(Exception):
    """The message was delivered again after its last attempt, which had ended without a response."""
