"""
Updates collection endpoints in the emulator's saved state.

An endpoint contains the emulator's port, and functions have it in their environment. If another program uses the saved
port, the emulator starts on a new one, and the endpoints change.
"""

import re
from typing import Any

from dev.local import seams
from dev.local.search.service import PREFIX, endpoint

_ADDRESS = re.compile(r"https://localhost:\d+" + re.escape(PREFIX))


def updated(value: Any, current: str) -> Any:
    """Replaces the prefix of all collection endpoints with `current`; containers are changed in place."""
    if isinstance(value, str):
        return _ADDRESS.sub(current, value) if PREFIX in value else value
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = updated(item, current)
    elif isinstance(value, list):
        value[:] = [updated(item, current) for item in value]
    return value


def extend() -> None:
    """Installs the update. Called once, before the emulator loads its state."""
    app = seams.module("ministack.app")
    load = app._load_persisted_state

    def load_all() -> None:
        load()
        stores = (
            seams.module("ministack.services.lambda_svc")._functions,
            seams.module("ministack.services.cloudformation")._stacks,
        )
        for store in stores:
            for _, record in store.all_items():
                updated(record, endpoint(""))

    app._load_persisted_state = load_all
