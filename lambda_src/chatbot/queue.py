"""The memory's queue: its one kind of message says which conversation to look after."""

from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared import aws
from lambda_src.shared.store import unavailable


class MaintainConversation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Do what is due for a conversation: a title, a summary, its deletion."""

    caller: str
    conversation: str


class Queue:
    """For those who put something on it."""

    def __init__(self, url: str, client: Any = None) -> None:
        self._url = url
        self._sqs = client or aws.store_client("sqs")

    def request_maintenance(self, caller: str, conversation: str, delay: int = 0) -> None:
        """Sends the message, visible after `delay` seconds (900 at most). Raises `Unavailable`."""
        body = msgspec.json.encode(MaintainConversation(caller, conversation)).decode()
        try:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error

    def retry_after(self, receipt: str, seconds: int) -> None:
        """A message that failed comes back after so many seconds instead of the queue's own time."""
        try:
            self._sqs.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error
