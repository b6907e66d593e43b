"""
The emulator's ASGI application: ministack, taught what it lacks. Served by hypercorn as `local.emulator:app`.

Importing this module extends ministack; it expects the environment made by `local.environment.for_emulator`.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

from local import cloudformation, gateway, seams
from local.bedrock import Runtime
from local.catalogue import Catalogue

seams.check()
cloudformation.extend()
gateway.extend()
Runtime(os.environ["LOCAL_MODELS_URL"], Catalogue.read(Path(os.environ["LOCAL_CATALOGUE"]))).extend()

_ministack = seams.module("ministack.app")
_SAVE = "/_local/save"


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """
    ministack's application, and `POST /_local/save`: write the state now.

    ministack writes its state when it ends; the launcher asks for it after a deployment, so that a killed emulator
    forgets a few calls but never a stack.
    """
    if scope["type"] == "http" and scope["path"] == _SAVE:
        await asyncio.to_thread(_ministack.save_all, _ministack._build_persistence_save_dict())
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await _ministack.app(scope, receive, send)
