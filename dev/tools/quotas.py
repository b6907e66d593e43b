"""Checks of the account's quotas for a stage's models."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dev.tools.findings import CALL_ERRORS, Finding, Target, call_failed, fail, ok, warning
from lambda_src.shared.catalog import Invocation

_ACTION = "servicequotas:ListServiceQuotas"
_ASK = "request an increase in the Service Quotas console (Amazon Bedrock)"


def quotas(models: Iterable[Invocation], target: Target, region: str, model_rate: float) -> Iterator[Finding]:
    """The models' request and token quotas. `model_rate` is the gateway's limit in requests per second."""
    try:
        pages = target.client("service-quotas", region).get_paginator("list_service_quotas")
        listed = [quota for page in pages.paginate(ServiceCode="bedrock") for quota in page["Quotas"]]
    except CALL_ERRORS as error:
        yield call_failed("quotas", error, _ACTION, target)
        return
    for invocation in models:
        yield _finding(invocation, [quota for quota in listed if applies(quota["QuotaName"], invocation)], model_rate)


def applies(name: str, invocation: Invocation) -> bool:
    """Whether the quota with this name limits this model or profile.

    Example of a name: "Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5 V1".
    """
    scope = "on-demand"
    if invocation.profile:
        scope = "global cross-region" if invocation.profile == "global" else "cross-region"
    ways = [rf"{scope} model inference (requests|tokens) per (minute|day)"]
    if invocation.profile != "global":
        ways.append(r"model invocation max tokens per day")
    model = re.escape(invocation.model.name)
    return bool(re.fullmatch(rf"({'|'.join(ways)}) for (.* )?{model}( v\d+)?( \(.*\))?", name, re.IGNORECASE))


def _finding(invocation: Invocation, listed: list[Mapping[str, Any]], model_rate: float) -> Finding:
    check = f"{invocation.id} quotas"
    if not listed:
        return warning(check, "Service Quotas has none for it", "see the Service Quotas console (Amazon Bedrock)")
    limits = sorted((_measure(quota["QuotaName"]), float(quota["Value"])) for quota in listed)
    shown = ", ".join(f"{value:,.0f} {measure}" for measure, value in limits)
    if any(value == 0 for _, value in limits):
        return fail(check, shown, _ASK)
    gateway_limit = model_rate * 60
    if any(measure == "requests per minute" and value < gateway_limit for measure, value in limits):
        lower = "lower `throttling.modelRate` of the stage"
        return warning(
            check, f"{shown}; the gateway allows {gateway_limit:,.0f} requests per minute", f"{lower}, or {_ASK}"
        )
    return ok(check, shown)


def _measure(name: str) -> str:
    match = re.search(r"(requests|tokens) per (minute|day)", name, re.IGNORECASE)
    return match.group().lower() if match else name
