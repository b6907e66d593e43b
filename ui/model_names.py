"""The models by their names, which only the playground's API lists."""

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui.client import Failure
from ui.session import client

# They change only with a deployment. A failure is tried again sooner.
_SECONDS, _SECONDS_AFTER_FAILURE = 600.0, 60.0


@st.cache_resource(show_spinner=False)
def _cache() -> dict[str, Any]:
    return {"read": 0.0, "models": {}}


def models() -> Mapping[str, Mapping[str, Any]]:
    """The models of the stage by their ids, the invocation ids included; empty if its API doesn't list them."""
    cache = _cache()
    if time.monotonic() > cache["read"]:
        try:
            listed = client().get("playground", "/models")["items"]
        except Failure:
            cache["read"] = time.monotonic() + _SECONDS_AFTER_FAILURE
        else:
            ids = {model["id"]: model for model in listed}
            cache["models"] = ids | {model["invocationId"]: model for model in listed if "invocationId" in model}
            cache["read"] = time.monotonic() + _SECONDS
    by_id: dict[str, Mapping[str, Any]] = cache["models"]
    return by_id


def name(model_id: str) -> str:
    """The model's name, or its id if the name is unknown."""
    model = models().get(model_id)
    return str(model["name"]) if model else model_id
