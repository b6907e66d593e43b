"""The process's logger and metrics. Prompts, photos and answers are logged only with payload logging on.

Both name the stage: stages in one account share the metrics' namespace, and may share a store of logs.
"""

import os
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from lambda_src.shared.callers import Grant
from lambda_src.shared.context import Context, ModelUse

# Powertools reads its own settings from the environment at this point, too.
_STAGE: dict[str, Any] = {"stage": os.environ["STAGE"]} if os.environ.get("STAGE") else {}
logger = Logger(**_STAGE)
metrics = Metrics()
metrics.set_default_dimensions(**_STAGE)


def log_request(context: Context, **fields: Any) -> None:
    """One log line per request, and one metrics record per model: tokens, latency, estimated cost in US dollars."""
    logger.info(
        "request",
        request_id=context.request_id,
        caller=context.caller,
        **grant_fields(context.grant),
        models=[use_fields(use) for use in context.uses.values()],
        **fields,
    )
    for use in context.uses.values():
        _emit(use)


def count(**counts: int) -> None:
    """A metrics record of a use case's own counters."""
    for name, value in counts.items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.flush_metrics()


def count_fallback(model: str) -> None:
    """A metrics record of a request that another model has answered than this one."""
    metrics.add_dimension("model", model)
    count(ModelFallbacks=1)


def grant_fields(grant: Grant) -> dict[str, Any]:
    """What the authorizer says of a caller, as fields of a record."""
    fields = {"caller_name": grant.name, "team": grant.team, "key_id": grant.key_id}
    return {name: value for name, value in fields.items() if value is not None}


def use_fields(use: ModelUse) -> dict[str, Any]:
    """What a request used of a model, as fields of a record."""
    return {
        "model": use.invocation.id,
        "calls": use.calls,
        "input_tokens": use.input_tokens,
        "output_tokens": use.output_tokens,
        "images": use.images,
        "latency_ms": use.latency_ms,
        "estimated_cost_usd": use.estimated_cost,
    }


def _emit(use: ModelUse) -> None:
    metrics.add_dimension("model", use.invocation.id)
    metrics.add_metric("ModelCalls", MetricUnit.Count, use.calls)
    metrics.add_metric("ModelLatency", MetricUnit.Milliseconds, use.latency_ms)
    metrics.add_metric("InputTokens", MetricUnit.Count, use.input_tokens)
    metrics.add_metric("OutputTokens", MetricUnit.Count, use.output_tokens)
    metrics.add_metric("Images", MetricUnit.Count, use.images)
    if use.estimated_cost is not None:
        metrics.add_metric("EstimatedCost", MetricUnit.NoUnit, use.estimated_cost)
    metrics.flush_metrics()
