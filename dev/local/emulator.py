"""
The emulator's ASGI application: ministack with the project's extensions. Served as `dev.local.emulator:app`.

Importing this module extends ministack. It expects the environment of `dev.local.environment.for_emulator`.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from dev.local import cloudformation, gateway, logs, s3, seams
from dev.local.bedrock import Runtime
from dev.local.catalog import Catalog
from dev.local.search import addresses, resources
from dev.local.search.dataplane import DataPlane
from dev.local.search.engine import Engine
from dev.local.search.service import PREFIX, Service
from dev.local.textract import Textract

seams.check()
cloudformation.extend()
gateway.extend()
s3.extend()
Runtime(os.environ["LOCAL_MODELS_URL"], Catalog.read(Path(os.environ["LOCAL_CATALOG"]))).extend()
Textract(os.environ["LOCAL_MODELS_URL"]).extend()

_refresh = os.environ["LOCAL_SEARCH_REFRESH"]
_service, _engine = Service(), Engine(os.environ["LOCAL_SEARCH_URL"])
_service.extend()
addresses.extend()
resources.extend(_service, _engine, _refresh)
_search = DataPlane(_service, _engine, _refresh)

_ministack = seams.module("ministack.app")
_SAVE = "/_local/save"
_SAVE_SECONDS = 20.0
# While the state is written, nothing else runs: at most this share of the time.
_SAVE_SHARE = 0.02


class Saving:
    """
    Saves the state periodically.

    ministack saves it at shutdown only. After a crash the stacks would be lost, but not the objects in S3, which are
    stored as files.
    """

    def __init__(self) -> None:
        self._changed = False
        self._task: asyncio.Task[None] | None = None

    def note(self, method: str) -> None:
        """Records that a request may have changed the state."""
        self._changed = self._changed or method not in ("GET", "HEAD", "OPTIONS")
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def save(self) -> None:
        """Runs on the event loop, so that the state does not change while it is written: seconds for 100 MB."""
        self._changed = False
        logs.trim()
        _ministack.save_all(_ministack._build_persistence_save_dict())

    async def _run(self) -> None:
        took = 0.0
        while True:
            await asyncio.sleep(max(_SAVE_SECONDS, took / _SAVE_SHARE))
            if self._changed:
                started = time.monotonic()
                self.save()
                took = time.monotonic() - started


_saving = Saving()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """
    ministack's application, the search collections' endpoints, and `POST /_local/save`, which saves the state. The
    launcher calls it after a deployment.
    """
    if scope["type"] == "http" and scope["path"] == _SAVE:
        _saving.save()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["type"] == "http" and scope["path"].startswith(PREFIX):
        await _search(scope, receive, send)
        return
    if scope["type"] == "http":
        _saving.note(scope["method"])
    await _ministack.app(scope, receive, send)
