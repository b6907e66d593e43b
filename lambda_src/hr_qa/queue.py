"""The steps of an ingestion, as messages on its queue."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared import aws
from lambda_src.shared.store import unavailable

# SQS takes so many messages in one call.
BATCH = 10


class Step(msgspec.Struct, tag_field="step", rename="camel", frozen=True, kw_only=True):
    """What is to be done to a document."""

    space: str
    document: str


class ReadRange(Step, tag="range", frozen=True, kw_only=True):
    """Read one page range of a generation."""

    generation: str
    number: int


class Publish(Step, tag="publish", frozen=True, kw_only=True):
    """Make a generation the live one, once all its chunks are searchable."""

    generation: str
    attempt: int = 0


class Clean(Step, tag="clean", frozen=True, kw_only=True):
    """Delete what no generation needs any more. `since`: seconds since 1970 of the change that made it so."""

    since: int


AnyStep = ReadRange | Publish | Clean


class Queue:
    """The ingestion's queue, for those who put something on it."""

    def __init__(self, url: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._url = url
        self._sqs = client or aws.store_client("sqs")
        self._now = now

    def clean(self, space: str, document: str) -> None:
        """A document was deleted, or a generation replaced."""
        self.send([Clean(space=space, document=document, since=int(self._now()))])

    def send(self, steps: Iterable[AnyStep], delay: int = 0) -> None:
        """Puts steps on the queue, visible after `delay` seconds (900 at most)."""
        waiting = list(steps)
        for start in range(0, len(waiting), BATCH):
            entries = [
                {"Id": str(number), "MessageBody": msgspec.json.encode(step).decode(), "DelaySeconds": delay}
                for number, step in enumerate(waiting[start : start + BATCH])
            ]
            try:
                answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise unavailable(error) from error
            if answer.get("Failed"):
                raise unavailable(RuntimeError(answer["Failed"][0].get("Code", "")))

    def retry_after(self, receipt: str, seconds: int) -> None:
        """A message that failed comes back after so many seconds instead of the queue's own time."""
        try:
            self._sqs.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error
