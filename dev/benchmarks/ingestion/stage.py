"""A stage without AWS: one process holds the queue and the table, which the functions' processes call."""

import io
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

# As the stack sets it: a function is given so many messages at once.
BATCH = 10
HOST = "127.0.0.1"
_WAIT_SECONDS = 0.5


class Message(NamedTuple):
    """`visible`: the time (monotonic) from which the message is given out."""

    id: str
    body: str
    visible: float

    @property
    def step(self) -> str:
        """`range`, `publish` or `clean`; `start` for an event of the bucket."""
        return str(json.loads(self.body).get("step", "start"))


class SimulatedQueue:
    """SQS as far as it is used, in the order in which messages were sent. `failures`: messages that came back."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.done: list[str] = []
        self.failures = 0
        self.polling: set[int] = set()
        self._closed = False
        self._made = 0
        self._messages: list[Message] = []
        self._flying: dict[str, Message] = {}
        self._change = threading.Condition()

    def put(self, body: str, delay: float = 0) -> None:
        """A message, visible after so many seconds."""
        with self._change:
            self._made += 1
            message = Message(f"m{self._made}", body, time.monotonic() + delay)
            self.sent.setdefault(message.step, time.monotonic())
            self._messages.append(message)
            self._change.notify_all()

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        """SQS's own."""
        for entry in Entries:
            self.put(entry["MessageBody"], entry["DelaySeconds"])
        return {"Successful": Entries}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        """SQS's own. Does nothing: a message that fails comes back at once."""

    def receive(self, function: int) -> list[tuple[str, str]] | None:
        """Ids and bodies for one invocation, none after a while without work; None when the stage ends."""
        with self._change:
            self.polling.add(function)
            self._change.wait_for(lambda: self._closed or bool(self._visible()), _WAIT_SECONDS)
            if self._closed:
                return None
            taken = self._visible()[:BATCH]
            self._messages = [message for message in self._messages if message not in taken]
            self._flying.update({message.id: message for message in taken})
            return [(message.id, message.body) for message in taken]

    def finish(self, ids: list[str], failed: list[str]) -> None:
        """An invocation has ended."""
        with self._change:
            for one in ids:
                message = self._flying.pop(one)
                if one in failed:
                    self.failures += 1
                    self._messages.append(message)
                else:
                    self.done.append(message.step)
            self._change.notify_all()

    def close(self) -> None:
        """Ends the functions."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _visible(self) -> list[Message]:
        now = time.monotonic()
        return [message for message in self._messages if message.visible <= now]


class Manager(BaseManager):
    """The way from the functions' processes to the queue and the table."""


Manager.register("queue")
Manager.register("table")


@contextmanager
def served(queue: SimulatedQueue, table: Any) -> Iterator[tuple[int, str]]:
    """Port and key by which other processes reach the queue and the table, from a thread of this one."""

    class Here(BaseManager):
        pass

    Here.register("queue", callable=lambda: queue)
    Here.register("table", callable=lambda: table)
    key = secrets.token_hex(16)
    server = Here((HOST, 0), key.encode()).get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address: Any = server.address
    yield address[1], key


class FolderBucket:
    """An S3 client over a folder: a file is not in the memory of anybody."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """S3's own."""
        path = self._path(Key)
        return {"ETag": _etag(path), "ContentLength": path.stat().st_size}

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str) -> dict[str, Any]:
        """S3's own."""
        path = self._path(Key)
        if _etag(path) != IfMatch:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
        body: io.BufferedReader = path.open("rb")
        return {"Body": body}

    def delete_object(self, *, Bucket: str, Key: str) -> None:
        """S3's own."""
        self._path(Key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        path = self._folder / key
        if not path.exists():
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return path


def _etag(path: Path) -> str:
    status = path.stat()
    return f'"{status.st_size}-{status.st_mtime_ns}"'
