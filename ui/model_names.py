"""The models by their names, which only the playground's API lists."""

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui.client import Failure
from ui.session import caller, client
from ui.texts import t

# They change only with a deployment. A failure is tried again sooner.
_SECONDS, _SECONDS_AFTER_FAILURE = 600.0, 60.0
# Dollars per million input tokens: in 2026, small models cost less than the first, the largest more than the second.
_LOW_PRICE, _HIGH_PRICE = 0.5, 2.5


@st.cache_resource(show_spinner=False, max_entries=200)
def _cache(caller: str) -> dict[str, Any]:
    """Callers may use different models."""
    return {"read": 0.0, "models": {}}


def models() -> Mapping[str, Mapping[str, Any]]:
    """The models of the stage by their ids, the invocation ids included; empty if its API doesn't list them."""
    cache = _cache(caller())
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


def label(model_id: str) -> str:
    """The model's name, with what a choice depends on: the price, and whether it reads photos."""
    model = models().get(model_id)
    if model is None:
        return model_id
    facts = [str(model["name"]), _price_level(model.get("price", {}))]
    if model["purpose"] == "text" and "image" in model["inputs"]:
        facts.append(t("components.reads_photos"))
    return " · ".join(filter(None, facts))


def _price_level(price: Mapping[str, Any]) -> str:
    if "perImage" in price:
        return t("components.price_image", price=f"{price['perImage']:g} {price.get('currency', 'USD')}")
    # Dollars per million input tokens.
    dollars = price.get("inputPerMillion")
    if dollars is None:
        return ""
    level = "low" if dollars < _LOW_PRICE else "medium" if dollars < _HIGH_PRICE else "high"
    return t(f"components.price_{level}")


def listed(purpose: str) -> list[str]:
    """The ids of the models for a purpose."""
    return list(dict.fromkeys(model["id"] for model in models().values() if model["purpose"] == purpose))


def offered(purpose: str) -> list[str]:
    """The invocation ids of the models for a purpose that the stage offers."""
    by_id = models().values()
    return list(
        dict.fromkeys(model["invocationId"] for model in by_id if model["purpose"] == purpose and model["offered"])
    )
