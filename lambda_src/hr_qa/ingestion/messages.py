"""The ingestion's Lambda handler: the messages of its queue."""

import msgspec

from lambda_src.hr_qa.ingestion.worker import Worker
from lambda_src.hr_qa.queue import AnyStep, Queue, Refresh, Start
from lambda_src.hr_qa.resources import parse_object_key
from lambda_src.hr_qa.settings import HrSettings
from lambda_src.shared.background_usage import background_usage
from lambda_src.shared.queue_handler import QueueHandler


class InvalidStepError(Exception):
    """A message that is neither a step nor S3's event."""


def make_queue_handler(settings: HrSettings, worker: Worker, queue: Queue) -> QueueHandler[AnyStep]:
    """Runs the steps of the queue's messages."""
    return QueueHandler(
        caller="ingestion",
        max_receives=settings.max_receives,
        decode=lambda body: decode_step(body, settings.bucket_name),
        run=worker.run,
        retry_after=queue.retry_after,
        name=lambda step: type(step).__name__,
        give_up=worker.give_up,
        record=background_usage(settings),
    )


def decode_step(body: str, own_bucket: str | None) -> AnyStep:
    """The step of a message; S3's event from EventBridge is a `Start`, or for another bucket than the stage's a
    `Refresh`. Raises `InvalidStepError`."""
    try:
        content = msgspec.json.decode(body)
        if isinstance(content, dict) and "detail" in content:
            bucket, key = content["detail"]["bucket"]["name"], content["detail"]["object"]["key"]
            return _start(key) if bucket == own_bucket else msgspec.convert({"bucket": bucket, "key": key}, Refresh)
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
