"""Validates a request's parameters against the model's row, and converts them to Converse's fields."""

from typing import Any

import msgspec

from lambda_src.shared.catalog import Model, Number, Range
from lambda_src.shared.errors import InvalidRequest
from lambda_src.shared.schemas import Parameters

# Parameters with a field in Converse. A family's other parameters go into `additionalModelRequestFields`.
CONVERSE = ("temperature", "topP", "maxTokens", "stopSequences")
# Family -> parameter -> its path in `additionalModelRequestFields`, from the user guides.
# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
# https://docs.aws.amazon.com/nova/latest/userguide/using-converse-api.html
FAMILY_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "claude": {"topK": ("top_k",)},
    "nova": {"topK": ("inferenceConfig", "topK")},
}
# Default for rows without one: Bedrock's default is the model's maximum, which it reserves from the account's quota.
MAX_TOKENS = 1000

Value = Number | list[str]
Values = dict[str, Value]


def parameter_ranges(model: Model) -> dict[str, Range]:
    """The model's parameters with their ranges and effective defaults."""
    allowed = model.parameters.get("maxTokens")
    if allowed is None or allowed.default is not None:
        return model.parameters
    return {**model.parameters, "maxTokens": msgspec.structs.replace(allowed, default=min(MAX_TOKENS, allowed.max))}


def explicit_parameters(parameters: Parameters | None) -> Values:
    """The values that the caller set, by their API names."""
    wire: dict[str, Value | None] = msgspec.to_builtins(parameters or Parameters())
    return {name: value for name, value in wire.items() if value is not None}


def effective_parameters(model: Model, values: Values) -> Values:
    """The caller's values over the defaults. Raises `InvalidRequest` with all values that the model does not take."""
    allowed = parameter_ranges(model)
    details = [
        {"path": f"body.parameters.{name}", "message": problem}
        for name, value in values.items()
        if (problem := _problem(model, allowed, name, value))
    ]
    details += [
        {"path": f"body.parameters.{second}", "message": f"{model.name} takes {first} or {second}, not both"}
        for first, second in model.exclusive
        if first in values and second in values
    ]
    if details:
        summary = "; ".join(f"{detail['path']}: {detail['message']}" for detail in details)
        raise InvalidRequest(summary, details=details)
    defaults = {name: limits.default for name, limits in allowed.items() if limits.default is not None}
    return {**defaults, **values}


def supported_parameters(model: Model, values: Values) -> Values:
    """The values that the model takes, out of values that were validated for another model."""
    allowed = parameter_ranges(model)
    taken = {name: value for name, value in values.items() if not _problem(model, allowed, name, value)}
    for first, second in model.exclusive:
        if first in taken:
            taken.pop(second, None)
    return taken


def converse_fields(model: Model, values: Values) -> dict[str, Any]:
    """Converse's request fields for values that the model takes."""
    request: dict[str, Any] = {"inferenceConfig": {name: values[name] for name in CONVERSE if name in values}}
    for name, path in FAMILY_FIELDS.get(model.family, {}).items():
        if name in values:
            _put(request.setdefault("additionalModelRequestFields", {}), path, values[name])
    return request


def _put(target: dict[str, Any], path: tuple[str, ...], value: Value) -> None:
    for key in path[:-1]:
        target = target.setdefault(key, {})
    target[path[-1]] = value


def _problem(model: Model, allowed: dict[str, Range], name: str, value: Value) -> str | None:
    if name not in allowed:
        return f"{model.name} does not take it; it takes {', '.join(sorted(allowed))}"
    low, high = allowed[name].min, allowed[name].max
    size, unit = (len(value), "sequences") if isinstance(value, list) else (value, "")
    return None if low <= size <= high else f"{model.name} takes {low} to {high} {unit}".rstrip()
