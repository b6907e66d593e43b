"""The steps of an ingestion, as messages of its queue."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from lambda_src.shared import aws
from lambda_src.shared.sqs import SqsQueue

# SQS's limit for one call.
BATCH_SIZE = 10


class Step(msgspec.Struct, tag_field="step", frozen=True, kw_only=True):
    """Work on one document."""

    namespace: str = msgspec.field(name="space")
    document: str


class Start(Step, tag="start", frozen=True, kw_only=True):
    """Look at the uploaded file and plan its ingestion, unless that is done. S3's event stands for this step."""


class ReadRange(Step, tag="range", frozen=True, kw_only=True):
    """Read `count` page ranges of a generation, from `number` on."""

    generation: str
    number: int
    count: int = 1


class Publish(Step, tag="publish", frozen=True, kw_only=True):
    """Make a generation the live one, once all its chunks are searchable."""

    generation: str
    attempt: int = 0


class Clean(Step, tag="clean", frozen=True, kw_only=True):
    """Delete what no generation needs any more. `since`: seconds since 1970 of the change that caused it."""

    since: int


class Sweep(msgspec.Struct, tag_field="step", tag="sweep", frozen=True, kw_only=True):
    """Read documents again that are not in the stage's index, some at a time. `turn` is that of the sweep that this
    one continues; a deployment and the daily schedule start a new one."""

    turn: str | None = None


class Refresh(msgspec.Struct, tag_field="step", tag="refresh", frozen=True, kw_only=True):
    """Look at an object of a source: its document is created, read again or deleted. S3's event stands for this
    step."""

    bucket: str
    key: str


class Compare(msgspec.Struct, tag_field="step", tag="compare", frozen=True, kw_only=True):
    """Compare the objects of a source with its documents; `token`: from a later page of S3's list on."""

    bucket: str
    prefix: str
    token: str | None = None


# Work on one document.
DocumentStep = Start | ReadRange | Publish | Clean
AnyStep = DocumentStep | Sweep | Refresh | Compare


class Queue(SqsQueue):
    """The sending side."""

    def __init__(self, url: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(url, client)
        self._now = now

    def send_clean(self, namespace: str, document_id: str) -> None:
        """Cleans up after a deletion, or after a generation was replaced."""
        self.send([Clean(namespace=namespace, document=document_id, since=int(self._now()))])

    def send(self, steps: Iterable[AnyStep], delay: int = 0) -> None:
        """Sends steps, visible after `delay` seconds (900 at most). Raises `Unavailable`."""
        remaining = list(steps)
        for start in range(0, len(remaining), BATCH_SIZE):
            entries = [
                {"Id": str(number), "MessageBody": msgspec.json.encode(step).decode(), "DelaySeconds": delay}
                for number, step in enumerate(remaining[start : start + BATCH_SIZE])
            ]
            answer = self._call("send_message_batch", Entries=entries)
            if answer.get("Failed"):
                raise aws.store_unavailable(answer["Failed"][0].get("Code", ""))
