"""A simulated stage: this process has the queue and the table, which the functions' processes call."""

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

# The batch size in the stack.
BATCH = 1
HOST = "127.0.0.1"
_WAIT_SECONDS = 0.5


class Message(NamedTuple):
    """`visible` is the monotonic time from which the message can be received."""

    id: str
    body: str
    visible: float

    @property
    def step(self) -> str:
        """`range`, `publish`, or `clean`; `start` for the bucket's event."""
        return str(json.loads(self.body).get("step", "start"))


class SimulatedQueue:
    """The SQS operations in use, in FIFO order. `failures` counts messages that were returned."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.done: list[str] = []
        self.failures = 0
        self.polling: set[int] = set()
        self._closed = False
        self._count = 0
        self._messages: list[Message] = []
        self._in_flight: dict[str, Message] = {}
        self._change = threading.Condition()

    def put(self, body: str, delay: float = 0) -> None:
        """Adds a message that is visible after `delay` seconds."""
        with self._change:
            self._count += 1
            message = Message(f"m{self._count}", body, time.monotonic() + delay)
            self.sent.setdefault(message.step, time.monotonic())
            self._messages.append(message)
            self._change.notify_all()

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Part of SQS's API."""
        for entry in Entries:
            self.put(entry["MessageBody"], entry["DelaySeconds"])
        return {"Successful": Entries}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        """Part of SQS's API. Does nothing: a failed message is visible immediately."""

    def receive(self, function: int) -> list[tuple[str, str]] | None:
        """Ids and bodies for one invocation, empty after a timeout, and None when the stage ends."""
        with self._change:
            self.polling.add(function)
            self._change.wait_for(lambda: self._closed or bool(self._visible()), _WAIT_SECONDS)
            if self._closed:
                return None
            batch = self._visible()[:BATCH]
            self._messages = [message for message in self._messages if message not in batch]
            self._in_flight.update({message.id: message for message in batch})
            return [(message.id, message.body) for message in batch]

    def finish(self, ids: list[str], failed: list[str]) -> None:
        """Ends an invocation: deletes messages, and returns failed ones to the queue."""
        with self._change:
            for message_id in ids:
                message = self._in_flight.pop(message_id)
                if message_id in failed:
                    self.failures += 1
                    self._messages.append(message)
                else:
                    self.done.append(message.step)
            self._change.notify_all()

    def close(self) -> None:
        """Stops the functions."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _visible(self) -> list[Message]:
        now = time.monotonic()
        return [message for message in self._messages if message.visible <= now]


class Manager(BaseManager):
    """The functions' connection to the queue and the table."""


Manager.register("queue")
Manager.register("table")


@contextmanager
def served(queue: SimulatedQueue, table: Any) -> Iterator[tuple[int, str]]:
    """Serves queue and table from a thread, and yields port and key."""

    class Server(BaseManager):
        pass

    Server.register("queue", callable=lambda: queue)
    Server.register("table", callable=lambda: table)
    key = secrets.token_hex(16)
    server = Server((HOST, 0), key.encode()).get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address: Any = server.address
    yield address[1], key


class FolderBucket:
    """A mock S3 client with a folder, so that files are not in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """Part of S3's API."""
        path = self._path(Key)
        return {"ETag": _etag(path), "ContentLength": path.stat().st_size}

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str) -> dict[str, Any]:
        """Part of S3's API."""
        path = self._path(Key)
        if _etag(path) != IfMatch:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
        body: io.BufferedReader = path.open("rb")
        return {"Body": body}

    def _path(self, key: str) -> Path:
        path = self._folder / key
        if not path.exists():
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return path


def _etag(path: Path) -> str:
    status = path.stat()
    return f'"{status.st_size}-{status.st_mtime_ns}"'
