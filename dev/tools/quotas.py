"""Checks of the account's quotas for the models a stage offers, as Service Quotas names them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dev.tools.findings import CALL_ERRORS, Finding, Target, cannot_look, fail, ok, warning
from lambda_src.shared.catalogue import Invocation

_ACTION = "servicequotas:ListServiceQuotas"
_ASK = "ask for more in the Service Quotas console (Amazon Bedrock)"


def quotas(models: Iterable[Invocation], target: Target, region: str, model_rate: float) -> Iterator[Finding]:
    """The requests and tokens that each model gives; `model_rate`: the requests a second that the gateway lets in."""
    try:
        pages = target.client("service-quotas", region).get_paginator("list_service_quotas")
        listed = [quota for page in pages.paginate(ServiceCode="bedrock") for quota in page["Quotas"]]
    except CALL_ERRORS as error:
        yield cannot_look("quotas", error, _ACTION, target)
        return
    for invocation in models:
        yield _finding(invocation, [quota for quota in listed if applies(quota["QuotaName"], invocation)], model_rate)


def applies(name: str, invocation: Invocation) -> bool:
    """Whether the quota of that name limits this way of calling the model.

    The names are such as "Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5 V1".
    """
    kind = "on-demand"
    if invocation.profile:
        kind = "global cross-region" if invocation.profile == "global" else "cross-region"
    ways = [rf"{kind} model inference (requests|tokens) per (minute|day)"]
    if invocation.profile != "global":
        ways.append(r"model invocation max tokens per day")
    model = re.escape(invocation.model.name)
    return bool(re.fullmatch(rf"({'|'.join(ways)}) for (.* )?{model}( v\d+)?( \(.*\))?", name, re.IGNORECASE))


def _finding(invocation: Invocation, found: list[Mapping[str, Any]], model_rate: float) -> Finding:
    check = f"{invocation.id} quotas"
    if not found:
        return warning(check, "Service Quotas names none for it", "look in its console (Amazon Bedrock)")
    limits = sorted((_measure(quota["QuotaName"]), float(quota["Value"])) for quota in found)
    shown = ", ".join(f"{value:,.0f} {measure}" for measure, value in limits)
    if any(value == 0 for _, value in limits):
        return fail(check, shown, _ASK)
    let_in = model_rate * 60
    if any(measure == "requests per minute" and value < let_in for measure, value in limits):
        lower = "lower `throttling.modelRate` of the stage"
        return warning(check, f"{shown}; the gateway lets in {let_in:,.0f} requests per minute", f"{lower}, or {_ASK}")
    return ok(check, shown)


def _measure(name: str) -> str:
    found = re.search(r"(requests|tokens) per (minute|day)", name, re.IGNORECASE)
    return found.group().lower() if found else name
