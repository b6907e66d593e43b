"""A client for the search engine with persistent connections."""

import http.client
import json
import queue
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 60.0


class EngineDown(Exception):
    """The engine does not respond."""


class EngineRefused(Exception):
    """The engine returned an error; the message is its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Engine:
    """Thread-safe: each call takes an idle connection or opens one."""

    def __init__(self, url: str) -> None:
        parsed = urlsplit(url)
        self._host, self._port = parsed.hostname or "", parsed.port
        self._idle: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()

    def call(self, method: str, target: str, body: bytes = b"", content_type: str = "") -> tuple[int, str, bytes]:
        """
        Returns status, content type, and body.

        :raises EngineDown: if the engine does not respond.
        """
        headers = {"content-type": content_type} if content_type else {}
        connection, reused = self._connection()
        try:
            try:
                connection.request(method, target, body or None, headers)
                response = connection.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                if not reused:
                    raise
                # The engine restarted since the connection was opened: retry with a new connection.
                connection.close()
                connection.request(method, target, body or None, headers)
                response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as failure:
            connection.close()
            raise EngineDown(str(failure)) from failure
        self._idle.put(connection)
        return response.status, response.headers.get("content-type", "application/json"), content

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._idle.get_nowait(), True
        except queue.Empty:
            return http.client.HTTPConnection(self._host, self._port, timeout=_SECONDS), False

    def close(self) -> None:
        """Closes idle connections."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def request(self, method: str, target: str, content: Any = None) -> dict[str, Any]:
        """Sends a JSON request. Raises `EngineDown` and `EngineRefused`."""
        body = json.dumps(content).encode() if content is not None else b""
        status, _, response = self.call(method, target, body, "application/json" if body else "")
        parsed: dict[str, Any] = json.loads(response or b"{}")
        if status >= 300:
            error = parsed.get("error", parsed)
            raise EngineRefused(status, str(error.get("reason", error)) if isinstance(error, dict) else str(error))
        return parsed
