"""The search engine, spoken to over connections that stay open."""

import http.client
import json
import queue
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 60.0


class EngineDown(Exception):
    """The engine does not answer."""


class EngineRefused(Exception):
    """The engine answered with an error; the text is its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Engine:
    """Thread-safe: each call has a connection of its own, taken from those that are idle."""

    def __init__(self, url: str) -> None:
        parsed = urlsplit(url)
        self._host, self._port = parsed.hostname or "", parsed.port
        self._idle: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()

    def call(self, method: str, target: str, body: bytes = b"", content_type: str = "") -> tuple[int, str, bytes]:
        """
        Status, content type and body.

        :raises EngineDown: when there is no answer.
        """
        headers = {"content-type": content_type} if content_type else {}
        connection, used = self._connection()
        try:
            try:
                connection.request(method, target, body or None, headers)
                answer = connection.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                if not used:
                    raise
                # An open connection outlived the engine that it led to: once more, to the one that runs now.
                connection.close()
                connection.request(method, target, body or None, headers)
                answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as failure:
            connection.close()
            raise EngineDown(str(failure)) from failure
        self._idle.put(connection)
        return answer.status, answer.headers.get("content-type", "application/json"), content

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._idle.get_nowait(), True
        except queue.Empty:
            return http.client.HTTPConnection(self._host, self._port, timeout=_SECONDS), False

    def close(self) -> None:
        """End the idle connections."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def ask(self, method: str, target: str, content: Any = None) -> dict[str, Any]:
        """A call of our own. Raises `EngineDown`, `EngineRefused`."""
        body = json.dumps(content).encode() if content is not None else b""
        status, _, answer = self.call(method, target, body, "application/json" if body else "")
        found: dict[str, Any] = json.loads(answer or b"{}")
        if status >= 300:
            error = found.get("error", found)
            raise EngineRefused(status, str(error.get("reason", error)) if isinstance(error, dict) else str(error))
        return found
