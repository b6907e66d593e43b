"""
A collection's address holds the emulator's port, and functions have it in their environment. When a stranger took the
port, the emulator starts on another one: what was saved with the old address gets the new one.
"""

import re
from typing import Any

from dev.local import seams
from dev.local.search.service import PREFIX, endpoint

_ADDRESS = re.compile(r"https://localhost:\d+" + re.escape(PREFIX))


def renewed(value: Any, current: str) -> Any:
    """The value with every address of a collection starting with `current`; containers are changed in place."""
    if isinstance(value, str):
        return _ADDRESS.sub(current, value) if PREFIX in value else value
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = renewed(item, current)
    elif isinstance(value, list):
        value[:] = [renewed(item, current) for item in value]
    return value


def extend() -> None:
    """Called once, before the emulator reads its state."""
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
                renewed(record, endpoint(""))

    app._load_persisted_state = load_all
