"""
Textract's `DetectDocumentText` for the emulator, served by the models process.

The service is registered in the emulator's tables, so signatures and IAM (`textract:DetectDocumentText` on `*`) are
checked as for built-in services.
"""

import asyncio
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from dev.local import seams
from dev.local.iam import Answer

_TARGET = "Textract."
_SERVICE = "textract"
# Several seconds per page, plus queueing.
_SECONDS = 120
_JSON = {"Content-Type": "application/x-amz-json-1.1"}


class Textract:
    """Textract as a service of the emulator."""

    def __init__(self, models_url: str) -> None:
        self._models = urlsplit(models_url)

    def extend(self) -> None:
        """Registers the service in the emulator's tables."""
        seams.module("ministack.core.router").SERVICE_PATTERNS[_SERVICE] = {"target_prefixes": [_TARGET]}
        seams.module("ministack.core.iam_actions").SERVICE_TO_IAM_NAMESPACE[_SERVICE] = _SERVICE
        seams.module("ministack.app").SERVICE_HANDLERS[_SERVICE] = self.handle

    async def handle(self, method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Answer:
        """Handles `DetectDocumentText` and rejects all other operations."""
        operation = headers.get("x-amz-target", "").removeprefix(_TARGET)
        if operation != "DetectDocumentText":
            message = f"The local stage does not support {operation or 'this operation'}."
            return _error("UnknownOperationException", message, 400)
        return await asyncio.to_thread(self._forward, body)

    def _forward(self, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self._models.hostname or "", self._models.port, timeout=_SECONDS)
        try:
            connection.request("POST", "/model/textract/detect-document-text", body)
            response = connection.getresponse()
            content = response.read()
        except OSError as failure:
            return _error("InternalServerError", f"The local models do not respond: {failure}", 500)
        finally:
            connection.close()
        if response.status == 200:
            return 200, dict(_JSON), content
        message = json.loads(content).get("message", "")
        return _error(response.getheader("x-amzn-ErrorType") or "InternalServerError", message, response.status)


def _error(code: str, message: str, status: int) -> Answer:
    return status, dict(_JSON), json.dumps({"__type": code, "Message": message}).encode()
