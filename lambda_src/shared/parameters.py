"""A request's parameters against a model's row, and in the form in which Bedrock takes them."""

from typing import Any

import msgspec

from lambda_src.shared.catalogue import Model, Number, Range
from lambda_src.shared.errors import InvalidRequest
from lambda_src.shared.schemas import Parameters

# What Converse itself has a field for; a family's own parameters travel beside these.
CONVERSE = ("temperature", "topP", "maxTokens", "stopSequences")
# Family -> parameter -> where it stands in `additionalModelRequestFields`, from the families' pages in the user guides.
# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
# https://docs.aws.amazon.com/nova/latest/userguide/using-converse-api.html
FAMILY_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "claude": {"topK": ("top_k",)},
    "nova": {"topK": ("inferenceConfig", "topK")},
}
# Where the row has no default, Bedrock takes the model's maximum, and takes it off the account's quota beforehand.
MAX_TOKENS = 1000

Value = Number | list[str]
Values = dict[str, Value]


def parameter_ranges(model: Model) -> dict[str, Range]:
    """What the model takes, with the defaults in force here."""
    allowed = model.parameters.get("maxTokens")
    if allowed is None or allowed.default is not None:
        return model.parameters
    return {**model.parameters, "maxTokens": msgspec.structs.replace(allowed, default=min(MAX_TOKENS, allowed.max))}


def explicit_parameters(parameters: Parameters | None) -> Values:
    """Those that the caller set, by their names on the wire."""
    wire: dict[str, Value | None] = msgspec.to_builtins(parameters or Parameters())
    return {name: value for name, value in wire.items() if value is not None}


def effective_parameters(model: Model, values: Values) -> Values:
    """The caller's values over the defaults. Raises `InvalidRequest` naming each that the model does not take."""
    allowed = parameter_ranges(model)
    details = [
        {"path": f"body.parameters.{name}", "message": problem}
        for name, value in values.items()
        if (problem := _problem(model, allowed, name, value))
    ]
    if details:
        raise InvalidRequest("; ".join(f"{one['path']}: {one['message']}" for one in details), details=details)
    defaults = {name: one.default for name, one in allowed.items() if one.default is not None}
    return {**defaults, **values}


def supported_parameters(model: Model, values: Values) -> Values:
    """Those of the values that the model takes: for values that were checked against another model."""
    allowed = parameter_ranges(model)
    return {name: value for name, value in values.items() if not _problem(model, allowed, name, value)}


def converse_fields(model: Model, values: Values) -> dict[str, Any]:
    """Converse's fields for values that the model takes."""
    request: dict[str, Any] = {"inferenceConfig": {name: values[name] for name in CONVERSE if name in values}}
    for name, path in FAMILY_FIELDS.get(model.family, {}).items():
        if name in values:
            _put(request.setdefault("additionalModelRequestFields", {}), path, values[name])
    return request


def _put(into: dict[str, Any], path: tuple[str, ...], value: Value) -> None:
    for step in path[:-1]:
        into = into.setdefault(step, {})
    into[path[-1]] = value


def _problem(model: Model, allowed: dict[str, Range], name: str, value: Value) -> str | None:
    if name not in allowed:
        return f"{model.name} does not take it; it takes {', '.join(sorted(allowed))}"
    low, high = allowed[name].min, allowed[name].max
    size, what = (len(value), "sequences") if isinstance(value, list) else (value, "")
    return None if low <= size <= high else f"{model.name} takes {low} to {high} {what}".rstrip()
