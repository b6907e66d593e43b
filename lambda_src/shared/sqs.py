"""The base of what sends messages to a queue."""

from typing import Any

from lambda_src.shared import aws


class SqsQueue:
    """One SQS queue."""

    def __init__(self, url: str, client: Any = None) -> None:
        self._url = url
        self._sqs = client or aws.store_client("sqs")

    def retry_after(self, receipt: str, seconds: int) -> None:
        """Makes a received message visible again after `seconds`, instead of the queue's visibility timeout."""
        self._call("change_message_visibility", ReceiptHandle=receipt, VisibilityTimeout=seconds)

    def _call(self, operation: str, **arguments: Any) -> Any:
        with aws.store_errors():
            return getattr(self._sqs, operation)(QueueUrl=self._url, **arguments)
